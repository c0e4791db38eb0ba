"""Rollouts in Ray actors, on this machine or on a cluster."""

import asyncio
import contextlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from service.workers.queued_pool import QueuedPool
from service.workers.room import Size
from service.workers.waiting_room import WaitingRoom
from unhobble.registry import installed
from unhobble.results import RolloutResult
from unhobble.spec import RolloutSpec
from unhobble.vocabulary import PluginKind
from unhobble.worker import Worker, invalid_result

_CLOSE_S = 10.0


class RolloutActor:
    """One worker process. Async, so that one process holds many rollouts that wait for models and commands."""

    def __init__(self, sandboxes: str) -> None:
        """``sandboxes`` are the operator's parameters of the backends, as JSON."""
        parameters = json.loads(sandboxes)
        self._worker = Worker(installed().configured(PluginKind.sandbox, parameters, at="UNHOBBLE_SANDBOXES"))

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


def nodes() -> dict[str, Size]:
    """The nodes that are alive, by Ray's id, and what Ray counts as theirs: cores, and memory beside its object store."""
    return {
        node["NodeID"]: Size(node["Resources"].get("CPU", 0.0), int(node["Resources"].get("memory", 0)))
        for node in ray.nodes()
        if node["Alive"]
    }


@dataclass
class _Worker:
    actor: Any
    rollouts: int = 0


class RayPool(QueuedPool):
    """``protocols.RolloutPool`` over Ray actors. An actor that dies is started again by Ray; its rollouts come back invalid.

    Nothing is retried by Ray: whether a rollout is repeated is the controller's decision, which books every attempt. A node gets
    actors when it first has rollouts for them: its share of ``workers``, and at least one. They stay on their node and end with it.
    """

    def __init__(self, *, workers: int, concurrency: int, room: WaitingRoom, sandboxes: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(room)
        self._workers = workers
        self._concurrency = concurrency
        self._sandboxes = json.dumps(sandboxes)
        self._at: dict[str, list[_Worker]] = {}

    async def worker_pids(self) -> list[int]:
        """Process ids of the workers that were started."""
        return [int(await worker.actor.pid.remote()) for worker in self._all()]

    async def close(self) -> None:
        """See ``protocols.RolloutPool``."""
        await self._cancel_all()
        await asyncio.gather(*(self._end(worker) for worker in self._all()))

    async def _run_at(self, node: str, spec: RolloutSpec) -> RolloutResult:
        worker = self._least_busy(node)
        worker.rollouts += 1
        try:
            return RolloutResult.model_validate_json(await worker.actor.run.remote(spec.model_dump_json()))
        except RayError as error:
            return invalid_result(spec, f"the worker died: {type(error).__name__}: {error}", retryable=True)
        finally:
            worker.rollouts -= 1

    def _least_busy(self, node: str) -> _Worker:
        """The worker for the next rollout on a node: a new one, as long as the node has less than its share of them."""
        there = self._at.setdefault(node, [])
        if len(there) < math.ceil(self._workers / max(1, len(self._room.nodes))):
            there.append(_Worker(self._start_on(node)))
            return there[-1]
        return min(there, key=lambda worker: worker.rollouts)

    def _start_on(self, node: str) -> Any:
        options = ray.remote(RolloutActor).options(
            num_cpus=0,  # the room has been set aside already
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            max_concurrency=self._concurrency + 1,
            max_restarts=-1,
            max_task_retries=0,
        )
        return options.remote(self._sandboxes)

    def _all(self) -> list[_Worker]:
        return [worker for there in self._at.values() for worker in there]

    async def _end(self, worker: _Worker) -> None:
        with contextlib.suppress(RayError, TimeoutError):  # it is ended with force in any case
            await asyncio.wait_for(worker.actor.close.remote(), timeout=_CLOSE_S)
        ray.kill(worker.actor)
