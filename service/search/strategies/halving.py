"""Random configurations, of which the better part goes on to more tasks, and the better part of these, until few are left.

Successive halving with a fixed budget (Jamieson and Talwalkar 2016, https://proceedings.mlr.press/v51/jamieson16.html): every rung
costs about the same, and all of them together cost the budget. A pull of an arm is a rollout of a configuration on the next cell of
the schedule, so that those of one rung are compared on the same tasks; after all tasks, further epochs follow.
"""

from collections.abc import Iterator
from math import ceil

from pydantic import Field

from service.search.problem import SearchProblem
from service.search.scripted import ScriptedStrategy
from service.search.trials import TrialLedger
from unhobble.messages import Frozen
from unhobble.vocabulary import TrialState


class Config(Frozen):
    """Parameters of the bracket."""

    first_tasks: int = Field(2, ge=1, description="Rollouts of a configuration before it is first compared with the others.")
    reduction_factor: int = Field(2, ge=2, description="At each rung one of so many goes on, and gets so many times the rollouts.")


class HalvingStrategy(ScriptedStrategy):
    """One bracket, with as many configurations as the budget allows; the baseline is one of them."""

    def __init__(self, config: Config, problem: SearchProblem) -> None:
        super().__init__(problem)
        self._factor = config.reduction_factor
        budget = problem.rollouts - self._schedule.tasks  # the baseline has every task in any case
        self._arms, self._rungs = bracket(budget, config.first_tasks, config.reduction_factor, problem.space.size())

    def _search(self, baseline: TrialLedger) -> Iterator[None]:
        alive = [baseline]
        while len(alive) < self._arms and (trial := self._drawn()):
            alive.append(trial)
        for rung in self._rungs:
            yield from self._settle(alive, rung)
            alive = self._best(alive, rung)
            if len(alive) == 1:
                return

    def _best(self, alive: list[TrialLedger], rung: int) -> list[TrialLedger]:
        """Those that go on: of each track, as only those of one track can be compared."""
        kept: set[int] = set()
        for track in {trial.track for trial in alive}:
            ranked = sorted(
                (t for t in alive if t.track == track), key=lambda t: (-(t.mean_of_first(self._schedule, rung) or 0), t.number)
            )
            kept |= {trial.number for trial in ranked[: ceil(len(ranked) / self._factor)]}
        for trial in alive:
            if trial.number not in kept and trial.number != 0:
                trial.state = TrialState.pruned
        return [trial for trial in alive if trial.number in kept]


def bracket(budget: int, first: int, factor: int, most: int | None) -> tuple[int, list[int]]:
    """How many configurations begin, and how many rollouts each of those that are left has had by the end of each rung.

    As many as fit ``budget`` when they begin with ``first`` rollouts, at most ``most``; where these leave some of the budget, they
    begin with more.
    """
    arms = 2
    while arms + 1 <= (most or arms + 1) and _cost(arms + 1, first, factor) <= budget:
        arms += 1
    while _cost(arms, first + 1, factor) <= budget:
        first += 1
    left, rungs = arms, [first]
    while (left := ceil(left / factor)) > 1:
        rungs.append(rungs[-1] * factor)
    return arms, rungs


def _cost(arms: int, first: int, factor: int) -> int:
    cost, rung, before = 0, first, 0
    while arms > 1:
        cost += arms * (rung - before)
        arms, before, rung = ceil(arms / factor), rung, rung * factor
    return cost


def build(config: Config, problem: SearchProblem) -> HalvingStrategy:
    """A strategy for ``problem``."""
    return HalvingStrategy(config, problem)
