"""What every pool does alike: each rollout is a task of this event loop, and finished ones wait in a queue."""

import asyncio

from unhobble.results import RolloutResult


class QueuedPool:
    """The part of ``protocols.RolloutPool`` that does not depend on where rollouts are run."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: asyncio.Queue[RolloutResult] = asyncio.Queue()

    async def next_result(self, timeout_s: float) -> RolloutResult | None:
        """See ``protocols.RolloutPool``."""
        try:
            return await asyncio.wait_for(self._results.get(), timeout_s)
        except TimeoutError:
            return None

    def _start(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
