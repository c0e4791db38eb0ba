"""A transcript: everything that happened in a rollout, append-only. Version 1 of the format.

A transcript is a list of steps; a step's index is its place in the list and never changes. Its JSON form is
``{"schema_version": 1, "steps": [{"kind": ..., "at_s": ..., ...}, ...]}``; ``at_s`` is seconds since the rollout started.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from unhobble.messages import FormatProblem, Frozen, Message, ModelAnswer, ToolCall
from unhobble.text import OutsideText

SCHEMA_VERSION: Final = 1


class _Step(Frozen):
    at_s: float = 0.0


class MessageStep(_Step):
    """A message was added to the conversation by the scaffold (not: answered by the model)."""

    kind: Literal["message"] = "message"
    message: Message


class AnswerStep(_Step):
    """The model answered. ``purpose`` is the scaffold's word for what it asked for: act, plan, rate, ..."""

    kind: Literal["answer"] = "answer"
    purpose: str
    answer: ModelAnswer


class FormatProblemStep(_Step):
    """The answer before could not be read as tool calls."""

    kind: Literal["format_problem"] = "format_problem"
    problem: FormatProblem


class CallStep(_Step):
    """A tool call was read and carried out; ``text`` is what the agent saw. ``ending`` is set for commands."""

    kind: Literal["call"] = "call"
    call: ToolCall
    text: OutsideText
    failed: bool
    ending: str | None = None
    exit_code: int | None = None
    truncated: bool = False
    duration_s: float = 0.0


class NoteStep(_Step):
    """Something the scaffold did that is none of the above, such as restoring a snapshot."""

    kind: Literal["note"] = "note"
    text: OutsideText


class LimitStep(_Step):
    """A limit of the rollout was reached, which ended the agent."""

    kind: Literal["limit"] = "limit"
    limit: str
    text: str


class SubmissionStep(_Step):
    """The agent handed in. ``text`` is None where it stopped without a submission and its files are judged as they are."""

    kind: Literal["submission"] = "submission"
    text: OutsideText | None


class VerdictStep(_Step):
    """The hidden tests gave their verdict."""

    kind: Literal["verdict"] = "verdict"
    score: float
    passed: tuple[OutsideText, ...] = ()
    failed: dict[OutsideText, OutsideText] = Field(default_factory=dict)


class ErrorStep(_Step):
    """The rollout was left by an error; ``error`` is the name of its class in ``unhobble.errors``."""

    kind: Literal["error"] = "error"
    error: str
    text: OutsideText


Step = Annotated[
    MessageStep | AnswerStep | FormatProblemStep | CallStep | NoteStep | LimitStep | SubmissionStep | VerdictStep | ErrorStep,
    Field(discriminator="kind"),
]
STEP: TypeAdapter[Step] = TypeAdapter(Step)


class Transcript(Frozen):
    """A finished transcript, as it is stored and shown."""

    schema_version: Literal[1] = SCHEMA_VERSION
    steps: tuple[Step, ...] = ()


class Recorder:
    """Writes the transcript of one rollout. Steps can be added and read, never changed; owned by one rollout."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started_s = clock()
        self._steps: list[Step] = []

    def add(self, step: Any) -> None:
        """Append ``step``, stamped with the time since the rollout started."""
        self._steps.append(step.model_copy(update={"at_s": round(self._clock() - self._started_s, 4)}))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps so far."""
        return tuple(self._steps)

    def finish(self) -> Transcript:
        """The transcript as a value."""
        return Transcript(steps=self.steps)
