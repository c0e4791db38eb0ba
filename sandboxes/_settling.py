"""Work that must come to its end even where the one who waits for it is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def settled(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` to its end. A cancellation that comes meanwhile is raised after it, in place of its outcome."""
    task = asyncio.ensure_future(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            interruption = error
    if interruption:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of an exception never retrieved
        raise interruption
    return task.result()


async def opened(opening: Coroutine[Any, Any, T], close: Callable[[T], Awaitable[None]]) -> T:
    """Await ``opening``. Where a cancellation comes meanwhile, what was opened is closed before it is raised."""
    task = asyncio.ensure_future(opening)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await settled(_close_when_open(task, close))
        raise


async def _close_when_open(task: asyncio.Task[T], close: Callable[[T], Awaitable[None]]) -> None:
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        await close(task.result())
