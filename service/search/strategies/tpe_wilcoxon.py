"""Optuna's TPE with its WilcoxonPruner: tasks are the instances by which a trial is paired with the best one.

https://optuna.readthedocs.io/en/stable/reference/generated/optuna.pruners.WilcoxonPruner.html: each task is reported under a step
of its own, and a pruned trial's value is the mean of what it had, because a pruned state would tell the sampler nothing of it.
"""

import optuna
from pydantic import Field

from service.search.problem import SearchProblem
from service.search.proposing import Proposer, tpe_sampler
from service.search.pruning import PruningConfig, PruningStrategy
from service.search.trials import Cell, TrialLedger
from service.search.wilcoxon import PairedPruner


class Config(PruningConfig):
    """Parameters of the sampler and of the pruner."""

    p_threshold: float = Field(0.1, gt=0, lt=1, description="A trial is pruned when the test's p-value is below this.")
    startup_steps: int = Field(2, ge=2, description="Tasks of a trial before it may be pruned.")
    ahead: int = Field(8, ge=1, description="Tasks of one trial under way at once; so many can be too many when it is pruned.")


class WilcoxonStrategy(PruningStrategy):
    """A trial always wants ``ahead`` tasks more than it has finished."""

    def __init__(self, config: Config, problem: SearchProblem, proposer: Proposer) -> None:
        super().__init__(config, problem, proposer)
        self._ahead = config.ahead

    def _stop_after(self, settled: int) -> int:
        return min(settled + self._ahead, self._schedule.tasks)

    def _report(self, trial: TrialLedger, cell: Cell) -> tuple[float, int]:
        return trial.scores[cell], self._schedule.place(cell) % self._schedule.tasks

    def _report_repeat(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        """The mean of each task's epochs."""
        of_task: dict[int, list[float]] = {}
        for cell, score in trial.scores.items():
            of_task.setdefault(self._schedule.place(cell) % self._schedule.tasks, []).append(score)
        for step, scores in sorted(of_task.items()):
            proposal.report(sum(scores) / len(scores), step)

    def _tell(self, trial: TrialLedger, proposal: optuna.trial.Trial) -> None:
        if trial.mean is None:
            self._proposer.forget(proposal)
        else:
            self._proposer.tell(proposal, trial.mean)


def build(config: Config, problem: SearchProblem) -> WilcoxonStrategy:
    """A strategy for ``problem``."""
    pruner = PairedPruner(config.p_threshold, config.startup_steps)
    return WilcoxonStrategy(config, problem, Proposer(problem.space, problem.seed, tpe_sampler(config.startup_trials), pruner))
