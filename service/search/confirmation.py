"""The confirmation: finalists and baseline meet on tasks that the search never saw, with fresh rollouts."""

from collections import deque
from collections.abc import Mapping, Sequence

from service.plan import StudyPlan
from service.search.trials import Schedule
from unhobble.configuration import Configuration
from unhobble.protocols import SearchStrategy
from unhobble.records import Outcome, RolloutRequest, TaskInfo
from unhobble.tracks import Track
from unhobble.vocabulary import Split, TrialState

Arm = tuple[int, Configuration]
"""A trial's number and its configuration."""


class Confirmation:
    """Proposes the held-out rollouts: every arm gets the same tasks and epochs, so that all pairs are complete.

    ``finalists`` are by track, the baseline's first, which is the headline. The epochs are as many as ``rollouts`` allows. Where
    not even one epoch for all arms fits, the last finalists are left out (``left_out``), those of the headline last of all. The
    arms of the headline, the baseline among them, are played first, cell by cell, and then the others: a budget that ends early,
    because an advantage costs more than it did in the search, ends with the headline confirmed.
    """

    def __init__(
        self, baseline: Arm, finalists: Mapping[Track, Sequence[Arm]], tasks: Sequence[TaskInfo], rollouts: int, seed: int
    ) -> None:
        others = [(track, arm) for track, of_track in finalists.items() for arm in of_track if arm[0] != baseline[0]]
        room = max(1, rollouts // len(tasks) - 1)
        headline = next(iter(finalists))
        self.arms: dict[Track, list[Arm]] = {headline: [baseline]}
        for track, arm in others[:room]:
            self.arms.setdefault(track, []).append(arm)
        self.left_out: tuple[tuple[Track, Arm], ...] = tuple(others[room:])
        self.epochs = max(1, rollouts // (len(tasks) * (1 + len(others[:room]))))
        schedule = Schedule(tasks, seed)
        cells = [schedule.cell(place) for place in range(len(tasks) * self.epochs)]
        blocks = (self.arms[headline], [arm for track, of_track in self.arms.items() if track != headline for arm in of_track])
        self._requests = deque(
            RolloutRequest(trial=number, configuration=configuration, task=task, epoch=epoch)
            for block in blocks
            for task, epoch in cells
            for number, configuration in block
        )
        self._recorded: set[tuple[int, str, int]] = set()

    @classmethod
    def of_study(
        cls, plan: StudyPlan, strategy: SearchStrategy, *, baseline: int, tracks: Sequence[Track], rollouts: int
    ) -> "Confirmation":
        """The confirmation of what ``strategy`` recommends; ``baseline`` is the number of the baseline's trial.

        ``tracks`` are all that were tried, the headline first: it gets the study's finalists, and each other one finalist.
        """
        return cls(
            baseline=(baseline, plan.baseline),
            finalists={
                track: [(r.trial, r.configuration) for r in strategy.recommend(1 if place else plan.spec.search.finalists, track)]
                for place, track in enumerate(tracks)
            },
            tasks=plan.tasks(Split.held_out),
            rollouts=rollouts,
            seed=plan.spec.search.seed,
        )

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
