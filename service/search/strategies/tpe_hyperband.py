"""Optuna's TPE with its HyperbandPruner, whose resource is the number of tasks that a trial has finished.

https://optuna.readthedocs.io/en/stable/reference/generated/optuna.pruners.HyperbandPruner.html: a trial reports its mean so far
under the number of its finished tasks, and is pruned at the rungs of its bracket; the sampler learns bracket by bracket.
Li et al. 2018, https://jmlr.org/papers/v18/16-558.html.
"""

import optuna
from pydantic import Field

from service.search.problem import SearchProblem
from service.search.proposing import Proposer, tpe_sampler
from service.search.pruning import PruningConfig, PruningStrategy
from service.search.trials import Cell, TrialLedger
from unhobble.vocabulary import TrialState


class Config(PruningConfig):
    """Parameters of the sampler and of the pruner."""

    first_tasks: int = Field(1, ge=1, description="Tasks before the first rung of the most eager bracket: its smallest resource.")
    reduction_factor: int = Field(3, ge=2, description="At each rung about one of so many trials goes on.")


class HyperbandStrategy(PruningStrategy):
    """A trial wants as many tasks as the next rung of any bracket asks for: until then no pruner can stop it."""

    def __init__(self, config: Config, problem: SearchProblem, proposer: Proposer) -> None:
        self._rungs = [min(config.first_tasks, len(problem.tasks))]
        while self._rungs[-1] * config.reduction_factor < len(problem.tasks):
            self._rungs.append(self._rungs[-1] * config.reduction_factor)
        super().__init__(config, problem, proposer)

    def _stop_after(self, settled: int) -> int:
        return next((rung for rung in self._rungs if rung > settled), self._schedule.tasks)

    def _report(self, trial: TrialLedger, cell: Cell) -> tuple[float, int]:
        del cell
        first_pass = [score for (_, epoch), score in trial.scores.items() if epoch == 0]
        return sum(first_pass) / len(first_pass), len(first_pass)

    def _report_repeat(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        assert trial.mean is not None
        proposal.report(trial.mean, self._schedule.tasks)

    def _tell(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        if trial.mean is None:
            self._proposer.forget(proposal)
        elif trial.state is TrialState.pruned:
            self._proposer.tell_pruned(proposal)
        else:
            self._proposer.tell(proposal, trial.mean)


def build(config: Config, problem: SearchProblem) -> HyperbandStrategy:
    """A strategy for ``problem``."""
    tasks = len(problem.tasks)
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=min(config.first_tasks, tasks), max_resource=tasks, reduction_factor=config.reduction_factor
    )
    return HyperbandStrategy(config, problem, Proposer(problem.space, problem.seed, tpe_sampler(config.startup_trials), pruner))
