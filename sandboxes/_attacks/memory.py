"""How much more memory this process holds while something goes on."""

import asyncio
import contextlib
import os
from pathlib import Path
from types import TracebackType

from sandboxes._attacks.attack import MIB

MOST_MIB = 64.0
"""What a worker may grow by, whatever a command writes."""

_EVERY_S = 0.01


class Growth:
    """``async with Growth() as growth``: watches the resident memory until the end; ``mib`` is the most that it grew by."""

    def __init__(self) -> None:
        self.mib = 0.0
        self.passed = asyncio.Event()
        """Set as soon as there is more growth than there may be."""

    @property
    def exceeded(self) -> bool:
        """Whether it grew by more than it may."""
        return self.passed.is_set()

    async def __aenter__(self) -> "Growth":
        self._before = _resident()
        self._watch = asyncio.ensure_future(self._sample())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch
        self._look()

    async def _sample(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(_EVERY_S)

    def _look(self) -> None:
        self.mib = max(self.mib, (_resident() - self._before) / MIB)
        if self.mib > MOST_MIB:
            self.passed.set()


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
