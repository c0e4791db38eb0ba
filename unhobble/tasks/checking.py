"""Plays a task in real sandboxes, with something that is known in place of an agent, to see that it measures what it claims to.

Doing nothing must score 0, the reference solution 1, and the reference solution without its last step less than 1 (which is 0
unless the task is made of stages): then its checks can fail, can pass, and see unfinished work. A task without steps, a question,
is unfinished when nothing stands in what is handed in. A visible scorer must give 1 to the reference solution and less to doing
nothing.
"""

import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from unhobble.errors import RolloutEscape, attributed_to
from unhobble.limits import Limits, Meter
from unhobble.machine import CommandMachine
from unhobble.protocols import Sandbox, SandboxProvider, Task
from unhobble.sandboxing import HOME_DIR, TESTS_DIR, WORK_DIR, ExecResult, SandboxSpec
from unhobble.tasks.leaks import Files
from unhobble.text import decode

_LIMITS = Limits()
_AGENTS_PLACES = (WORK_DIR, HOME_DIR, "/tmp")  # noqa: S108  # the sandbox's own
_MOST_BYTES, _MOST_FILES = 2**27, 50_000
_GIT_TIMEOUT_S = 60.0

PACKED = "what git packed"
"""The path under which the contents of all of git's objects stand among the files that were found at the start."""

# bash tells the processor time of what it waited for: of itself in one line, of its children in the next.
_TIMED = 'bash -c "$1"; code=$?; times >&2; exit $code'
_TIMES = re.compile(r"(\d+)m(\d+\.\d+)s (\d+)m(\d+\.\d+)s\n?\Z")
_READ_PACKED = (
    f"find {' '.join(_AGENTS_PLACES)} -type d -name objects -prune 2>/dev/null | while read -r objects; do "
    'git --git-dir="${objects%/objects}" cat-file --batch --batch-all-objects --unordered; done'
)


class Play(StrEnum):
    """What is done in place of an agent. ``twice`` is the reference steps, and all of them again."""

    nothing = "nothing"
    reference = "reference"
    unfinished = "unfinished"
    twice = "twice"

    def accepts(self, score: float | None) -> bool:
        """Whether a sound task may give it ``score``. What comes of doing everything twice is worth knowing and no fault."""
        if score is None:
            return False
        accepted = {Play.nothing: score == 0, Play.reference: score == 1, Play.unfinished: score < 1, Play.twice: True}
        return accepted[self]

    def accepts_visible(self, score: float | None) -> bool:
        """The same of the visible score. Work that is not finished may have any: it may look right to its author."""
        if score is None or self in (Play.unfinished, Play.twice):
            return True
        return (score == 1) == (self is Play.reference)


EXPECTED = {Play.nothing: "0", Play.reference: "1", Play.unfinished: "less than 1", Play.twice: "any score"}
"""What ``Play.accepts``, in words."""


@dataclass(frozen=True)
class Played:
    """One sandbox: what was done in it and what came of it. ``score`` is None where ``error`` says why there is none.

    ``cpu_s`` is the processor time of the reference's commands; None where it was not told. ``left`` is what stood in the agent's
    places before the scoring and ``hidden`` what stood in ``/tests`` after it; None where it was not read, or is too much for that.
    """

    play: Play
    score: float | None = None
    visible: float | None = None
    error: str = ""
    failed_checks: tuple[str, ...] = ()
    wall_s: float = 0.0
    cpu_s: float | None = None
    left: Files | None = None
    hidden: Files | None = None

    def faults(self) -> list[str]:
        """What a sound task would not do, in words."""
        found = []
        if not self.play.accepts(self.score):
            why = self.error or "; ".join(self.failed_checks) or "every check passed"
            score = "none" if self.score is None else f"{self.score:g}"
            found.append(f"{self.play.value}: score {score} where {EXPECTED[self.play]} is expected: {why}")
        if not self.play.accepts_visible(self.visible):
            expected = "1" if self.play is Play.reference else "less than 1"
            found.append(f"{self.play.value}: a visible score of {self.visible:g} where {expected} is expected")
        return found


async def carry_out(task: Task, play: Play, provider: SandboxProvider, spec: SandboxSpec, *, keep_files: bool = False) -> Played:
    """Set ``task`` up in a fresh sandbox, do what ``play`` says as the agent would, and score it. What breaks is in the result."""
    started_s = time.monotonic()
    try:
        with attributed_to("the check"):
            played = await _scored(task, play, provider, spec, keep_files=keep_files)
    except RolloutEscape as escape:
        played = Played(play, error=f"{type(escape).__name__}: {escape}")
    return replace(played, wall_s=round(time.monotonic() - started_s, 3))


async def _scored(task: Task, play: Play, provider: SandboxProvider, spec: SandboxSpec, *, keep_files: bool) -> Played:
    steps, submission = _part(task, play)
    sandbox = await provider.open(spec.for_task(task.needs), label=f"check-{task.id}-{play.value}")
    try:
        await task.set_up(sandbox)
        results = [await _step(sandbox, step) for step in steps]
        left = await _left(sandbox, with_packed=play is Play.nothing) if keep_files else None
        visible = await task.visible.score(CommandMachine(sandbox, Meter(_LIMITS))) if task.visible else None
        await sandbox.stop_agent()
        verdict = await task.scorer.score(sandbox, submission)
        hidden = await _files(sandbox, [TESTS_DIR]) if keep_files else None
    finally:
        await sandbox.close()
    times = [_cpu_s(result) for result in results]
    return Played(
        play,
        score=verdict.score,
        visible=visible,
        failed_checks=tuple(f"{name}: {said}" for name, said in verdict.failed.items()),
        cpu_s=None if None in times else sum(filter(None, times)),
        left=left,
        hidden=hidden,
    )


def _part(task: Task, play: Play) -> tuple[tuple[str, ...], str | None]:
    """The steps that are carried out, and what is handed in."""
    steps, submission = task.reference_steps, task.reference_submission
    parts = {
        Play.nothing: ((), None),
        Play.reference: (steps, submission),
        Play.unfinished: (steps[:-1], submission if steps else ""),
        Play.twice: (steps * 2, submission),
    }
    return parts[play]


async def _step(sandbox: Sandbox, step: str) -> ExecResult:
    command = ["bash", "-c", _TIMED, "bash", step]
    return await sandbox.exec(command, timeout_s=_LIMITS.command_timeout_s, output_bytes=_LIMITS.output_bytes)


def _cpu_s(result: ExecResult) -> float | None:
    """Seconds of user and system time that the command took; None where it was killed or wrote too much to tell."""
    read = _TIMES.search(decode(result.stderr))
    return None if read is None else sum(60 * int(read[i]) + float(read[i + 1]) for i in (1, 3))


async def _left(sandbox: Sandbox, *, with_packed: bool) -> Files | None:
    """What stands in the agent's places; None where it is too much to be read."""
    found = await _files(sandbox, _AGENTS_PLACES)
    if found is None or not with_packed or not any("/objects/pack/" in path for path in found):
        return found
    command = ["bash", "-c", _READ_PACKED]
    packed = await sandbox.exec(command, timeout_s=_GIT_TIMEOUT_S, output_bytes=_MOST_BYTES)
    return {**found, PACKED: packed.stdout}


async def _files(sandbox: Sandbox, places: Sequence[str]) -> Files | None:
    found: dict[str, bytes] = {}
    try:
        for place in places:
            with contextlib.suppress(FileNotFoundError):
                files = await sandbox.read_directory(place, max_bytes=_MOST_BYTES, max_files=_MOST_FILES)
                found |= {file.path: file.data for file in files}
    except ValueError:
        return None
    return found
