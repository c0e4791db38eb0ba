"""Every error of Unhobble, and the one boundary that attributes whatever escapes from a rollout.

::

    UnhobbleError
    ├── BadInput                  the person's input; carries every issue found, each with its path
    ├── NotFound                  no such study, rollout, plug-in
    ├── Conflict                  the state does not allow it (a transition)
    ├── LeaseLost                 another controller owns the study now; write nothing more
    ├── RolloutEscape             leaves a rollout early
    │   ├── InfrastructureError   nobody's doing in the rollout: rerun, never scored
    │   │   ├── SandboxError      the sandbox is broken (not: the command failed)
    │   │   └── ModelError        the provider gave no usable answer (``retryable`` says whether asking again can help)
    │   │       └── AnswerLate    the answer was still awaited, and nothing had gone wrong, when the time for it was over
    │   ├── SandboxSpoiled        the agent left its sandbox so that nothing more can be done in it: its doing, scored
    │   ├── ContextOverflow       the conversation no longer fits the model: the agent's doing, scored
    │   ├── TaskError             the task itself is broken (its set-up or its checks): labelled ``task_bug``
    │   └── LimitReached          a limit of the rollout was reached: scored as it stands

A bad rollout is data, not a crash: inside a rollout every exception becomes one of the last group at ``attributed_to``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from unhobble.vocabulary import LimitKind


@dataclass(frozen=True)
class Issue:
    """One thing wrong with a document: where (a dotted path, ``""`` for the whole) and what, with the value and what is allowed."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class UnhobbleError(Exception):
    """The root of all errors that Unhobble raises on purpose."""


class BadInput(UnhobbleError):
    """The input is wrong; ``issues`` holds all that is wrong with it, found in one pass."""

    def __init__(self, issues: list[Issue]) -> None:
        self.issues = issues
        super().__init__("; ".join(map(str, issues)))


class NotFound(UnhobbleError):
    """The thing named does not exist."""


class Conflict(UnhobbleError):
    """The present state does not allow what was asked."""


class LeaseLost(UnhobbleError):
    """The study has another owner now. Whoever sees this stops at once and writes nothing more."""


class RolloutEscape(UnhobbleError):
    """Leaves a rollout before its agent submitted."""


class InfrastructureError(RolloutEscape):
    """Something around the agent broke. The rollout is rerun and never scored."""


class SandboxError(InfrastructureError):
    """The sandbox cannot do its work any more, as opposed to a command in it that failed."""


class ModelError(InfrastructureError):
    """The provider did not give a usable answer. ``retryable`` is false where asking again cannot help (a bad key)."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class AnswerLate(ModelError):
    """The time that was given passed while an answer was awaited, and no attempt at it had failed before.

    A rollout gives a call all of its remaining time. So this is how a slow agent meets its time limit: the context makes it
    ``LimitReached``, which is scored. Were it infrastructure, slow rollouts would be dropped and only the quick ones counted.
    """


class SandboxSpoiled(RolloutEscape):
    """The agent used its sandbox up, or left in it what no command can deal with, so that it cannot be judged: scored 0.

    Were it infrastructure, an agent that does not know further could have itself run again until it is lucky.
    """


class ContextOverflow(RolloutEscape):
    """The conversation is longer than the model's context. A property of model and scaffold, so it is scored."""


class TaskError(RolloutEscape):
    """The task is broken: its set-up failed or its checks gave no verdict."""


class LimitReached(RolloutEscape):
    """A limit of the rollout was reached; what the agent has done so far is scored."""

    def __init__(self, kind: LimitKind, limit: float) -> None:
        super().__init__(f"the rollout reached its limit of {limit:g} {kind.value}")
        self.kind = kind
        self.limit = limit


@contextmanager
def attributed_to(boundary: str) -> Iterator[None]:
    """Attribute every escape of the block: a ``RolloutEscape`` passes, all else becomes an ``InfrastructureError``.

    ``boundary`` says where it happened, in words that a person reads (``"the scaffold react"``). Cancellation is not an
    ``Exception`` and passes as well.
    """
    try:
        yield
    except RolloutEscape:
        raise
    except Exception as error:
        raise InfrastructureError(f"{boundary} failed: {type(error).__name__}: {error}") from error
