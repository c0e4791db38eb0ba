"""From what is stored of a study to its findings. Pure functions."""

from collections.abc import Mapping, Sequence

from unhobble.analysis.capability import by_task, paired_difference, share, success_rate
from unhobble.analysis.caveats import caveats
from unhobble.analysis.report import (
    LEVEL,
    Arm,
    Compared,
    ConfirmationPlan,
    Confirmed,
    Effort,
    Findings,
    Fixed,
    LeftOut,
    ModelSeen,
    Resampled,
    SandboxSeen,
    SoFar,
    SpaceOutlook,
    SuiteSeen,
    failures,
)
from unhobble.analysis.resampling import Cost, match, resample
from unhobble.configuration import NO_VARIANT, Configuration
from unhobble.records import Recommendation, RolloutRecord, SearchEnded
from unhobble.tracks import Track
from unhobble.vocabulary import FailureClass, Objective, Split


def findings(
    *,
    models: Mapping[str, ModelSeen],
    suite: SuiteSeen,
    sandbox: SandboxSeen,
    best_so_far: Mapping[Track, Recommendation | None],
    tracks: Mapping[int, Track],
    rollouts: Sequence[RolloutRecord],
    confirmed: Confirmed | None,
    effort: Effort,
    search_ended: SearchEnded | None = None,
    outlooks: Mapping[Track, SpaceOutlook] | None = None,
) -> Findings:
    """Put the parts together.

    ``models`` are as ``models_seen`` gives them, ``best_so_far`` is by track, the headline first, ``tracks`` says the track of each
    trial, ``rollouts`` are all finished ones, and ``outlooks`` are of the tracks of which anything is forecast.
    """
    model, variants = models[NO_VARIANT], {name: seen for name, seen in models.items() if name != NO_VARIANT}
    searched = [r for r in rollouts if r.split is Split.search]
    headline, *others = [
        SoFar(
            track=track,
            best_so_far=best,
            search_failures=failures(r for r in searched if tracks[r.trial] == track),
            outlook=(outlooks or {}).get(track),
        )
        for track, best in best_so_far.items()
    ]
    return Findings(
        model=model,
        variants=variants,
        suite=suite,
        sandbox=sandbox,
        **dict(headline),
        others=tuple(others),
        search_ended=search_ended,
        confirmed=confirmed,
        effort=effort,
        caveats=caveats(
            models,
            sandbox,
            confirmed,
            headline.outlook,
            headline.best_so_far.rests_on if headline.best_so_far else (),
        ),
    )


def confirm(
    arms: Mapping[Track, Sequence[tuple[int, Configuration]]],
    rollouts: Sequence[RolloutRecord],
    *,
    objective: Objective,
    epochs: int,
    planned: int,
    left_out: Sequence[LeftOut] = (),
    plan: ConfirmationPlan | None = None,
) -> Confirmed | None:
    """Compare ``arms`` by track, the headline first and in it the baseline, on held-out rollouts, ``planned`` for each.

    None as long as an arm of the headline has no score. An arm of another track without one is left out and said to be; so is
    what is in ``left_out`` already. The best of a track is its finalist with the highest mean. Every interval and difference
    holds for the finalists of all tracks together, so that neither choosing among them nor quoting the best of several tracks
    makes one too narrow. Epochs from ``epochs`` on are further attempts of the baseline, which serve the comparison with plain
    resampling alone, so that every other figure is of the same tasks and epochs for all.
    """
    played = [r for r in rollouts if r.split is Split.held_out and r.score is not None]
    held_out = [r for r in played if r.epoch < epochs]
    of_trial = {number: [r for r in held_out if r.trial == number] for of_track in arms.values() for number, _ in of_track}
    headline = next(iter(arms.values()), ())
    if not headline or not all(of_trial[number] for number, _ in headline):
        return None
    unplayed = [
        LeftOut(trial=number, track=track, advantage=configuration.advantage.declared)
        for track, of_track in arms.items()
        for number, configuration in of_track
        if not of_trial[number]
    ]
    compared = max(1, sum(map(bool, of_trial.values())) - 1)
    judge = _Judge(of_trial, objective, compared, planned)
    baseline = judge.arm(*headline[0], compared=1)
    by_track = {
        track: [judge.arm(*arm) for arm in of_track if of_trial[arm[0]] and arm[0] != baseline.trial]
        for track, of_track in arms.items()
    }
    tracks = list(by_track)
    others = [judge.track(track, baseline, by_track[track], by_track[track]) for track in tracks[1:] if by_track[track]]
    of_headline = by_track[tracks[0]]
    # The first of equals is the best, so the baseline keeps a tie.
    main = judge.track(tracks[0], baseline, of_headline, [baseline, *of_headline])
    return Confirmed(
        **dict(main),
        others=tuple(others),
        left_out=(*left_out, *unplayed),
        tasks=len({r.task for r in held_out}),
        epochs=epochs,
        plan=plan,
        resampled=judge.resampled(main, played),
    )


