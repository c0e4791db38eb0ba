"""Proves in real sandboxes that tasks measure what they claim to.

A task is sound when doing nothing scores 0, its reference solution scores 1, and the reference solution without its last step
scores 0: then its checks can fail, can pass, and see unfinished work. Where it has a visible scorer, that gives 1 to the reference
solution and less to doing nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

from pydantic import Field

from unhobble.errors import RolloutEscape, attributed_to
from unhobble.limits import Limits, Meter
from unhobble.machine import CommandMachine
from unhobble.messages import Frozen
from unhobble.protocols import SandboxProvider, Task
from unhobble.sandboxing import SandboxSpec

_LIMITS = Limits()


class Play(StrEnum):
    """What is done in place of an agent."""

    nothing = "nothing"
    reference = "reference"
    unfinished = "unfinished"

    @property
    def expected(self) -> float:
        """The score that a sound task gives it."""
        return float(self is Play.reference)


class PlayResult(Frozen):
    """One sandbox: what was done, and the score; ``score`` is None where ``error`` says why there is none.

    ``visible`` is what the task's visible scorer gave; None where it has none.
    """

    play: Play
    score: float | None
    visible: float | None = None
    error: str | None = None
    failed_checks: tuple[str, ...] = Field((), description="Checks that failed, with what they said.")
    duration_s: float

    @property
    def ok(self) -> bool:
        """Whether both scores are as expected."""
        return self.score == self.play.expected and self.visible_ok

    @property
    def visible_ok(self) -> bool:
        """Whether the visible score is as expected. Work that is not finished may have any: it may look right to its author."""
        if self.visible is None or self.play is Play.unfinished:
            return True
        return (self.visible == 1) == (self.play is Play.reference)


class TaskCheck(Frozen):
    """What a task did in each play."""

    task: str
    family: str
    human_minutes: float
    plays: tuple[PlayResult, ...]

    @property
    def ok(self) -> bool:
        """Whether the task is sound."""
        return all(play.ok for play in self.plays)


async def check_tasks(
    tasks: Sequence[Task], provider: SandboxProvider, spec: SandboxSpec, *, jobs: int = 2
) -> AsyncIterator[TaskCheck]:
    """Check ``tasks``, ``jobs`` of them at once; each is yielded as it is finished."""
    places = asyncio.Semaphore(jobs)

    async def check(task: Task) -> TaskCheck:
        async with places:
            plays = [await _play(task, play, provider, spec) for play in Play]
        return TaskCheck(task=task.id, family=task.family, human_minutes=task.human_minutes, plays=tuple(plays))

    running = [asyncio.create_task(check(task)) for task in tasks]
    try:
        for finished in asyncio.as_completed(running):
            yield await finished
    finally:
        for left in running:
            left.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _play(task: Task, play: Play, provider: SandboxProvider, spec: SandboxSpec) -> PlayResult:
    started_s = time.monotonic()
    try:
        with attributed_to("the check"):
            result = await _scored(task, play, provider, spec)
    except RolloutEscape as escape:
        result = PlayResult(play=play, score=None, error=f"{type(escape).__name__}: {escape}", duration_s=0)
    return result.model_copy(update={"duration_s": round(time.monotonic() - started_s, 3)})


async def _scored(task: Task, play: Play, provider: SandboxProvider, spec: SandboxSpec) -> PlayResult:
    """Set the task up in a fresh sandbox, carry out what ``play`` says as the agent would, and score it."""
    steps = {Play.nothing: (), Play.reference: task.reference_steps, Play.unfinished: task.reference_steps[:-1]}[play]
    sandbox = await provider.open(spec.for_task(task.needs), label=f"check-{task.id}-{play.value}")
    try:
        await task.set_up(sandbox)
        for step in steps:
            await sandbox.exec(["bash", "-c", step], timeout_s=_LIMITS.command_timeout_s, output_bytes=_LIMITS.output_bytes)
        visible = await task.visible.score(CommandMachine(sandbox, Meter(_LIMITS))) if task.visible else None
        await sandbox.stop_agent()
        verdict = await task.scorer.score(sandbox, None if play is Play.nothing else task.reference_submission)
    finally:
        await sandbox.close()
    failed = tuple(f"{name}: {said}" for name, said in verdict.failed.items())
    return PlayResult(play=play, score=verdict.score, visible=visible, failed_checks=failed, duration_s=0)
