"""The findings of a study: what was elicited, what stood in the way, and what that cost. A pure function of what is stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from unhobble.analysis.capability import Interval, by_task, paired_difference, share, success_rate
from unhobble.configuration import Configuration
from unhobble.messages import Frozen
from unhobble.records import Recommendation, RolloutRecord
from unhobble.results import Spend
from unhobble.vocabulary import FailureClass, Objective, Split

LEVEL = 0.9
"""Confidence of every interval in the findings."""


class Failures(Frozen):
    """What kept some scored rollouts from the full score. ``spurious`` is the share of the failures that were labelled so."""

    rollouts: int
    failed: int
    by_code: dict[str, int] = Field(description="Failures by code, the most frequent first.")
    by_class: dict[str, int]
    spurious: Interval | None = Field(description="None where nothing failed.")


class Arm(Frozen):
    """A configuration on the held-out split."""

    trial: int
    configuration: Configuration
    rate: Interval
    failures: Failures
    missing: int = Field(description="Planned rollouts without a score, because their infrastructure failed.")


class Fixed(Frozen):
    """How many of the baseline's spurious failures the best configuration passed, on the same task and epoch."""

    spurious_failures: int
    fixed: int
    rate: Interval | None = Field(description="None where the baseline had no spurious failure.")


class Confirmed(Frozen):
    """The held-out comparison. ``difference`` is best minus baseline, paired by task; None when the baseline is the best."""

    baseline: Arm
    finalists: tuple[Arm, ...]
    best_trial: int
    difference: Interval | None
    empirically_fixed: Fixed
    tasks: int
    epochs: int

    @property
    def best(self) -> Arm:
        """The arm with the highest rate."""
        return next(arm for arm in (self.baseline, *self.finalists) if arm.trial == self.best_trial)

    @property
    def gain_is_clear(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.difference is not None and self.difference.low > 0


class ModelSeen(Frozen):
    """Which model the figures belong to. More than one value in ``answered`` or ``fingerprints`` is a change in mid-study."""

    asked: str
    answered: tuple[str, ...]
    fingerprints: tuple[str, ...]
    simulated: bool

    @property
    def changed(self) -> bool:
        """Whether different models or fingerprints answered."""
        return len(self.answered) > 1 or len(self.fingerprints) > 1


class Effort(Frozen):
    """What the elicitation took."""

    configurations: int
    rollouts: int
    invalid: int
    retries: int
    spend: Spend


class SandboxSeen(Frozen):
    """Where the commands ran and what that place could not enforce."""

    backend: str
    why: str
    not_enforced: tuple[str, ...]


class SuiteSeen(Frozen):
    """The tasks that the figures are about."""

    id: str
    version: str
    digest: str
    search: tuple[str, ...]
    held_out: tuple[str, ...]


class Findings(Frozen):
    """All that a study found so far. ``confirmed`` is None until the held-out split has been played."""

    model: ModelSeen
    suite: SuiteSeen
    sandbox: SandboxSeen
    best_so_far: Recommendation | None = Field(description="What the search believes, from the search split alone.")
    search_failures: Failures
    confirmed: Confirmed | None
    effort: Effort
    caveats: tuple[str, ...]


def model_seen(asked: str, rollouts: Iterable[RolloutRecord], *, simulated: bool) -> ModelSeen:
    """Every model and fingerprint that answered, in order of appearance."""
    identities = [r.identity for r in rollouts if r.identity]
    return ModelSeen(
        asked=asked,
        answered=tuple(dict.fromkeys(name for i in identities for name in i.answered)),
        fingerprints=tuple(dict.fromkeys(name for i in identities for name in i.fingerprints)),
        simulated=simulated or any(i.simulated for i in identities),
    )


def failures(rollouts: Iterable[RolloutRecord]) -> Failures:
    """Count the labels of scored rollouts that did not reach the full score."""
    scored = [r for r in rollouts if r.score is not None]
    labels = [r.label for r in scored if r.score != 1.0 and r.label]
    classes = Counter(label.failure_class for label in labels)
    return Failures(
        rollouts=len(scored),
        failed=len(labels),
        by_code={code.value: n for code, n in Counter(label.code for label in labels).most_common()},
        by_class={kind.value: n for kind, n in classes.most_common()},
        spurious=share(classes[FailureClass.spurious], len(labels), level=LEVEL) if labels else None,
    )


def confirm(
    arms: Sequence[tuple[int, Configuration]],
    rollouts: Sequence[RolloutRecord],
    *,
    objective: Objective,
    epochs: int,
    planned: int,
) -> Confirmed | None:
    """Compare ``arms`` (the baseline first) on held-out rollouts, ``planned`` for each; None as long as one of them has no score.

    The best is the finalist with the highest mean; its interval and its difference hold for all finalists together, so that
    choosing among them does not make them too narrow.
    """
    held_out = [r for r in rollouts if r.split is Split.held_out and r.score is not None]
    of_trial = {number: [r for r in held_out if r.trial == number] for number, _ in arms}
    if not arms or not all(of_trial.values()):
        return None
    tasks = len({r.task for r in held_out})
    compared = max(1, len(arms) - 1)
    scores = {
        number: by_task((r.task, objective.contribution(r.score)) for r in rows if r.score is not None)
        for number, rows in of_trial.items()
    }
    judged = [
        Arm(
            trial=number,
            configuration=configuration,
            rate=success_rate(scores[number], level=LEVEL, compared=1 if place == 0 else compared),
            failures=failures(of_trial[number]),
            missing=planned - len(of_trial[number]),
        )
        for place, (number, configuration) in enumerate(arms)
    ]
    baseline, finalists = judged[0], judged[1:]
    best = max(judged, key=lambda arm: arm.rate.mean)  # the first of equals, so the baseline keeps a tie
    difference = None
    if best is not baseline:
        difference = paired_difference(scores[best.trial], scores[baseline.trial], level=LEVEL, compared=compared)
    return Confirmed(
        baseline=baseline,
        finalists=tuple(finalists),
        best_trial=best.trial,
        difference=difference,
        empirically_fixed=_fixed(of_trial[baseline.trial], of_trial[best.trial]),
        tasks=tasks,
        epochs=epochs,
    )


def caveats(model: ModelSeen, sandbox: SandboxSeen, confirmed: Confirmed | None) -> tuple[str, ...]:
    """What a reader must know before quoting a figure."""
    said = [
        "Every rate is a lower bound: it shows what was elicited in this space with this effort, not what the model can do at most."
    ]
    if model.simulated:
        said.insert(
            0,
            f"The model is SIMULATED ({model.asked}): the figures are about the search, not about any language model.",
        )
    if model.changed:
        seen = ", ".join((*model.answered, *model.fingerprints))
        said.insert(0, f"The model CHANGED during the study ({seen}): the figures mix checkpoints.")
    if confirmed is None:
        said.append("Nothing is confirmed yet: rates from the search split favour whatever was lucky.")
    elif confirmed.difference is None:
        said.append(
            "No finalist did better than the baseline on the held-out split: within this space and effort, nothing was gained."
        )
    elif not confirmed.gain_is_clear:
        said.append("The interval of the gain over the baseline contains 0: the gain may be chance.")
    said += [f"The sandbox ({sandbox.backend}) did not enforce: {what}." for what in sandbox.not_enforced]
    said.append("A model that underperforms on purpose in every configuration of the space would not be noticed.")
    return tuple(said)


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


def findings(
    *,
    model: ModelSeen,
    suite: SuiteSeen,
    sandbox: SandboxSeen,
    best_so_far: Recommendation | None,
    rollouts: Sequence[RolloutRecord],
    confirmed: Confirmed | None,
    effort: Effort,
) -> Findings:
    """Put the parts together; ``rollouts`` are all finished ones."""
    return Findings(
        model=model,
        suite=suite,
        sandbox=sandbox,
        best_so_far=best_so_far,
        search_failures=failures(r for r in rollouts if r.split is Split.search),
        confirmed=confirmed,
        effort=effort,
        caveats=caveats(model, sandbox, confirmed),
    )
