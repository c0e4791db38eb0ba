"""What a study found so far, from what is stored of it and what its strategy believes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from service.paging import all_rollouts, all_trials
from service.plan import StudyPlan
from service.search.confirmation import Confirmation, outcome_of
from service.search.foresight import Foresight
from unhobble.analysis.findings import confirm, findings
from unhobble.analysis.report import Confirmed, Effort, Findings, LeftOut, SandboxSeen, SuiteSeen, models_seen
from unhobble.protocols import SearchStrategy, StudyStore
from unhobble.records import RolloutFilter, RolloutRecord
from unhobble.registry import Registry
from unhobble.tracks import Track, track_of
from unhobble.vocabulary import RolloutState, Split


@dataclass(frozen=True)
class Reporting:
    """The findings of one study. ``retired`` are the trials whose words or code have changed since: they are in no figure.

    ``foresight`` keeps the outlooks from one time to the next.
    """

    store: StudyStore
    study: str
    plan: StudyPlan
    registry: Registry
    sandbox: SandboxSeen
    foresight: Foresight

    def tracks(self, retired: Collection[int]) -> list[Track]:
        """Every track that was tried, once: the baseline's, which is the headline, and then the others."""
        return in_order(track_of(self.plan.baseline, self.registry), self._track_of_trials(retired).values())

    def findings(
        self, strategy: SearchStrategy, confirmation: Confirmation | None, retired: Collection[int], *, final: bool
    ) -> Findings:
        """All that was found; without ``confirmation``, what the search believes only.

        If it is not ``final``, the outlook may be an earlier one.
        """
        finished = all_rollouts(self.store, self.study, RolloutFilter(state=RolloutState.finished))
        rollouts = [rollout for rollout in finished if rollout.trial not in retired]
        study = self.store.study(self.study)
        progress = study.progress
        tracks = self._track_of_trials(retired)
        searched = [outcome_of(rollout, self.plan.spec.objective) for rollout in rollouts if rollout.split is Split.search]
        return findings(
            models=models_seen(self.plan.spec.model, rollouts),
            suite=SuiteSeen(
                id=self.plan.suite.id,
                version=self.plan.suite.version,
                digest=self.plan.suite.digest,
                search=tuple(task.id for task in self.plan.tasks(Split.search)),
                held_out=tuple(task.id for task in self.plan.tasks(Split.held_out)),
            ),
            sandbox=self.sandbox,
            best_so_far={track: next(iter(strategy.recommend(1, track)), None) for track in self.tracks(retired)},
            tracks=tracks,
            rollouts=rollouts,
            search_ended=study.search_ended,
            outlooks=self.foresight.outlooks(strategy, searched, self.tracks(retired), final=final),
            confirmed=confirmed_by(self.plan, confirmation, rollouts) if confirmation else None,
            effort=Effort(
                configurations=len(tracks),
                rollouts=progress.rollouts_finished,
                invalid=progress.rollouts_invalid,
                retries=progress.retries,
                spend=progress.spend,
            ),
        )

    def _track_of_trials(self, retired: Collection[int]) -> dict[int, Track]:
        trials = all_trials(self.store, self.study)
        return {trial.number: track_of(trial.configuration, self.registry) for trial in trials if trial.number not in retired}


def in_order(headline: Track, tracks: Iterable[Track]) -> list[Track]:
    """``headline``, and then each other one of ``tracks``, once."""
    return [headline, *sorted(set(tracks) - {headline}, key=lambda track: track.order)]


def confirmed_by(plan: StudyPlan, confirmation: Confirmation, rollouts: Sequence[RolloutRecord]) -> Confirmed | None:
    """What ``rollouts``, all that are finished, say of the finalists; None while the headline is not played."""
    return confirm(
        confirmation.arms,
        rollouts,
        objective=plan.spec.objective,
        epochs=confirmation.epochs,
        plan=confirmation.plan,
        planned=len(plan.tasks(Split.held_out)) * confirmation.epochs,
        left_out=[
            LeftOut(trial=number, track=track, advantage=configuration.advantage.declared)
            for track, (number, configuration) in confirmation.left_out
        ],
    )