class _Judge:
    """Makes arms and comparisons from the scored held-out rollouts of each trial."""

    def __init__(self, of_trial: Mapping[int, Sequence[RolloutRecord]], objective: Objective, compared: int, planned: int) -> None:
        self._of_trial = of_trial
        self._objective = objective
        self._compared = compared
        self._planned = planned
        self._scores = {
            number: by_task((r.task, objective.contribution(r.score)) for r in rows if r.score is not None)
            for number, rows in of_trial.items()
        }

    def arm(self, number: int, configuration: Configuration, compared: int | None = None) -> Arm:
        rows = self._of_trial[number]
        return Arm(
            trial=number,
            configuration=configuration,
            advantage=configuration.advantage.declared,
            rate=success_rate(self._scores[number], level=LEVEL, compared=compared or self._compared),
            failures=failures(rows),
            missing=self._planned - len(rows),
        )

    def resampled(self, headline: Compared, played: Sequence[RolloutRecord]) -> Resampled | None:
        """The best of the headline against the baseline's attempts among all rollouts that were ``played``."""
        baseline, best = headline.baseline.trial, headline.best_trial
        matched = match(map(_cost, self._of_trial[best]), map(_cost, self._of_trial[baseline])) if best != baseline else None
        if matched is None:
            return None
        attempts = by_task(
            (r.task, self._objective.contribution(r.score)) for r in played if r.trial == baseline and r.score is not None
        )
        return resample(self._scores[best], attempts, matched, compared=self._compared)

    def track(self, track: Track, baseline: Arm, finalists: Sequence[Arm], candidates: Sequence[Arm]) -> Compared:
        best = max(candidates, key=lambda arm: arm.rate.mean)
        difference = None
        if best is not baseline:
            difference = paired_difference(
                self._scores[best.trial], self._scores[baseline.trial], level=LEVEL, compared=self._compared
            )
        return Compared(
            track=track,
            baseline=baseline,
            finalists=tuple(finalists),
            best_trial=best.trial,
            difference=difference,
            empirically_fixed=_fixed(self._of_trial[baseline.trial], self._of_trial[best.trial]),
        )


def _cost(rollout: RolloutRecord) -> Cost:
    spend = rollout.spend
    return Cost(usd=spend.cost_usd, tokens=spend.usage.total) if spend else Cost(usd=None, tokens=None)


def _fixed(baseline: Sequence[RolloutRecord], best: Sequence[RolloutRecord]) -> Fixed:
    best_score: Mapping[tuple[str, int], float | None] = {(r.task, r.epoch): r.score for r in best}
    spurious = [
        (r.task, r.epoch)
        for r in baseline
        if r.score != 1.0 and r.label and r.label.failure_class is FailureClass.spurious and (r.task, r.epoch) in best_score
    ]
    fixed = sum(best_score[key] == 1.0 for key in spurious)
    rate = share(fixed, len(spurious), level=LEVEL) if spurious else None
    return Fixed(spurious_failures=len(spurious), fixed=fixed, rate=rate)
