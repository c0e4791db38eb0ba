"""Rollouts in this process: for a few of them (``unhobble replay``), and for tests that are not about Ray."""

import asyncio

from service.workers.queued_pool import QueuedPool
from unhobble.spec import RolloutSpec
from unhobble.worker import Worker


class InlinePool(QueuedPool):
    """``protocols.RolloutPool`` over tasks of this event loop."""

    def __init__(self, worker: Worker | None = None) -> None:
        super().__init__()
        self._worker = worker or Worker()

    async def submit(self, spec: RolloutSpec) -> None:
        """See ``protocols.RolloutPool``."""
        self._start(asyncio.create_task(self._run(spec)))

    async def close(self) -> None:
        """See ``protocols.RolloutPool``."""
        await self._cancel_all()
        await self._worker.close()

    async def _run(self, spec: RolloutSpec) -> None:
        await self._results.put(await self._worker.run(spec))
