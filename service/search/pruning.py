"""Strategies in which an Optuna pruner stops trials, as Optuna documents it: a trial reports as its tasks finish.

Up to a trial's next stop its tasks are under way at once; so with many places free, many trials are.
"""

from abc import abstractmethod

import optuna
from pydantic import Field

from service.search.problem import SearchProblem
from service.search.proposing import Proposer
from service.search.sampled import SampledStrategy, StartupTrials
from service.search.trials import Cell, TrialLedger
from unhobble.vocabulary import TrialState


class PruningConfig(StartupTrials):
    """Parameters of strategies with an Optuna pruner."""

    contenders: int = Field(4, ge=1, description="How many of the best trials share the last part of the budget.")
    contenders_fraction: float = Field(
        0.0, ge=0, lt=1, description="Share of the search budget that goes to further epochs of contenders; Optuna itself has none."
    )


class PruningStrategy(SampledStrategy):
    """A strategy over a ``Proposer`` with a pruner. The baseline reports as every trial does, and is never pruned."""

    def __init__(self, config: PruningConfig, problem: SearchProblem, proposer: Proposer) -> None:
        super().__init__(problem, proposer, contenders=config.contenders, contenders_fraction=config.contenders_fraction)
        self._repeats: set[int] = set()  # trials whose pending proposal is of a configuration that was complete before

    @abstractmethod
    def _stop_after(self, settled: int) -> int:
        """How many cells a trial wants once ``settled`` of those that it wanted are; at most as many as there are tasks."""

    @abstractmethod
    def _report(self, trial: TrialLedger, cell: Cell) -> tuple[float, int]:
        """The value and the step that Optuna's trial reports now that ``cell`` has a score."""

    @property
    def _first(self) -> int:
        return self._stop_after(0)

    def _repeat(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> bool:
        extended = super()._repeat(trial, proposal)
        if extended:
            self._repeats.add(trial.number)
        return extended

    def _judge(self, trial: TrialLedger, cell: Cell) -> None:
        if trial.state is not TrialState.running:
            return
        proposal = None if trial.number in self._repeats else self._pending.get(trial.number)
        if proposal and cell in trial.scores and cell[1] == 0 and self._prunes(trial, proposal, cell):
            self._finish(trial, TrialState.pruned)
        elif trial.wanted < self._schedule.tasks:
            stop = self._stop_after(len(trial.scores) + len(trial.abandoned))
            if stop > trial.wanted:
                self._want(trial, stop)
        elif trial.settled(self._schedule):
            self._finish(trial, TrialState.complete)

    def _prunes(self, trial: TrialLedger, proposal: optuna.trial.Trial, cell: Cell) -> bool:
        proposal.report(*self._report(trial, cell))
        # Who is to have further epochs already was a contender.
        return proposal.should_prune() and trial.number != 0 and trial.wanted <= self._schedule.tasks

    def _finish(self, trial: TrialLedger, state: TrialState) -> None:
        if trial.number in self._repeats:
            if trial.scores:
                self._report_repeat(trial, self._pending[trial.number])
            self._repeats.discard(trial.number)
        super()._finish(trial, state)

    @abstractmethod
    def _report_repeat(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        """Let ``proposal``, which repeated a configuration, report what is known of it after the further epoch."""
