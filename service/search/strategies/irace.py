"""Elitist iterated racing: configurations drawn around the best ones of the race before, and raced with these task by task.

López-Ibáñez et al. 2016, "The irace package: Iterated racing for automatic algorithm configuration",
https://doi.org/10.1016/j.orp.2016.09.002; written from the paper. Defaults are the paper's, but for the test (see docs/search.md).
"""

from pydantic import Field

from service.search.irace.elimination import Test
from service.search.irace.strategy import IteratedRacing, Rules
from service.search.problem import SearchProblem
from unhobble.messages import Frozen


class Config(Frozen):
    """Parameters of the races."""

    first_tasks: int = Field(5, ge=2, description="Tasks that all configurations of a race have before the first test.")
    each_tasks: int = Field(
        1, ge=1, description="Tasks between two tests. More of them keep more rollouts under way, and drop the worse ones later."
    )
    new_tasks: int = Field(
        1, ge=0, description="Tasks (or further epochs of them) that the elites have not had and every race adds."
    )
    test: Test = Field(
        "t-test",
        description="friedman: on the ranks within each task. t-test: paired, on the means, without a correction for their number.",
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="Level of the test.")
    patience: int = Field(2, ge=1, description="A race ends after so many tests in a row that dropped none.")


def build(config: Config, problem: SearchProblem) -> IteratedRacing:
    """A strategy for ``problem``."""
    return IteratedRacing(Rules(**dict(config)), problem)
