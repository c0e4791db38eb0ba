"""Rollouts in Ray actors, on this machine or on a cluster."""

import asyncio
import contextlib
import math
import os
from typing import Any

import ray
from ray.exceptions import RayError

from service.workers.queued_pool import QueuedPool
from unhobble.results import RolloutResult
from unhobble.spec import RolloutSpec
from unhobble.worker import Worker, invalid_result


class RolloutActor:
    """One worker process. Async, so that one process holds many rollouts that wait for models and commands."""

    def __init__(self) -> None:
        self._worker = Worker()

    async def run(self, spec: str) -> str:
        """Run a ``RolloutSpec`` given as JSON; the ``RolloutResult`` comes back as JSON."""
        return (await self._worker.run(RolloutSpec.model_validate_json(spec))).model_dump_json()

    async def pid(self) -> int:
        """The process id of the worker."""
        return os.getpid()

    async def close(self) -> None:
        """Release models and sandboxes."""
        await self._worker.close()


def start_ray(address: str | None) -> None:
    """Connect this process to a cluster, or start a local Ray that ends with it. Idempotent.

    This process becomes the driver: when the cluster's control store dies, Ray ends it without an exception. So it must not be
    the API's process, and whoever starts it watches over it.
    """
    if ray.is_initialized():
        return
    # Ray's own telemetry must not leave the machine, and a worker must not wait for a dashboard nobody started.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    local: dict[str, Any] = {} if address else {"include_dashboard": False}
    ray.init(address=address, logging_level="error", log_to_driver=False, namespace="unhobble", **local)


class RayPool(QueuedPool):
    """``protocols.RolloutPool`` over Ray actors. An actor that dies is started again by Ray; its rollouts come back invalid.

    Nothing is retried by Ray: whether a rollout is repeated is the controller's decision, which books every attempt.
    """

    def __init__(self, *, workers: int, concurrency: int) -> None:
        super().__init__()
        per_actor = math.ceil(concurrency / workers)
        actor = ray.remote(RolloutActor).options(num_cpus=0, max_concurrency=per_actor + 1, max_restarts=-1, max_task_retries=0)
        self._actors = [actor.remote() for _ in range(workers)]
        self._load = [0] * workers

    async def submit(self, spec: RolloutSpec) -> None:
        """See ``protocols.RolloutPool``. The least busy actor gets the rollout."""
        place = self._load.index(min(self._load))
        self._load[place] += 1
        self._start(asyncio.create_task(self._run(place, spec)))

    async def worker_pids(self) -> list[int]:
        """Process ids of the workers."""
        return [int(await actor.pid.remote()) for actor in self._actors]

    async def close(self) -> None:
        """See ``protocols.RolloutPool``."""
        await self._cancel_all()
        for actor in self._actors:
            with contextlib.suppress(RayError, TimeoutError):  # it is ended with force in any case
                await asyncio.wait_for(actor.close.remote(), timeout=10)
            ray.kill(actor)

    async def _run(self, place: int, spec: RolloutSpec) -> None:
        try:
            result = RolloutResult.model_validate_json(await self._actors[place].run.remote(spec.model_dump_json()))
        except RayError as error:
            result = invalid_result(spec, f"the worker died: {type(error).__name__}: {error}", retryable=True)
        finally:
            self._load[place] -= 1
        await self._results.put(result)
