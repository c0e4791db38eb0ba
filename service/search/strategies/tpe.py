"""Optuna's multivariate tree-structured Parzen estimator over unique configurations, raced on paired tasks."""

from pydantic import Field

from service.search.problem import SearchProblem
from service.search.proposing import tpe_sampler
from service.search.racing import RaceConfig, racing_strategy
from service.search.sampled import SampledStrategy


class Config(RaceConfig):
    """Parameters of the race and of the sampler."""

    startup_trials: int = Field(10, ge=1, description="Configurations drawn at random before the estimator begins.")


def build(config: Config, problem: SearchProblem) -> SampledStrategy:
    """A strategy for ``problem``."""
    return racing_strategy(config, problem, tpe_sampler(config.startup_trials))
