"""Work that must come to its end even where the one who waits for it is cancelled."""

import asyncio
from collections.abc import Coroutine
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
