"""Lets a strategy search a surface in simulated time, as a study does: rollouts run beside each other and end when they end.

What a rollout scores, and how long it takes, depends on the surface, the seed, the configuration, the task and the epoch alone. So
two strategies that ask for the same rollout are told the same.
"""

import heapq
import math
import random
import time
from collections.abc import Sequence
from typing import Protocol

from pydantic import Field

from search_spaces.space import Space
from service.search.problem import SearchProblem
from unhobble.configuration import Configuration
from unhobble.messages import Frozen
from unhobble.protocols import SearchStrategy
from unhobble.records import Outcome, RolloutRequest, TaskInfo

_SPREAD = 0.7
"""Standard deviation of the logarithm of a rollout's duration."""
_LONGER = 0.25
"""A rollout takes as long as its task's human minutes to this power, in the middle."""


class Surface(Protocol):
    """What a search is played on."""

    @property
    def space(self) -> Space:
        """The space, with the baseline that a search begins with."""
        ...

    @property
    def tasks(self) -> Sequence[TaskInfo]:
        """The tasks of the search split."""
        ...

    @property
    def best(self) -> float:
        """The true success rate of the best configuration of the space, a mean over the tasks."""
        ...

    def probability(self, configuration: Configuration, task: str) -> float:
        """The probability that a rollout succeeds."""
        ...

    def success(self, configuration: Configuration) -> float:
        """The mean of ``probability`` over the tasks."""
        ...


class Reading(Frozen):
    """What a strategy would answer after some rollouts, beside the truth. Success rates are means over the tasks."""

    rollouts: int = Field(description="Outcomes that the strategy was told; 0 ≤ rollouts ≤ budget.")
    budget: int
    success: float = Field(description="True success rate of the recommended configuration; the baseline's where there is none.")
    regret: float = Field(description="How much better the best configuration of the space is.")
    claimed: float | None = Field(description="What the strategy believes the recommended configuration's success rate to be.")
    low: float | None = Field(description="Lower end of its 90 % credible interval.")
    high: float | None = Field(description="Upper end of its 90 % credible interval.")
    upper_limit: float | None = Field(description="The 95 % upper limit for the best of the space, where the strategy has one.")
    configurations: int = Field(description="How many configurations had at least one rollout proposed.")
    cpu_s: float = Field(description="CPU seconds for proposing and recording, up to here.")
    answer_cpu_s: float = Field(description="CPU seconds for this answer: recommendation and outlook.")


class CpuClock:
    """CPU seconds of this process within ``with``, and of a strategy's own process where it has one (``cpu_elsewhere_s``)."""

    def __init__(self, strategy: SearchStrategy) -> None:
        self._strategy = strategy
        self.spent_s = 0.0
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = self._now()

    def __exit__(self, *_: object) -> None:
        self.spent_s += self._now() - self._since

    def _now(self) -> float:
        return time.process_time() + float(getattr(self._strategy, "cpu_elsewhere_s", 0.0))


def problem(surface: Surface, *, seed: int, rollouts: int) -> SearchProblem:
    """What a strategy is given to search ``surface`` with a budget of ``rollouts``."""
    return SearchProblem(surface.space, tuple(surface.tasks), surface.space.baseline, seed, rollouts)


def play(
    strategy: SearchStrategy, surface: Surface, *, name: str, seed: int, budgets: Sequence[int], in_flight: int
) -> list[Reading]:
    """What ``strategy`` answers after each of ``budgets``, in order; with the last one its search ends.

    Up to ``in_flight`` rollouts run at once, and never more in all than the last budget. ``name`` and ``seed`` are what outcomes
    are drawn from. A strategy that wants nothing more while nothing is under way has ended early: it answers the rest from what
    it has. Raises ``ValueError`` for one that proposes more than it was asked for.
    """
    player = _Player(strategy, surface, f"{name}-{seed}", in_flight, max(budgets))
    readings = []
    for budget in sorted(budgets):
        player.go_on_until(budget)
        readings.append(player.reading(budget))
    return readings


class _Player:
    def __init__(self, strategy: SearchStrategy, surface: Surface, name: str, in_flight: int, budget: int) -> None:
        self._strategy, self._surface, self._name = strategy, surface, name
        self._in_flight, self._budget = in_flight, budget
        self._minutes = {task.id: task.human_minutes for task in surface.tasks}
        self._under_way: list[tuple[float, int, RolloutRequest, float]] = []
        self._now, self._asked, self._told = 0.0, 0, 0
        self._tried: set[int] = set()
        self._clock = CpuClock(strategy)

    def go_on_until(self, told: int) -> None:
        """Play until so many outcomes are recorded, or the strategy wants nothing more."""
        while self._told < told:
            self._fill_up()
            if not self._under_way:
                return
            self._now, _, request, score = heapq.heappop(self._under_way)
            outcome = Outcome(
                trial=request.trial, configuration=request.configuration, task=request.task, epoch=request.epoch, score=score
            )
            with self._clock:
                self._strategy.record(outcome)
            self._told += 1

    def reading(self, budget: int) -> Reading:
        """What the strategy would answer now."""
        clock = CpuClock(self._strategy)
        with clock:
            best = self._strategy.recommend(1)
            outlook = self._strategy.outlook()
        chosen = best[0].configuration if best else self._surface.space.baseline
        success = self._surface.success(chosen)
        return Reading(
            rollouts=self._told,
            budget=budget,
            success=success,
            regret=self._surface.best - success,
            claimed=best[0].mean if best else None,
            low=best[0].low if best else None,
            high=best[0].high if best else None,
            upper_limit=outlook.upper_limit if outlook else None,
            configurations=len(self._tried),
            cpu_s=self._clock.spent_s,
            answer_cpu_s=clock.spent_s,
        )

    def _fill_up(self) -> None:
        free = min(self._in_flight - len(self._under_way), self._budget - self._asked)
        if free <= 0:
            return
        with self._clock:
            requests = self._strategy.propose(free)
        if len(requests) > free:
            raise ValueError(f"{len(requests)} rollouts were proposed where {free} were asked for")
        for request in requests:
            score, duration = self._drawn(request)
            heapq.heappush(self._under_way, (self._now + duration, self._asked, request, score))
            self._asked += 1
            self._tried.add(request.trial)

    def _drawn(self, request: RolloutRequest) -> tuple[float, float]:
        draw = random.Random(f"{self._name}-{request.configuration.hash}-{request.task}-{request.epoch}")
        score = float(draw.random() < self._surface.probability(request.configuration, request.task))
        return score, self._minutes[request.task] ** _LONGER * math.exp(draw.gauss(0, _SPREAD))
