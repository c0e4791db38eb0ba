"""What every pool does alike: a rollout waits for room, runs as a task of this event loop, and its result waits in a queue."""

import asyncio
from abc import ABC, abstractmethod

from service.workers.room import Size
from service.workers.waiting_room import TooLarge, WaitingRoom
from unhobble.results import RolloutResult
from unhobble.spec import RolloutSpec
from unhobble.worker import invalid_result


class QueuedPool(ABC):
    """The part of ``protocols.RolloutPool`` that does not depend on where rollouts are run."""

    def __init__(self, room: WaitingRoom) -> None:
        self._room = room
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: asyncio.Queue[RolloutResult] = asyncio.Queue()

    async def submit(self, spec: RolloutSpec) -> None:
        """See ``protocols.RolloutPool``. A rollout for which no node could ever have room comes back invalid."""
        task = asyncio.create_task(self._run(spec))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def next_result(self, timeout_s: float) -> RolloutResult | None:
        """See ``protocols.RolloutPool``."""
        try:
            return await asyncio.wait_for(self._results.get(), timeout_s)
        except TimeoutError:
            return None

    async def _run(self, spec: RolloutSpec) -> None:
        try:
            async with self._room.room_for(Size(*spec.sandbox.request)) as node:
                result = await self._run_at(node, spec)
        except TooLarge as error:
            result = invalid_result(spec, str(error), retryable=False)
        await self._results.put(result)

    @abstractmethod
    async def _run_at(self, node: str, spec: RolloutSpec) -> RolloutResult:
        """Run a rollout on a node that has room for it. Never raises but for cancellation."""

    async def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
