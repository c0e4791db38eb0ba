"""Rollouts in this process: for a few of them (``unhobble replay``), and for tests that are not about Ray."""

from service.workers.queued_pool import QueuedPool
from service.workers.waiting_room import WaitingRoom, machine_room
from unhobble.results import RolloutResult
from unhobble.spec import RolloutSpec
from unhobble.worker import Worker


class InlinePool(QueuedPool):
    """``protocols.RolloutPool`` over tasks of this event loop."""

    def __init__(self, worker: Worker | None = None, room: WaitingRoom | None = None) -> None:
        super().__init__(room or machine_room())
        self._worker = worker or Worker()

    async def close(self) -> None:
        """See ``protocols.RolloutPool``."""
        await self._cancel_all()
        await self._worker.close()

    async def _run_at(self, node: str, spec: RolloutSpec) -> RolloutResult:
        del node  # there is only this one
        return await self._worker.run(spec)
