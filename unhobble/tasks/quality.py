"""What a check found of a suite, task by task: the quality report, and how it is made.

A shipped suite has its report beside it (``shell.quality.json`` beside the folder ``shell``), where it is no part of the suite's
digest; a report says of which digest it is, and one of another digest says nothing.
"""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from unhobble.errors import RolloutEscape, attributed_to
from unhobble.messages import Frozen
from unhobble.protocols import SandboxProvider, Task, TaskSuite
from unhobble.sandboxing import WORK_DIR, SandboxSpec
from unhobble.tasks.checking import PACKED, Play, Played, carry_out
from unhobble.tasks.leaks import made, standing_in
from unhobble.tasks.rehearsal import Rehearsal, rehearse

_NAMED_FILES = 5

Advance = Callable[[], None]
"""Called after each sandbox."""


class TaskQuality(Frozen):
    """What was found of a task. It is sound where ``faults`` is empty."""

    task: str
    family: str
    human_minutes: float
    sound: bool
    faults: tuple[str, ...] = Field((), description="All that makes it unsound, in words.")
    flaky: bool = Field(description="Whether a score of doing nothing or of the reference differed between repeats.")
    scores: dict[Play, tuple[float | None, ...]] = Field(description="The scores that each play got; each once, null for none.")
    varying_files: tuple[str, ...] = Field(
        (), description="Files that differed between repeats of a play; the first few. No fault."
    )
    repeatable: bool | None = Field(None, description="Whether the steps played twice still score 1; null where there are none.")
    wall_s: float = Field(description="Median seconds of a sandbox with the reference, from its opening to the verdict.")
    cpu_s: float | None = Field(None, description="Median processor seconds of the reference's commands, without the checks.")
    rehearsal: Rehearsal | None = Field(None, description="Null where it broke.")


class SuiteQuality(Frozen):
    """The quality report of a suite."""

    schema_version: Literal[1] = 1
    suite: str
    version: str
    digest: str
    made_at: str = Field(description="When, ISO 8601 in UTC.")
    backend: str
    repeats: int = Field(ge=1)
    human_minutes_note: str
    tasks: tuple[TaskQuality, ...]

    def to_json(self) -> str:
        """The report as a document, a line for each task; what is as it is by default is left out."""
        head = self.model_dump(mode="json", exclude={"tasks"})
        tasks = ",\n".join(task.model_dump_json(exclude_defaults=True) for task in self.tasks)
        return json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}") + f',\n "tasks": [\n{tasks}\n]}}\n'


def quality_of(suite: TaskSuite) -> SuiteQuality | None:
    """The report that stands beside ``suite``; None where there is none of this digest.

    A suite that has a place for one says it as ``quality_file``.
    """
    file: Path | None = getattr(suite, "quality_file", None)
    if file is None or not file.is_file():
        return None
    try:
        report = SuiteQuality.model_validate_json(file.read_bytes())
    except ValidationError:
        return None
    return report if report.digest == suite.digest else None


def rehearsals_of(suite: TaskSuite) -> dict[str, Rehearsal] | None:
    """The rehearsal of each task by its id, from the report beside ``suite``; None where there is none, or not of every task."""
    report = quality_of(suite)
    found = {task.task: task.rehearsal for task in report.tasks if task.rehearsal} if report else {}
    return found if found.keys() >= {task.id for task in suite.tasks} else None


def reported(suite: TaskSuite, tasks: Sequence[TaskQuality], *, backend: str, repeats: int) -> SuiteQuality:
    """The report of what was found of ``tasks``, in the order of the suite, made now."""
    place = {task.id: number for number, task in enumerate(suite.tasks)}
    return SuiteQuality(
        suite=suite.id,
        version=suite.version,
        digest=suite.digest,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        backend=backend,
        repeats=repeats,
        human_minutes_note=suite.human_minutes_note,
        tasks=tuple(sorted(tasks, key=lambda task: place[task.task])),
    )


def sandboxes_for(task: Task, repeats: int) -> int:
    """How many sandboxes the check of a task opens: nothing and the reference each time, and the rest once."""
    return 2 * repeats + (3 if task.reference_steps else 2)


