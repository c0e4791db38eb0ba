"""Rollouts in this process: for a few of them (``unhobble replay``), and for tests that are not about Ray."""

import asyncio

from unhobble.results import RolloutResult
from unhobble.spec import RolloutSpec
from unhobble.worker import Worker


class InlinePool:
    """``protocols.RolloutPool`` over tasks of this event loop."""

    def __init__(self, worker: Worker | None = None) -> None:
        self._worker = worker or Worker()
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: asyncio.Queue[RolloutResult] = asyncio.Queue()

    async def submit(self, spec: RolloutSpec) -> None:
        """See ``protocols.RolloutPool``."""
        task = asyncio.create_task(self._run(spec))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def next_result(self, timeout_s: float) -> RolloutResult | None:
        """See ``protocols.RolloutPool``."""
        try:
            return await asyncio.wait_for(self._results.get(), timeout_s)
        except TimeoutError:
            return None

    async def close(self) -> None:
        """See ``protocols.RolloutPool``."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._worker.close()

    async def _run(self, spec: RolloutSpec) -> None:
        await self._results.put(await self._worker.run(spec))
