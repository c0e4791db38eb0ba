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
from unhobble.sandboxing import WORK_DIR, ExecResult, SandboxFile, SandboxSpec
from unhobble.text import decode

LOOKS = ("ls -la", "pwd; id", "ls /usr/local/bin | head")
"""Commands that change nothing in any sandbox: what a simulated model does that does not know further."""

_LIMITS = Limits()
_COMPARED_FILES, _COMPARED_BYTES = 10_000, 64 * 2**20


class StepSeen(Frozen):
    """One command as it came out, and the score the work would have got after it."""

    exit_code: int
    stdout_characters: int = Field(ge=0, description="As the agent was shown them, within the output limit.")
    stderr_characters: int = Field(ge=0, description="The same of the standard error.")
    score: float = Field(ge=0, le=1, description="By the hidden tests.")
    visible: float | None = Field(None, description="By the task's visible scorer; None where it has none.")
    changes_files: bool = Field(True, description="Whether the files in the agent's directory are others after it.")
    without: float | None = Field(
        None, ge=0, le=1, description="The score of all reference steps but this one; None where that was not tried."
    )
    visible_without: float | None = Field(None, description="The visible score of the same.")


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

    And after all steps but one, for each of them: agents pass over a step that was not carried out without their noticing.

    The scoring waits until the last step is done, and then goes through copies that were made on the way: hidden tests that
    stand in the sandbox change nothing any more. Only what stands after the last step is scored with the reference submission.
    Raises ``TaskError`` where a step does not come to its end or the tests give no verdict, and what the sandbox raises.
    """
    sandbox = await provider.open(spec.for_task(task.needs), label=f"rehearse-{task.id}")
    try:
        with attributed_to(f"the rehearsal of {task.id}"):
            await task.set_up(sandbox)
            looks = {command: await _carried_out(command, sandbox, task) for command in LOOKS}
            states, files, results = [await sandbox.snapshot()], [await _files(sandbox)], []
            for step in task.reference_steps:
                results.append(await _carried_out(step, sandbox, task))
                states.append(await sandbox.snapshot())
                files.append(await _files(sandbox))
            short = [await _without(place, task, sandbox, states[place]) for place in range(len(results))]
            visible, visible_short = [[await _visible(task, sandbox, state) for state in some] for some in (states, short)]
            await sandbox.stop_agent()
            last = len(states) - 1 if task.reference_steps else None
            scores = [await _score(task, sandbox, state, finished=place == last) for place, state in enumerate(states)]
            scores_short = [await _score(task, sandbox, state, finished=True) for state in short]
    finally:
        await sandbox.close()
    return Rehearsal(
        task=task.id,
        start=scores[0],
        start_visible=visible[0],
        steps=tuple(
            _seen(result, scores[place], visible[place]).model_copy(
                update={
                    "changes_files": files[place] is None or files[place] != files[place - 1],
                    "without": scores_short[place - 1],
                    "visible_without": visible_short[place - 1],
                }
            )
            for place, result in enumerate(results, start=1)
        ),
        looks={command: _seen(result, scores[0], visible[0]) for command, result in looks.items()},
    )


async def _carried_out(command: str, sandbox: Sandbox, task: Task) -> ExecResult:
    result = await _tried(command, sandbox)
    if result.exit_code is None:
        raise TaskError(f"a command of the rehearsal of {task.id} did not end by itself ({result.ending.value}): {command[:200]}")
    return result


async def _tried(command: str, sandbox: Sandbox) -> ExecResult:
    return await sandbox.exec(["bash", "-c", command], timeout_s=_LIMITS.command_timeout_s, output_bytes=_LIMITS.output_bytes)


async def _without(place: int, task: Task, sandbox: Sandbox, before: str) -> str:
    """The state after all reference steps but the one at ``place``, from the one ``before`` it. Whether they fail is no matter."""
    await sandbox.restore(before)
    for step in task.reference_steps[place + 1 :]:
        await _tried(step, sandbox)
    return await sandbox.snapshot()


async def _files(sandbox: Sandbox) -> list[SandboxFile] | None:
    """All files of the agent; None where there is too much to be read."""
    try:
        return await sandbox.read_directory(WORK_DIR, max_bytes=_COMPARED_BYTES, max_files=_COMPARED_FILES)
    except (FileNotFoundError, ValueError):
        return None


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
