"""What a task's reference solution does in a real sandbox, step by step: what it prints, and what the work is worth after it.

Simulated rollouts go by it (``unhobble.models.organism.truth``), because a conversation grows by what commands print and a task
of several stages is worth something before it is finished.
"""

from pydantic import Field

from unhobble.errors import TaskError, attributed_to
from unhobble.limits import Limits, Meter
from unhobble.machine import CommandMachine
from unhobble.messages import Frozen
from unhobble.protocols import Sandbox, SandboxProvider, Task
from unhobble.sandboxing import ExecResult, SandboxSpec
from unhobble.text import decode

LOOKS = ("ls -la", "pwd; id", "ls /usr/local/bin | head")
"""Commands that change nothing in any sandbox: what a simulated model does that does not know further."""

_LIMITS = Limits()


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


async def rehearse(task: Task, provider: SandboxProvider, spec: SandboxSpec) -> Rehearsal:
    """Carry out ``task``'s reference in one sandbox, and score what was there before it and after each of its steps.

    The scoring waits until the last step is done, and then goes through copies that were made on the way: hidden tests that
    stand in the sandbox change nothing any more. Only what stands after the last step is scored with the reference submission.
    Raises ``TaskError`` where a step does not come to its end or the tests give no verdict, and what the sandbox raises.
    """
    sandbox = await provider.open(spec.for_task(task.needs), label=f"rehearse-{task.id}")
    try:
        with attributed_to(f"the rehearsal of {task.id}"):
            await task.set_up(sandbox)
            looks = {command: await _carried_out(command, sandbox, task) for command in LOOKS}
            states, results = [await sandbox.snapshot()], []
            for step in task.reference_steps:
                results.append(await _carried_out(step, sandbox, task))
                states.append(await sandbox.snapshot())
            visible = [await _visible(task, sandbox, state) for state in states]
            await sandbox.stop_agent()
            last = len(states) - 1 if task.reference_steps else None
            scores = [await _score(task, sandbox, state, finished=place == last) for place, state in enumerate(states)]
    finally:
        await sandbox.close()
    return Rehearsal(
        task=task.id,
        start=scores[0],
        start_visible=visible[0],
        steps=tuple(_seen(*seen) for seen in zip(results, scores[1:], visible[1:], strict=True)),
        looks={command: _seen(result, scores[0], visible[0]) for command, result in looks.items()},
    )


async def _carried_out(command: str, sandbox: Sandbox, task: Task) -> ExecResult:
    result = await sandbox.exec(["bash", "-c", command], timeout_s=_LIMITS.command_timeout_s, output_bytes=_LIMITS.output_bytes)
    if result.exit_code is None:
        raise TaskError(f"a command of the rehearsal of {task.id} did not end by itself ({result.ending.value}): {command[:200]}")
    return result


async def _visible(task: Task, sandbox: Sandbox, state: str) -> float | None:
    if task.visible is None:
        return None
    await sandbox.restore(state)
    return await task.visible.score(CommandMachine(sandbox, Meter(_LIMITS)))


async def _score(task: Task, sandbox: Sandbox, state: str, *, finished: bool) -> float:
    await sandbox.restore(state)
    return (await task.scorer.score(sandbox, task.reference_submission if finished else None)).score


def _seen(result: ExecResult, score: float, visible: float | None) -> StepSeen:
    assert result.exit_code is not None  # such a result was refused
    return StepSeen(
        exit_code=result.exit_code,
        stdout_characters=len(decode(result.stdout)),
        stderr_characters=len(decode(result.stderr)),
        score=score,
        visible=visible,
    )
