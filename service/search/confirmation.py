"""The confirmation: finalists and baseline meet on tasks that the search never saw, with fresh rollouts."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from service.plan import StudyPlan
from service.search.trials import Cell, Schedule
from unhobble.analysis.capability import Scores, by_task
from unhobble.analysis.power import Variances, variances_seen
from unhobble.analysis.report import ConfirmationPlan
from unhobble.analysis.resampling import Cost, match
from unhobble.configuration import Configuration
from unhobble.protocols import SearchStrategy
from unhobble.records import Outcome, RolloutRecord, RolloutRequest, TaskInfo
from unhobble.tracks import Track
from unhobble.vocabulary import Objective, Split, TrialState

Arm = tuple[int, Configuration]
"""A trial's number and its configuration."""


class Confirmation:
    """Proposes the held-out rollouts: every arm gets the same tasks and epochs, so that all pairs are complete.

    ``finalists`` are by track, the baseline's first, which is the headline. Where the ``plan`` has fewer arms than there are, the
    last finalists are left out (``left_out``), those of the headline last of all. The arms of the headline, the baseline among
    them, are played first, cell by cell, and then the others: a budget that ends early, because an advantage costs more than it
    did in the search, ends with the headline confirmed.

    At last the baseline gets further epochs, until it has had as many attempts at each task as the headline's best costs
    (``analysis.resampling``), as far as ``rollouts`` go. What they are is known only when all else is finished.
    """

    def __init__(
        self,
        baseline: Arm,
        finalists: Mapping[Track, Sequence[Arm]],
        tasks: Sequence[TaskInfo],
        plan: ConfirmationPlan,
        *,
        rollouts: int,
        seed: int,
    ) -> None:
        others = _others(baseline, finalists)
        self._headline = next(iter(finalists))
        self.arms: dict[Track, list[Arm]] = {self._headline: [baseline]}
        for track, arm in others[: plan.arms - 1]:
            self.arms.setdefault(track, []).append(arm)
        self.left_out: tuple[tuple[Track, Arm], ...] = tuple(others[plan.arms - 1 :])
        self.plan = plan
        self.epochs = plan.epochs
        self._schedule = Schedule(tasks, seed)
        headline = self.arms[self._headline]
        blocks = (headline, [arm for track, of_track in self.arms.items() if track != self._headline for arm in of_track])
        self._requests = deque(request for block in blocks for request in self._cells(block, 0, self.epochs))
        self._open = {_key(request) for request in self._requests}
        self._spare = rollouts - len(self._requests)
        self._outcomes: list[Outcome] = []
        self._recorded: set[tuple[int, str, int]] = set()
        self._resampling = False

    @classmethod
    def of_study(
        cls,
        plan: StudyPlan,
        strategy: SearchStrategy,
        *,
        baseline: int,
        tracks: Sequence[Track],
        searched: Iterable[Outcome],
        rollouts: int,
    ) -> "Confirmation":
        """The confirmation of what ``strategy`` recommends; ``baseline`` is the number of the baseline's trial.

        ``tracks`` are all that were tried, the headline first: it gets the study's finalists, and each other one finalist.
        ``searched`` are the outcomes of the search, from which the epochs are planned anew, and ``rollouts`` are what is left.
        """
        first = (baseline, plan.baseline)
        finalists = {
            track: [(r.trial, r.configuration) for r in strategy.recommend(1 if place else plan.spec.search.finalists, track)]
            for place, track in enumerate(tracks)
        }
        others = _others(first, finalists)
        of_headline = [number for track, (number, _) in others if track == tracks[0]]
        outcomes = [outcome for outcome in searched if outcome.score is not None]
        planned = plan.confirmation_after(
            left=rollouts,
            attempts=_attempts(outcomes, baseline, of_headline),
            arms=1 + len(others),
            seen=_variances(outcomes, baseline, of_headline),
        )
        seed = plan.spec.search.seed
        return cls(first, finalists, plan.tasks(Split.held_out), planned, rollouts=rollouts, seed=seed)

    def propose(self, n: int) -> list[RolloutRequest]:
        """Up to ``n`` further rollouts."""
        requests: list[RolloutRequest] = []
        if not self._open and not self._resampling:
            self._resampling = True
            self._requests += self._further_attempts()
        while self._requests and len(requests) < n:
            request = self._requests.popleft()
            if _key(request) not in self._recorded:
                requests.append(request)
        return requests

    def record(self, outcome: Outcome) -> None:
        """Learn that a rollout is finished, so that it is not proposed again after a restart."""
        if outcome.epoch < self.epochs and outcome.score is not None:
            self._outcomes.append(outcome)
        self._close((outcome.trial, outcome.task, outcome.epoch))

    def abandon(self, request: RolloutRequest) -> None:
        """Forget a proposal that will have no score; its pair stays incomplete and is reported as missing."""
        self._close(_key(request))

    def trial_state(self, trial: int) -> TrialState:
        """Every arm's search is over."""
        del trial
        return TrialState.complete

    def _close(self, key: tuple[int, str, int]) -> None:
        self._recorded.add(key)
        self._open.discard(key)

    def _further_attempts(self) -> list[RolloutRequest]:
        """What the baseline lacks to have cost as much as the best of the headline; the first of equals is the best."""
        baseline, *others = self.arms[self._headline]
        means = {number: _mean_score(self._outcomes, number) for number, _ in (baseline, *others)}
        best = max(means, key=lambda number: means[number])
        further = _attempts(self._outcomes, baseline[0], [best]) - self.epochs
        further = min(further, self._spare // self._schedule.tasks)
        return self._cells([baseline], self.epochs, self.epochs + max(0, further))

    def _cells(self, arms: Sequence[Arm], first_epoch: int, end: int) -> list[RolloutRequest]:
        """The rollouts of all tasks in some epochs, cell by cell."""
        tasks = self._schedule.tasks
        cells: list[Cell] = [self._schedule.cell(place) for place in range(first_epoch * tasks, end * tasks)]
        return [
            RolloutRequest(trial=number, configuration=configuration, task=task, epoch=epoch)
            for task, epoch in cells
            for number, configuration in arms
        ]


def outcome_of(rollout: RolloutRecord, objective: Objective) -> Outcome:
    """What a strategy or a confirmation learns of a finished rollout."""
    return Outcome(
        trial=rollout.trial,
        configuration=rollout.configuration,
        task=rollout.task,
        epoch=rollout.epoch,
        score=None if rollout.score is None else objective.contribution(rollout.score),
        cost_usd=rollout.spend.cost_usd if rollout.spend else None,
        tokens=rollout.spend.usage.total if rollout.spend else None,
    )


def _others(baseline: Arm, finalists: Mapping[Track, Sequence[Arm]]) -> list[tuple[Track, Arm]]:
    return [(track, arm) for track, of_track in finalists.items() for arm in of_track if arm[0] != baseline[0]]


def _key(request: RolloutRequest) -> tuple[int, str, int]:
    return request.trial, request.task, request.epoch


def _mean_score(outcomes: Iterable[Outcome], trial: int) -> float:
    scores = [outcome.score for outcome in outcomes if outcome.trial == trial and outcome.score is not None]
    return sum(scores) / len(scores) if scores else 0.0


def _attempts(outcomes: Sequence[Outcome], baseline: int, trials: Iterable[int]) -> int:
    """Attempts of the baseline that the dearest of ``trials`` costs; 1 where that is not known."""
    costs = {trial: [Cost(usd=o.cost_usd, tokens=o.tokens) for o in outcomes if o.trial == trial] for trial in (baseline, *trials)}
    matches = [match(of_trial, costs[baseline]) for trial, of_trial in costs.items() if trial != baseline]
    return max((matched.attempts for matched in matches if matched), default=1)


def _variances(outcomes: Sequence[Outcome], baseline: int, finalists: Sequence[int]) -> Variances | None:
    """What the search saw of the first finalist beside the baseline; None where it did not see both."""
    best = _scores(outcomes, finalists[0]) if finalists else {}
    of_baseline = _scores(outcomes, baseline)
    return variances_seen(best, of_baseline) if best and of_baseline else None


def _scores(outcomes: Iterable[Outcome], trial: int) -> Scores:
    return by_task((o.task, o.score) for o in outcomes if o.trial == trial and o.score is not None)
