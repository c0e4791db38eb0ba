"""Strategies whose configurations an Optuna sampler proposes: from the baseline to the contenders' last epochs.

Proposing a configuration again that is complete adds an epoch to its trial. The sampler learns from all tracks together; whatever
is ranked, is ranked within one. Where a space has advantages, half of the search goes to configurations without.
"""

from abc import abstractmethod

import optuna
from pydantic import Field

from service.search.ledgers import SHARE_WITHOUT_ADVANTAGE, LedgerStrategy, fewest_wanted, without_advantage
from service.search.problem import SearchProblem
from service.search.proposing import TRACK, Proposer
from service.search.trials import Cell, TrialLedger
from unhobble.configuration import Configuration
from unhobble.messages import Frozen
from unhobble.vocabulary import TrialState

_TRIES_FOR_A_NEW_CONFIGURATION = 20


class SampledStrategy(LedgerStrategy):
    """A strategy over a ``Proposer``. The last ``contenders_fraction`` of the budget goes to epochs of the best ``contenders``."""

    def __init__(self, problem: SearchProblem, proposer: Proposer, *, contenders: int, contenders_fraction: float) -> None:
        super().__init__(problem)
        self._proposer = proposer
        self._contenders_at_the_end = contenders
        self._search_ends_at = (1 - contenders_fraction) * problem.rollouts
        self._without_advantage = without_advantage(problem.space)
        self._pending: dict[int, optuna.trial.Trial] = {}

    # --- what it decides ----------------------------------------------------------------------------------------------
    @property
    @abstractmethod
    def _first(self) -> int:
        """How many cells a new trial wants at first."""

    @abstractmethod
    def _tell(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        """Tell the sampler what became of a trial that is over."""

    def _repeat(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> bool:
        """What to do with a proposal of a configuration that is known. False where another one is to be drawn."""
        if trial.state is not TrialState.complete:
            self._proposer.forget(proposal)
            return False
        self._await(trial, proposal)
        self._extend(trial)
        return True

    # --- the same for all ---------------------------------------------------------------------------------------------
    def adopt(self, trial: int, configuration: Configuration) -> None:
        """See ``protocols.SearchStrategy``. The sampler learns that the trial is under way."""
        self._pend(self._enter(configuration, trial))

    def _enter(self, configuration: Configuration, number: int) -> TrialLedger:
        return self._add(configuration, number, self._schedule.tasks if number == 0 else self._first)

    def _begin(self, baseline: TrialLedger) -> None:
        self._pend(baseline)

    def _pend(self, trial: TrialLedger) -> None:
        if proposal := self._proposer.take_over(trial.configuration):
            self._await(trial, proposal)

    def _await(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        proposal.set_user_attr(TRACK, trial.track.name)
        self._pending[trial.number] = proposal

    def _want_more(self) -> bool:
        """Enter a new trial, or give an old one further cells, so that something is wanted again."""
        if not self._trials:
            self._begin(self._enter(self._problem.baseline, 0))
            return True
        if self._asked >= self._search_ends_at and (contenders := self._contenders(self._contenders_at_the_end)):
            self._extend(min(contenders, key=fewest_wanted))
            return True
        for _ in range(_TRIES_FOR_A_NEW_CONFIGURATION):
            short = bool(self._without_advantage) and self._share_without_advantage() < SHARE_WITHOUT_ADVANTAGE
            configuration, proposal = self._proposer.draw(self._without_advantage if short else {})
            known = self._number_of.get(configuration)
            if known is None:
                self._await(self._enter(configuration, max(self._trials) + 1), proposal)
                return True
            if self._repeat(self._trials[known], proposal):
                return True
        # Nothing new can be had (the space may be used up), so whoever has the fewest rollouts gets more.
        self._extend(min(self._all, key=fewest_wanted))
        return True

    def _finish(self, trial: TrialLedger, state: TrialState) -> None:
        trial.state = state
        if proposal := self._pending.pop(trial.number, None):
            self._tell(trial, proposal)


class WholeSuiteStrategy(SampledStrategy):
    """Every configuration gets every task; the sampler learns the observed means."""

    def __init__(self, problem: SearchProblem, proposer: Proposer) -> None:
        super().__init__(problem, proposer, contenders=1, contenders_fraction=0)

    @property
    def _first(self) -> int:
        return self._schedule.tasks

    def _judge(self, trial: TrialLedger, cell: Cell) -> None:
        del cell
        if trial.state is TrialState.running and trial.settled(self._schedule):
            self._finish(trial, TrialState.complete)

    def _tell(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        if trial.mean is None:
            self._proposer.forget(proposal)
        else:
            self._proposer.tell(proposal, trial.mean)


class StartupTrials(Frozen):
    """What every model-based sampler asks."""

    startup_trials: int = Field(10, ge=1, description="Configurations drawn at random before the sampler's model begins.")
