"""What the tasks of a suite really print and score: from the report beside the suite, else tried out in sandboxes now."""

import asyncio
from collections.abc import Callable, Sequence

from sandboxes import choose
from unhobble.protocols import Task, TaskSuite
from unhobble.registry import installed
from unhobble.sandboxing import SandboxSpec
from unhobble.tasks.quality import rehearsals_of
from unhobble.tasks.rehearsal import Rehearsal, rehearse
from unhobble.vocabulary import PluginKind


def shipped_or_rehearsed(
    suite: TaskSuite,
    tasks: Sequence[Task],
    *,
    backend: str = "bubblewrap",
    jobs: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Rehearsal]:
    """The rehearsal of each of ``tasks``, which are of ``suite``, by its id. ``advance`` is told of each that is tried out.

    Not inside an event loop. Raises ``SandboxError`` where there is no sandbox, and ``TaskError`` for a task that is not sound.
    """
    shipped = rehearsals_of(suite)
    if shipped is not None:
        return {task.id: shipped[task.id] for task in tasks}
    return asyncio.run(_rehearsed(tasks, SandboxSpec(backend=backend), jobs, advance))


async def _rehearsed(tasks: Sequence[Task], spec: SandboxSpec, jobs: int, advance: Callable[[], None]) -> dict[str, Rehearsal]:
    registry = installed()
    choice = await choose(spec, registry, tasks)
    provider = registry.build(PluginKind.sandbox, choice.backend)
    places = asyncio.Semaphore(jobs)

    async def one(task: Task) -> Rehearsal:
        async with places:
            found = await rehearse(task, provider, spec)
            advance()
            return found

    try:
        async with asyncio.TaskGroup() as group:
            under_way = [group.create_task(one(task)) for task in tasks]
    except* Exception as several:
        raise several.exceptions[0] from None
    finally:
        await provider.close()
    return {task.id: found.result() for task, found in zip(tasks, under_way, strict=True)}
