"""Sweeps what dead workers left on this machine, for as long as a provider is in use."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

_PERIOD_S = 60.0
_log = logging.getLogger(__name__)


class Janitor:
    """Calls ``sweep``, which says what it removed: when a provider is used for the first time, and then once a minute.

    A sweep that fails is logged and tried again a minute later: what others left keeps nobody from working.
    """

    def __init__(self, sweep: Callable[[], Awaitable[list[str]]], *, period_s: float = _PERIOD_S) -> None:
        self._sweep = sweep
        self._period_s = period_s
        self._rounds: asyncio.Task[None] | None = None
        self._first = asyncio.Event()

    async def begin(self) -> None:
        """Return when the first sweep is over; to be called before each use."""
        if self._rounds is None:
            self._first = asyncio.Event()
            self._rounds = asyncio.ensure_future(self._work(self._first))
        await self._first.wait()

    async def close(self) -> None:
        """Sweep no more. ``begin`` can be called again."""
        rounds, self._rounds = self._rounds, None
        self._first.set()
        if rounds is not None:
            rounds.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await rounds

    async def _work(self, first: asyncio.Event) -> None:
        while True:
            try:
                for removed in await self._sweep():
                    _log.info("swept %s", removed)
            except Exception as error:
                _log.warning("what dead workers left could not be swept: %s", error)
            first.set()
            await asyncio.sleep(self._period_s)
