"""One Bayesian model of all rollouts, and Thompson sampling on it: what any rollout says of a value counts for all that have it."""

from pydantic import Field

from service.search.pooled.strategy import Policy, PooledStrategy
from service.search.problem import SearchProblem
from unhobble.messages import Frozen


class Config(Frozen):
    """How rollouts are chosen."""

    startup_rollouts: int = Field(30, ge=1, description="Rollouts before the model is asked; until then configurations are random.")
    narrowed: float = Field(0.5, gt=0, le=1, description="Width of most draws, as a share of the posterior's own.")
    wide_share: float = Field(0.25, ge=0, le=1, description="Share of the draws that have the posterior's own width.")
    leader_share: float = Field(0.15, ge=0, le=1, description="Share of the draws that go to what is believed the best.")
    headline_share: float = Field(
        0.7, gt=0, le=1, description="Share of the rollouts that the baseline's track gets where the space has others too."
    )
    per_dollar: bool = Field(
        False, description="Search for success per dollar and recommend by it; per token where prices are not known."
    )
    per_dollar_floor: float = Field(
        0.25, gt=0, le=1, description="Under per_dollar, what succeeds less than this share of the best ranks last, however cheap."
    )


def build(config: Config, problem: SearchProblem) -> PooledStrategy:
    """A strategy for ``problem``."""
    return PooledStrategy(Policy(**config.model_dump()), problem)
