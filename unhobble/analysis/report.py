"""The shape of a study's findings: what was elicited, what stood in the way, and what that cost.

Everything that ranks is kept apart by track (``unhobble.tracks``): the headline, which is the track of the baseline, and whatever
else was tried, with evaluator advantage or with another access to an oracle. What was stored before there were tracks is read as
one headline without advantage.
"""

from collections import Counter
from collections.abc import Iterable

from pydantic import Field

from unhobble.analysis.capability import Interval, share
from unhobble.configuration import NO_VARIANT, Configuration
from unhobble.messages import Frozen
from unhobble.records import Effect, Outlook, Recommendation, RolloutRecord, SearchEnded
from unhobble.results import Spend
from unhobble.spec import StudyModel
from unhobble.tracks import PLAIN, Track
from unhobble.vocabulary import FailureClass

LEVEL = 0.9
"""Confidence of every interval in the findings."""

BEATEN_BY = 0.05
"""A difference of success rates that is worth a longer search: the outlook says how likely something better by more is."""

_EFFECTS_SHOWN = 20


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
    advantage: tuple[str, ...] = Field((), description="Each advantage that the model was given, in words.")
    rate: Interval
    failures: Failures
    missing: int = Field(description="Planned rollouts without a score, because their infrastructure failed.")


class Fixed(Frozen):
    """How many of the baseline's spurious failures the best configuration passed, on the same task and epoch."""

    spurious_failures: int
    fixed: int
    rate: Interval | None = Field(description="None where the baseline had no spurious failure.")


