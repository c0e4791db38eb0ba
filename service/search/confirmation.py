"""The confirmation: finalists and baseline meet on tasks that the search never saw, with fresh rollouts."""

from collections import deque
from collections.abc import Sequence

from service.search.trials import Schedule
from unhobble.configuration import Configuration
from unhobble.records import Outcome, RolloutRequest, TaskInfo
from unhobble.vocabulary import TrialState

Arm = tuple[int, Configuration]
"""A trial's number and its configuration."""


class Confirmation:
    """Proposes the held-out rollouts: every arm gets the same tasks and epochs, cell by cell, so that all pairs are complete.

    The epochs are as many as ``rollouts`` allows. Where not even one epoch for all arms fits, the last finalists are left out.
    """

    def __init__(self, baseline: Arm, finalists: Sequence[Arm], tasks: Sequence[TaskInfo], rollouts: int, seed: int) -> None:
        others = [arm for arm in finalists if arm[0] != baseline[0]]
        room = max(1, rollouts // len(tasks) - 1)
        self.arms: tuple[Arm, ...] = (baseline, *others[:room])
        self.epochs = max(1, rollouts // (len(tasks) * len(self.arms)))
        schedule = Schedule(tasks, seed)
        cells = [schedule.cell(place) for place in range(len(tasks) * self.epochs)]
        self._requests = deque(
            RolloutRequest(trial=number, configuration=configuration, task=task, epoch=epoch)
            for task, epoch in cells
            for number, configuration in self.arms
        )
        self._recorded: set[tuple[int, str, int]] = set()

    def propose(self, n: int) -> list[RolloutRequest]:
        """Up to ``n`` further rollouts."""
        requests: list[RolloutRequest] = []
        while self._requests and len(requests) < n:
            request = self._requests.popleft()
            if (request.trial, request.task, request.epoch) not in self._recorded:
                requests.append(request)
        return requests

    def record(self, outcome: Outcome) -> None:
        """Learn that a rollout is finished, so that it is not proposed again after a restart."""
        self._recorded.add((outcome.trial, outcome.task, outcome.epoch))

    def abandon(self, request: RolloutRequest) -> None:
        """Forget a proposal that will have no score; its pair stays incomplete and is reported as missing."""
        self._recorded.add((request.trial, request.task, request.epoch))

    def trial_state(self, trial: int) -> TrialState:
        """Every arm's search is over."""
        del trial
        return TrialState.complete
