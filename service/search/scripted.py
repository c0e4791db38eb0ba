"""Strategies that are written down as one story, which waits where it needs outcomes.

The story is a function of the seed and of the outcomes, never of the order in which these came in. So a restart tells it again from
the beginning: what was played before is known at once, and the first cell that is not is where the search goes on.
"""

import random
from abc import abstractmethod
from collections.abc import Iterator, Sequence

from service.search.ledgers import LedgerStrategy, fewest_wanted, without_advantage
from service.search.problem import SearchProblem
from service.search.trials import Cell, TrialLedger
from unhobble.configuration import Configuration
from unhobble.vocabulary import TrialState

_TRIES_FOR_A_NEW_CONFIGURATION = 200
_CONTENDERS = 4


class ScriptedStrategy(LedgerStrategy):
    """A strategy whose story is ``_search``: an iterator that wants cells and yields. What is left over goes to the best trials."""

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem)
        self._story: Iterator[None] | None = None
        self._told: set[Configuration] = set()  # those that occurred in the story so far
        self._random = random.Random(f"story-{problem.seed}")
        self._without_advantage = without_advantage(problem.space)

    @abstractmethod
    def _search(self, baseline: TrialLedger) -> Iterator[None]:
        """The story, after the baseline is entered. It may read outcomes only of cells that ``_settle`` has waited for."""

    # --- what stories are told with -----------------------------------------------------------------------------------
    def _settle(self, trials: Sequence[TrialLedger], places: int) -> Iterator[None]:
        """Want the first ``places`` cells of each trial, and wait for all of them."""
        for trial in trials:
            if trial.wanted < places:
                self._want(trial, places)
        while not all(trial.settled(self._schedule, places) for trial in trials):
            yield

    def _trial_of(self, configuration: Configuration) -> TrialLedger:
        """The trial of a configuration: a new one, or that of an earlier process."""
        self._told.add(configuration)
        known = self._number_of.get(configuration)
        return self._enter(configuration, max(self._trials, default=0) + 1) if known is None else self._trials[known]

    def _drawn(self) -> TrialLedger | None:
        """The trial of a configuration at random that the story has not had; None where none can be found."""
        plain = sum(not self._problem.track_of(told).advantage for told in self._told) if self._without_advantage else 0
        fixed = self._without_advantage if 2 * plain < len(self._told) else {}
        for _ in range(_TRIES_FOR_A_NEW_CONFIGURATION):
            configuration = self._problem.space.from_draws(
                lambda path, dimension: fixed[path] if path in fixed else dimension.draw(self._random)
            )
            if configuration not in self._told:
                return self._trial_of(configuration)
        return None

    # --- the same for all ---------------------------------------------------------------------------------------------
    def _want_more(self) -> bool:
        if self._story is None:  # only now is all replayed that an earlier process had
            self._story = self._whole_story()
        next(self._story)
        return bool(self._waiting)

    def _whole_story(self) -> Iterator[None]:
        baseline = self._trials.get(0) or self._enter(self._problem.baseline, 0)
        self._told.add(baseline.configuration)
        self._want(baseline, self._schedule.tasks)
        yield
        yield from self._search(baseline)
        for trial in self._all:
            if trial.state is TrialState.running:
                trial.state = TrialState.complete
        while True:
            contenders = self._contenders(_CONTENDERS) or self._all
            self._extend(min(contenders, key=fewest_wanted))
            yield

    def _enter(self, configuration: Configuration, number: int) -> TrialLedger:
        return self._add(configuration, number, 0)

    def _replayed(self, trial: TrialLedger, cell: Cell) -> None:
        """The story itself will come to want it."""

    def _want(self, trial: TrialLedger, wanted: int) -> None:
        trial.state = TrialState.running
        super()._want(trial, wanted)
        self._complete_if_played_out(trial)

    def _judge(self, trial: TrialLedger, cell: Cell) -> None:
        """The story judges, when it goes on."""
        del cell
        self._complete_if_played_out(trial)

    def _complete_if_played_out(self, trial: TrialLedger) -> None:
        if trial.state is TrialState.running and trial.wanted >= self._schedule.tasks and trial.settled(self._schedule):
            trial.state = TrialState.complete
