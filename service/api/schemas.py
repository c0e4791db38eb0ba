"""The wire: what the API takes and gives. Kept apart from the domain's shapes, so that either can change alone."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from unhobble.errors import BadInput, NotFound
from unhobble.records import Event, Prediction, RolloutRecord, StudyRecord, TrialRecord
from unhobble.registry import Registry
from unhobble.tracks import track_of
from unhobble.transcript import Transcript

if TYPE_CHECKING:
    from service.predicting import Predicted

T = TypeVar("T")


class Wire(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="forbid")


class StudyOut(Wire):
    """A study as it stands. ``best_so_far`` is the headline's; the ``findings`` have those of the other tracks apart.

    ``search_ended`` says why the search ended, in figures and in ``words``.
    """

    id: str
    name: str
    phase: str
    reason: str
    simulated: bool
    created_at: float
    started_at: float | None
    finished_at: float | None
    active_s: float
    progress: dict[str, Any]
    search_ended: dict[str, Any] | None = None
    best_so_far: dict[str, Any] | None
    findings: dict[str, Any] | None
    spec: dict[str, Any]

    @classmethod
    def of(cls, record: StudyRecord) -> "StudyOut":
        """From the domain."""
        return cls(
            id=record.id,
            name=record.spec.name,
            phase=record.phase.value,
            reason=record.reason,
            simulated=record.spec.model.is_organism or bool(record.report and record.report["model"]["simulated"]),
            created_at=record.created_at,
            started_at=record.started_at,
            finished_at=record.finished_at,
            active_s=record.active_s,
            progress=record.progress.model_dump(mode="json"),
            search_ended=ended.model_dump(mode="json") | {"words": ended.words} if (ended := record.search_ended) else None,
            best_so_far=record.report["best_so_far"] if record.report else None,
            findings=record.report,
            spec=record.spec.model_dump(mode="json"),
        )


class TrialOut(Wire):
    """A trial with what was observed so far; ``mean_score`` favours what was lucky and is not an estimate.

    ``candidate`` is the digest of the configuration with the words and code it was evaluated with.

    Only trials of one ``track`` may be ranked with one another; None where its scaffold is not installed here. ``advantage`` is
    what the model was given, in words.
    """

    number: int
    state: str
    configuration: dict[str, Any]
    configuration_hash: str
    candidate: str
    track: str | None
    advantage: list[str]
    scored: int
    mean_score: float | None

    @classmethod
    def of(cls, record: TrialRecord, registry: Registry) -> "TrialOut":
        """From the domain."""
        try:
            track = track_of(record.configuration, registry).name
        except (NotFound, BadInput):
            track = None
        return cls(
            number=record.number,
            state=record.state.value,
            configuration=dict(record.configuration.root),
            configuration_hash=record.configuration.hash,
            candidate=record.candidate,
            track=track,
            advantage=list(record.configuration.advantage.declared),
            scored=record.scored,
            mean_score=record.mean_score,
        )


class RolloutOut(Wire):
    """A rollout, with its transcript where one rollout was asked for."""

    id: str
    study: str
    trial: int
    task: str
    split: str
    epoch: int
    state: str
    score: float | None
    label: dict[str, Any] | None
    submission: str | None
    identity: dict[str, Any] | None
    spend: dict[str, Any] | None
    sandbox: str | None
    error: str | None
    retries: int
    finished_at: float | None
    configuration: dict[str, Any]
    transcript: dict[str, Any] | None = None

    @classmethod
    def of(cls, record: RolloutRecord, transcript: Transcript | None = None) -> "RolloutOut":
        """From the domain."""
        label = record.label
        return cls(
            id=record.id,
            study=record.study,
            trial=record.trial,
            task=record.task,
            split=record.split.value,
            epoch=record.epoch,
            state=record.state.value,
            score=record.score,
            label=label.model_dump(mode="json") | {"class": label.failure_class.value} if label else None,
            submission=record.submission,
            identity=record.identity.model_dump(mode="json") if record.identity else None,
            spend=record.spend.model_dump(mode="json") if record.spend else None,
            sandbox=record.sandbox,
            error=record.error,
            retries=record.retries,
            finished_at=record.finished_at,
            configuration=dict(record.configuration.root),
            transcript=transcript.model_dump(mode="json") if transcript else None,
        )


class PredictionOut(Wire):
    """What is believed of one configuration: its success rate on the search tasks, with a 90 % credible interval.

    ``trial`` is null and ``rollouts`` 0 where it was not tried. ``probability_better`` is that of beating ``better_than``, the
    trial that is recommended in its ``track``; both are null where none of that track has a score.
    """

    configuration: dict[str, Any]
    configuration_hash: str
    track: str
    tried: bool
    trial: int | None
    rollouts: int
    mean: float
    low: float
    high: float
    better_than: int | None
    probability_better: float | None

    @classmethod
    def of(cls, prediction: Prediction) -> "PredictionOut":
        """From the domain."""
        return cls(
            configuration=dict(prediction.configuration.root),
            configuration_hash=prediction.configuration.hash,
            track=prediction.track.name,
            tried=prediction.tried,
            **prediction.model_dump(exclude={"configuration", "track"}),
        )


class PredictedOut(Wire):
    """What is believed of some configurations, in the order in which they were asked for; ``words`` say what such a belief is.

    ``rollouts`` are the scored ones of the search that it rests on, whichever ``strategy`` chose them.
    """

    study: str
    simulated: bool
    strategy: str
    rollouts: int
    predictions: list[PredictionOut]
    words: str

    @classmethod
    def of(cls, predicted: "Predicted") -> "PredictedOut":
        """From the domain."""
        return cls(
            study=predicted.study,
            simulated=predicted.simulated,
            strategy=predicted.strategy,
            rollouts=predicted.rollouts,
            predictions=[PredictionOut.of(one) for one in predicted.predictions],
            words=predicted.words,
        )


class EventOut(Wire):
    """Something that happened to a study."""

    number: int
    at: float
    kind: str
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> "EventOut":
        """From the domain."""
        return cls(**event.model_dump(mode="json"))


class PageOut(Wire, Generic[T]):
    """Some items of a list, and the cursor of the next page (null at the end)."""

    items: list[T]
    next_cursor: str | None


class EventPage(Wire):
    """Some events. ``next_after`` is the number to ask on from."""

    items: list[EventOut]
    next_after: int


class Health(Wire):
    """Whether the service can do its work."""

    status: str
    version: str
    database: str
