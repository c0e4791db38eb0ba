"""Sandboxes that were started ahead of need: each is used once, by whoever opens the next one of its shape.

A start takes as long as some dozen commands, and nobody waits for it who finds one ready. What is kept ready follows what is
opened: after each opening but a shape's first one more of that shape is started, and where that is one too many, the shape that
was not opened for the longest time loses one. A shape that is needed once costs no start in vain.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar

from unhobble.errors import SandboxError

_RECENT_OPENINGS = 64
_log = logging.getLogger(__name__)


class Spare(Protocol):
    """As much as is asked of a sandbox here."""

    async def stop_agent(self) -> None:
        """Nothing runs yet, so this only shows that the keeper answers. Raises ``SandboxError``."""
        ...

    async def close(self) -> None:
        """Remove it. Never raises."""
        ...


S = TypeVar("S", bound=Spare)
K = TypeVar("K", bound=Hashable)


class Spares(Generic[K, S]):
    """At most ``count`` sandboxes in all that wait to be taken, by shape. Owned by one event loop."""

    def __init__(self, start: Callable[[K], Awaitable[S]], count: int) -> None:
        self._start = start
        self._count = count
        self._waiting: OrderedDict[K, deque[asyncio.Task[S]]] = OrderedDict()
        self._recent: deque[K] = deque(maxlen=_RECENT_OPENINGS)
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self, shape: K) -> S | None:
        """A sandbox of that shape, the caller's from now on; None where there is none that works."""
        waiting = self._waiting.get(shape, ())
        while waiting:
            starting = waiting.popleft()
            try:
                spare = await starting
                await spare.stop_agent()
            except SandboxError as error:
                _log.warning("a sandbox that was started ahead does not work: %s", error)
            else:
                return spare
        return None

    def prepare(self, shape: K) -> None:
        """Begin to start one more of a shape that was opened, unless it is new or there are enough.

        What fails at that is logged, and nobody's failure.
        """
        is_new = self._is_new(shape)
        self._recent.append(shape)
        if is_new or self._closed or not self._count:
            return
        waiting = self._waiting.setdefault(shape, deque())
        self._waiting.move_to_end(shape)
        if len(waiting) < self._count:
            waiting.append(asyncio.ensure_future(self._start(shape)))
        while sum(map(len, self._waiting.values())) > self._count:
            self._drop_oldest()

    async def close(self) -> None:
        """Remove those that nobody took, and start no more."""
        self._closed = True
        while self._waiting:
            self._drop_oldest()
        while self._leaving:
            await asyncio.wait(self._leaving)

    def _is_new(self, shape: K) -> bool:
        return shape not in self._recent

    def _drop_oldest(self) -> None:
        shape, waiting = next(iter(self._waiting.items()))
        if waiting:
            leaving = asyncio.ensure_future(self._remove(waiting.popleft()))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        if not waiting:
            del self._waiting[shape]

    async def _remove(self, starting: asyncio.Task[S]) -> None:
        # A start cannot be called off in its middle: it is seen through, and then undone.
        with contextlib.suppress(SandboxError):
            await (await starting).close()
