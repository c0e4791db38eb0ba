"""One study whose rollouts are simulated: the story of ``service.search.loop`` without a database, a pool and a clock.

The plan, the strategy, the confirmation and the findings are those of a real study. Rollouts come back in the order in which they
were asked for, with as many under way at once as a study has by default.
"""

from collections import deque
from dataclasses import dataclass, field

from service.plan import StudyPlan
from service.search.confirmation import Confirmation, outcome_of
from service.search.foresight import Foresight
from service.search.loop import Source
from service.search.numbering import NumberedStrategy
from service.search.reporting import confirmed_by, in_order
from service.search.stopping import Search
from unhobble.analysis.report import Confirmed, SpaceOutlook
from unhobble.models.organism.truth import Simulator
from unhobble.records import RolloutRecord, RolloutRequest
from unhobble.registry import Registry
from unhobble.spec import rollout_id
from unhobble.tracks import track_of
from unhobble.vocabulary import RolloutState, Split

_STUDY = "calibration"


@dataclass(frozen=True)
class PlayedStudy:
    """All that a study leaves behind. ``outlook`` is the headline's."""

    plan: StudyPlan
    rollouts: tuple[RolloutRecord, ...]
    confirmed: Confirmed
    outlook: SpaceOutlook | None


def play_study(plan: StudyPlan, simulator: Simulator, registry: Registry) -> PlayedStudy:
    """Search, confirm and report. ``simulator`` is of the study's organism and knows its tasks."""
    table = _Table(plan, simulator)
    strategy = NumberedStrategy(plan.strategy(registry), plan.baseline)
    table.drive(Search(strategy, plan.spec.search.stop, rollouts=plan.search_rollouts), Split.search)
    searched = [outcome_of(rollout, plan.spec.objective) for rollout in table.rollouts]
    headline = track_of(plan.baseline, registry)
    foresight = Foresight(plan.problem(registry), plan.spec.search.strategy)
    outlooks = foresight.outlooks(strategy, searched, [headline], final=True)
    confirmation = Confirmation.of_study(
        plan,
        strategy,
        baseline=strategy.baseline,
        tracks=in_order(headline, (track_of(rollout.configuration, registry) for rollout in table.rollouts)),
        searched=searched,
        rollouts=plan.spec.budget.rollouts - len(searched),
    )
    table.drive(confirmation, Split.held_out)
    confirmed = confirmed_by(plan, confirmation, table.rollouts)
    assert confirmed is not None  # every arm was played
    return PlayedStudy(plan, tuple(table.rollouts), confirmed, outlooks.get(headline))


@dataclass
class _Table:
    """Plays what is asked for, and keeps what came of it."""

    plan: StudyPlan
    simulator: Simulator
    rollouts: list[RolloutRecord] = field(default_factory=list)

    def drive(self, source: Source, split: Split) -> None:
        under_way: deque[RolloutRequest] = deque()
        while True:
            under_way += source.propose(self.plan.spec.search.concurrency - len(under_way))
            if not under_way:
                return
            request = under_way.popleft()
            rollout = self._play(request, split)
            self.rollouts.append(rollout)
            assert rollout.score is not None  # no simulated rollout is ever without
            source.record(outcome_of(rollout, self.plan.spec.objective))

    def _play(self, request: RolloutRequest, split: Split) -> RolloutRecord:
        task = next(task for task in self.plan.chosen if task.id == request.task)
        played = self.simulator.play(request.configuration, task, epoch=request.epoch, seed=self.plan.spec.search.seed)
        return RolloutRecord(
            id=rollout_id(_STUDY, request.trial, request.task, request.epoch),
            study=_STUDY,
            **dict(request),
            split=split,
            state=RolloutState.finished,
            finished_order=len(self.rollouts) + 1,
            score=played.score,
            label=played.label,
            submission=played.submission,
            spend=played.spend,
        )
