"""What a task's reference solution does in a real sandbox, step by step: what it prints, and what the work is worth after it.

Simulated rollouts go by it (``unhobble.models.organism.truth``), because a conversation grows by what commands print and a task
of several stages is worth something before it is finished.
"""

from pydantic import Field

from unhobble.messages import Frozen

LOOKS = ("ls -la", "pwd; id", "ls /usr/local/bin | head")
"""Commands that change nothing: what a simulated model does that does not know further."""


class StepSeen(Frozen):
    """One command as it came out, and the score the work would have got after it."""

    exit_code: int
    stdout_characters: int = Field(ge=0, description="As the agent was shown them, within the output limit.")
    stderr_characters: int = Field(ge=0, description="The same of the standard error.")
    score: float = Field(ge=0, le=1, description="By the hidden tests.")
    visible: float | None = Field(None, description="By the task's visible scorer; None where it has none.")


class Rehearsal(Frozen):
    """A task's reference solution, carried out once."""

    task: str
    start: float = Field(ge=0, le=1, description="The score of doing nothing.")
    start_visible: float | None = Field(None, description="The visible score of doing nothing; None where there is none.")
    steps: tuple[StepSeen, ...] = Field(description="One for each reference step.")
    looks: dict[str, StepSeen] = Field(
        default_factory=dict, description="Harmless commands (``ls -la``) in the first state, by the command."
    )