async def check_tasks(
    tasks: Sequence[Task],
    provider: SandboxProvider,
    spec: SandboxSpec,
    *,
    repeats: int = 1,
    jobs: int = 2,
    rehearsing: bool = True,
    advance: Advance = lambda: None,
) -> AsyncIterator[TaskQuality]:
    """Check ``tasks``, ``jobs`` of them at once; each is yielded as it is finished.

    Without ``rehearsing`` in a third of the time: what each step is worth is then not looked at.
    """
    places = asyncio.Semaphore(jobs)

    async def check(task: Task) -> TaskQuality:
        async with places:
            return await _Check(task, tasks, provider, spec, advance).found(repeats, rehearsing=rehearsing)

    running = [asyncio.create_task(check(task)) for task in tasks]
    try:
        for finished in asyncio.as_completed(running):
            yield await finished
    finally:
        for left in running:
            left.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Check:
    """The check of one task."""

    def __init__(self, task: Task, tasks: Sequence[Task], provider: SandboxProvider, spec: SandboxSpec, advance: Advance) -> None:
        self._task, self._tasks = task, tasks
        self._provider, self._spec = provider, spec
        self._advance = advance

    async def found(self, repeats: int, *, rehearsing: bool) -> TaskQuality:
        """All that there is to be found."""
        plays: dict[Play, list[Played]] = {play: [] for play in Play}
        files = {Play.nothing: _Files(), Play.reference: _Files()}
        leaks: list[str] = []
        for _ in range(repeats):
            nothing, reference = await self._play(Play.nothing), await self._play(Play.reference)
            if not plays[Play.nothing]:
                leaks = _leaks(self._task, nothing, reference)
            for played in (nothing, reference):
                files[played.play].add(played)
                # The contents were looked at: of twenty repeats they would take much memory.
                plays[played.play].append(replace(played, left=None, hidden=None))
        plays[Play.unfinished].append(await self._play(Play.unfinished))
        if self._task.reference_steps:
            plays[Play.twice].append(await self._play(Play.twice))
        rehearsal, broken = await self._rehearsed() if rehearsing else (None, [])
        faults = [fault for played in plays.values() for one in played for fault in one.faults() if one.play is not Play.twice]
        if not self._task.reference_steps:
            faults += await self._mistaken()
        return _quality(
            self._task,
            plays,
            faults=[*dict.fromkeys(faults), *leaks, *broken],
            varying=[path for play in files.values() for path in play.varying()],
            rehearsal=rehearsal,
        )

    async def _play(self, play: Play) -> Played:
        keep_files = play in (Play.nothing, Play.reference)
        played = await carry_out(self._task, play, self._provider, self._spec, keep_files=keep_files)
        self._advance()
        return played

    async def _rehearsed(self) -> tuple[Rehearsal | None, list[str]]:
        try:
            with attributed_to("the rehearsal"):
                rehearsal = await rehearse(self._task, self._provider, self._spec)
        except RolloutEscape as escape:
            return None, [f"rehearsal: {type(escape).__name__}: {escape}"]
        finally:
            self._advance()
        scores = [rehearsal.start, *(step.score for step in rehearsal.steps)]
        falls = [place for place in range(1, len(scores)) if scores[place] < scores[place - 1]]
        faults = [f"rehearsal: step {place} takes the score from {scores[place - 1]:g} to {scores[place]:g}" for place in falls]
        if len(scores) > 1 and scores[-1] != 1:
            faults.append(f"rehearsal: score {scores[-1]:g} after the last step where 1 is expected")
        return rehearsal, faults

    async def _mistaken(self) -> list[str]:
        """Answers to other questions of the family that are taken for the answer to this one, and are not the same answer."""
        asked, faults = self._task, []
        others = [other for other in self._tasks if other.family == asked.family and not other.reference_steps]
        try:
            with attributed_to("the check"):
                sandbox = await self._provider.open(self._spec.for_task(asked.needs), label=f"check-{asked.id}-others")
                try:
                    for other in others:
                        taken = (await asked.scorer.score(sandbox, other.reference_submission)).score > 0
                        if taken and (await other.scorer.score(sandbox, asked.reference_submission)).score < 1:
                            faults.append(f"the answer to {other.id} is taken: {other.reference_submission[:80]!r}")
                finally:
                    await sandbox.close()
        except RolloutEscape as escape:
            faults.append(f"other answers: {type(escape).__name__}: {escape}")
        return faults


class _Files:
    """What was left in each repeat of one play, by its digests."""

    def __init__(self) -> None:
        self._seen: list[Mapping[str, str]] = []

    def add(self, played: Played) -> None:
        """Note what ``played`` left, where that is known."""
        if played.left is not None:
            self._seen.append({path: sha256(data).hexdigest() for path, data in played.left.items() if path != PACKED})

    def varying(self) -> list[str]:
        """The files that were not the same in every repeat."""
        paths = sorted({path for seen in self._seen for path in seen})
        return [path for path in paths if len({seen.get(path) for seen in self._seen}) > 1]


def _leaks(task: Task, nothing: Played, reference: Played) -> list[str]:
    """What the agent is given and should not be, less the files that the task has a reason for (``stands_already``)."""
    if nothing.left is None or nothing.hidden is None or reference.left is None:
        return [] if nothing.error or reference.error else ["leaks: its files are too many or too large to be searched"]
    excused = {f"{WORK_DIR}/{path}" for path in getattr(task, "stands_already", {})}
    solution = {path: data for path, data in made(nothing.left, reference.left).items() if path not in excused}
    hidden = standing_in({path: data for path, data in nothing.left.items() if path not in excused}, nothing.hidden)
    return [
        *(f"leak: {path} of the reference stands in {where}" for path, where in standing_in(nothing.left, solution).items()),
        *(f"leak: {path} stands in {where}" for path, where in hidden.items()),
    ]


def _quality(
    task: Task,
    plays: Mapping[Play, Sequence[Played]],
    *,
    faults: Sequence[str],
    varying: Sequence[str],
    rehearsal: Rehearsal | None,
) -> TaskQuality:
    scores = {play: tuple(dict.fromkeys(one.score for one in played)) for play, played in plays.items() if played}
    reference = plays[Play.reference]
    cpu_s = [played.cpu_s for played in reference if played.cpu_s is not None] if task.reference_steps else []
    return TaskQuality(
        task=task.id,
        family=task.family,
        human_minutes=task.human_minutes,
        sound=not faults,
        faults=tuple(faults),
        flaky=any(len(scores[play]) > 1 for play in (Play.nothing, Play.reference)),
        scores=scores,
        varying_files=tuple(varying[:_NAMED_FILES]),
        repeatable=scores[Play.twice] == (1.0,) if Play.twice in scores else None,
        wall_s=round(statistics.median(played.wall_s for played in reference), 2),
        cpu_s=round(statistics.median(cpu_s), 3) if cpu_s else None,
        rehearsal=rehearsal,
    )
