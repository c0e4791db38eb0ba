"""The race of the strategies ``random`` and ``tpe``: who proposes differs, how a proposal is tried does not.

A new trial gets the first cells of the schedule and is dropped when it is clearly worse than its track's incumbent on the same
cells; else it gets twice as many, until it has had every task. The last part of the budget goes to further epochs of the
contenders, so that what is recommended rests on more than one lucky pass.
"""

import optuna
from pydantic import Field

from service.search.problem import SearchProblem
from service.search.proposing import Proposer, SamplerOfSeed
from service.search.sampled import SampledStrategy, WholeSuiteStrategy
from service.search.trials import Cell, TrialLedger, by_belief, mean_of, posterior, probability_not_worse
from unhobble.messages import Frozen
from unhobble.vocabulary import TrialState


class RaceConfig(Frozen):
    """Parameters of the race."""

    race: bool = Field(
        default=True,
        description="false: every configuration gets every task, none is dropped, and no part of the budget is kept for "
        "contenders: the other parameters of the race have no effect then.",
    )
    first_tasks: int = Field(4, ge=1, description="Rollouts of a new configuration before it is first compared with the incumbent.")
    prune_below: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        description="A trial is dropped when its probability of not being worse than the incumbent is below this.",
    )
    contenders: int = Field(
        4,
        ge=1,
        description="How many of the best trials of the baseline's track share the last part of the budget, "
        "with the best one of each other track.",
    )
    contenders_fraction: float = Field(
        0.3, ge=0, lt=1, description="Share of the search budget that goes to further epochs of contenders."
    )


def racing_strategy(config: RaceConfig, problem: SearchProblem, sampler: SamplerOfSeed) -> SampledStrategy:
    """The race over any Optuna sampler, or whole suites where there shall be no race."""
    proposer = Proposer(problem.space, problem.seed, sampler)
    return RacingStrategy(config, problem, proposer) if config.race else WholeSuiteStrategy(problem, proposer)


class RacingStrategy(SampledStrategy):
    """The race over any ``Proposer``."""

    def __init__(self, config: RaceConfig, problem: SearchProblem, proposer: Proposer) -> None:
        super().__init__(problem, proposer, contenders=config.contenders, contenders_fraction=config.contenders_fraction)
        self._first_tasks = min(config.first_tasks, self._schedule.tasks)
        self._prune_below = config.prune_below

    @property
    def _first(self) -> int:
        return self._first_tasks

    def _repeat(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> bool:
        # The sampler is told what is believed of the configuration it repeated, so that it does not wait for an answer.
        self._proposer.tell(proposal, self._believed(trial))
        if trial.state is TrialState.complete:
            self._extend(trial)
            return True
        return False

    def _judge(self, trial: TrialLedger, cell: Cell) -> None:
        del cell
        if trial.state is not TrialState.running or not trial.settled(self._schedule):
            return
        if trial.wanted >= self._schedule.tasks:
            self._finish(trial, TrialState.complete)
            return
        incumbent = self._incumbent_for(trial)
        if incumbent is None or probability_not_worse(trial, incumbent) >= self._prune_below:
            self._want(trial, min(2 * trial.wanted, self._schedule.tasks))
        else:
            self._finish(trial, TrialState.pruned)

    def _incumbent_for(self, trial: TrialLedger) -> TrialLedger | None:
        """The best other trial of its track, by posterior mean, that has had every task."""
        others = [t for t in self._trials.values() if t is not trial and t.track == trial.track]
        full = [t for t in others if len(t.scores) >= self._schedule.tasks]
        best = by_belief(posterior(full))
        return self._trials[best[0]] if best else None

    def _finish(self, trial: TrialLedger, state: TrialState) -> None:
        # What further epochs taught of a trial is entered anew.
        if trial.number not in self._pending:
            self._pend(trial)
        super()._finish(trial, state)

    def _begin(self, baseline: TrialLedger) -> None:
        """Nothing: the baseline is entered when it is over."""

    def _tell(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        self._proposer.tell(proposal, self._believed(trial))

    def _believed(self, trial: TrialLedger) -> float:
        """The posterior mean, which also makes a pruned trial's few rollouts comparable with a full one's many."""
        belief = posterior(self._all).get(trial.number)
        return mean_of(belief) if belief else 0.0