class Compared(Frozen):
    """The finalists of one track on the held-out split, ranked among themselves.

    ``difference`` is best minus baseline, paired by task; None when the baseline is the best, which it can be in its own track
    alone. In any other track it is a difference between two tracks, and has to be called so.
    """

    track: Track = PLAIN
    baseline: Arm
    finalists: tuple[Arm, ...]
    best_trial: int
    difference: Interval | None
    empirically_fixed: Fixed

    @property
    def best(self) -> Arm:
        """The arm with the highest rate."""
        return next(arm for arm in (self.baseline, *self.finalists) if arm.trial == self.best_trial)

    @property
    def gain_is_clear(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.difference is not None and self.difference.low > 0


class LeftOut(Frozen):
    """A finalist for which the budget of the confirmation did not reach."""

    trial: int
    track: Track
    advantage: tuple[str, ...]


class ConfirmationPlan(Frozen):
    """What a confirmation was planned to be, and what gain over the baseline it can tell from none (``analysis.power``)."""

    effect: float = Field(description="The gain that was declared.")
    power: float = Field(description="The probability with which it shall be told, as declared.")
    level: float = Field(description="Confidence level of the interval that has to be above 0, for all finalists together.")
    tasks: int
    arms: int = Field(description="The baseline and the finalists.")
    epochs: int
    rollouts: int = Field(description="For all of it, the baseline's further attempts included.")
    detectable: float | None = Field(description="The smallest gain that is told with the power; None with one task alone.")
    epochs_needed: int | None = Field(description="What the effect takes on these tasks; None where no number is enough.")
    tasks_needed: int = Field(description="Held-out tasks with which these epochs would be enough.")
    from_search: bool = Field(description="Whether the variances are those that the search saw; else the conservative ones.")

    @property
    def tells(self) -> bool:
        """Whether the declared effect is told with the declared power."""
        return self.detectable is not None and self.detectable <= self.effect + 1e-9

    @property
    def words(self) -> str:
        """What it can tell."""
        chance = f"with a probability of {100 * self.power:.0f} %"
        if self.detectable is None or self.detectable > 1:
            return f"no gain, however large, is told from none {chance}"
        return f"a gain of {self.detectable:.2f} or more is told from none {chance}"

    @property
    def warning(self) -> str | None:
        """What it cannot tell, and what that would take; None where it tells what was declared."""
        if self.tells:
            return None
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        takes = f"about {self.tasks_needed} held-out tasks"
        if self.epochs_needed is not None:
            takes += f", or {self.epochs_needed} epochs ({self.tasks * self.arms * self.epochs_needed} held-out rollouts)"
        return (
            f"a gain of {self.effect:g} over the baseline cannot be told from none with a probability of {100 * self.power:.0f} % "
            f"by {epochs} of {self.arms} configurations on {self.tasks} held-out tasks; it would take {takes}. As it is, "
            f"{self.words}"
        )


class Resampled(Frozen):
    """The baseline with several attempts at each task, as many as one attempt of the best configuration costs.

    The attempt that counts is picked by the true scorer, which nobody has who uses a model: ``rate`` is the most that resampling
    could give. ``difference`` is the best configuration's mean minus ``rate``, paired by task.
    """

    cost_ratio: float = Field(description="Mean cost of one rollout of the best configuration over the baseline's.")
    unit: str = Field(description="What the cost is counted in: usd, or tokens where a price is not known.")
    matched: int = Field(description="Attempts of the baseline that the same spend buys, rounded up.")
    attempts: int = Field(description="Attempts that rate is of; fewer than matched where the budget did not reach.")
    rate: Interval
    difference: Interval

    @property
    def verdict(self) -> str:
        """Whether the best configuration beats plain resampling: yes, no, or it cannot be told."""
        if self.difference.low > 0:
            return "yes"
        return "no" if self.difference.high < 0 else "cannot be told"


class Confirmed(Compared):
    """The held-out comparison: the headline, which is the track of the baseline, and each other track by itself.

    ``resampled`` is None where the baseline is the best, or where what rollouts cost is not known.
    """

    others: tuple[Compared, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    tasks: int
    epochs: int
    plan: ConfirmationPlan | None = Field(None, description="None for what was stored before there were plans.")
    resampled: Resampled | None = None


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


class SpaceOutlook(Frozen):
    """What is believed of all configurations of the declared space, of one track, those that were never tried included.

    Success rates are means over the search tasks. All of it is a belief under a model: the upper limit is credible, not proved.
    """

    model: str = Field(description="Whose belief it is: a strategy's that forecasts, else that of pooled, over the same rollouts.")
    strategy: str = Field(description="The strategy that chose the rollouts.")
    rollouts: int = Field(description="Scored rollouts of the search that it rests on, of all tracks.")
    recommended: int = Field(description="The trial that was recommended then; what may beat it, and gains, are told against it.")
    maximum: float = Field(description="Posterior mean of the best success rate that any configuration of the space has.")
    low: float = Field(description="Lower end of its 90 % credible interval.")
    high: float = Field(description="Upper end of its 90 % credible interval.")
    upper_limit: float = Field(description="95 % of the posterior of the maximum lies below.")
    beaten_by: float = Field(BEATEN_BY, description="The difference that the next field is of.")
    probability_beaten: float = Field(description="Probability that something beats the recommended one by more than that.")
    gains: tuple[tuple[float, float], ...] = Field(
        description="For shares of the rollouts so far that are added (0.1, 1, 3, 9): the gain that is expected."
    )
    effects: tuple[Effect, ...] = Field(description="Dimensions and pairs, those with the largest shares; () is the rest.")
    effects_left_out: int = Field(0, description="Further dimensions and pairs, which have smaller shares.")
    share_left_out: float = Field(0.0, description="The sum of their shares.")

    @classmethod
    def of(cls, outlook: Outlook, *, model: str, strategy: str, rollouts: int, recommended: int) -> "SpaceOutlook":
        """What is kept of a forecast."""
        shown, others = outlook.effects[:_EFFECTS_SHOWN], outlook.effects[_EFFECTS_SHOWN:]
        return cls(
            model=model,
            strategy=strategy,
            rollouts=rollouts,
            recommended=recommended,
            maximum=outlook.maximum,
            low=outlook.maximum_low,
            high=outlook.maximum_high,
            upper_limit=outlook.upper_limit,
            probability_beaten=outlook.probability_beaten(BEATEN_BY),
            gains=outlook.gains,
            effects=shown,
            effects_left_out=len(others),
            share_left_out=sum(effect.share for effect in others),
        )

    @property
    def who(self) -> str:
        """Whose belief it is, in words."""
        if self.model == self.strategy:
            return f"the model of the strategy {self.strategy}"
        return f"the model of {self.model}, over the rollouts of the strategy {self.strategy}, which forecasts nothing itself"


class SoFar(Frozen):
    """What the search split says of one track."""

    track: Track
    best_so_far: Recommendation | None
    search_failures: Failures
    outlook: SpaceOutlook | None = Field(None, description="None where the model could say nothing, or not yet.")


class Findings(Frozen):
    """All that a study found so far. ``confirmed`` is None until the held-out split has been played.

    ``best_so_far``, ``search_failures`` and ``outlook`` are of the headline's ``track``; ``others`` has them for each other one.
    ``effort`` is of all tracks together. As long as a study goes on, its ``outlook`` may be of fewer rollouts than the rest.
    """

    model: ModelSeen = Field(description="The model itself, from rollouts without a variant.")
    variants: dict[str, ModelSeen] = Field({}, description="Each variant of the model that was used, by its name.")
    suite: SuiteSeen
    sandbox: SandboxSeen
    track: Track = PLAIN
    best_so_far: Recommendation | None = Field(description="What the search believes, from the search split alone.")
    search_failures: Failures
    outlook: SpaceOutlook | None = Field(None, description="Of the whole space; None where nothing is believed, or not yet.")
    others: tuple[SoFar, ...] = ()
    search_ended: SearchEnded | None = Field(None, description="Why the search ended; None as long as it goes on.")
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


def models_seen(model: StudyModel, rollouts: Iterable[RolloutRecord]) -> dict[str, ModelSeen]:
    """Who answered, by the variant that was asked: ``NO_VARIANT`` for the model itself, which is always there."""
    by_variant: dict[str, list[RolloutRecord]] = {NO_VARIANT: []}
    for rollout in rollouts:
        by_variant.setdefault(rollout.configuration.advantage.variant, []).append(rollout)
    specs = {name: model.variant(name) for name in by_variant}
    return {name: model_seen(specs[name].id, rows, simulated=specs[name].is_organism) for name, rows in by_variant.items()}


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
