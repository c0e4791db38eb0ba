"""The controller: takes studies that have work to do and no owner, and runs each under its lease."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable

from sandboxes import Choice, choose
from service.plan import StudyPlan, plan_study
from service.search.loop import LEASE_TTL_S, StudyLoop
from unhobble.analysis.report import SandboxSeen
from unhobble.errors import BadInput, Conflict, LeaseLost
from unhobble.protocols import RolloutPool, StudyStore
from unhobble.records import Lease
from unhobble.registry import Registry
from unhobble.vocabulary import Phase

_POLL_S = 0.5
_SANDBOX_TRIES = 3
_SANDBOX_WAIT_S = 2.0
_log = logging.getLogger(__name__)

PoolFactory = Callable[[int], RolloutPool]
"""Makes a pool for so many concurrent rollouts."""


class Controller:
    """Runs studies until it is told to stop. One event loop; several controllers may share one database."""

    def __init__(self, store: StudyStore, registry: Registry, pools: PoolFactory) -> None:
        self._store = store
        self._registry = registry
        self._pools = pools
        self.owner = f"{socket.gethostname()}-{os.getpid()}"

    async def serve(self, *, studies_at_once: int) -> None:
        """Take and run studies for ever; cancel to stop. What is under way then is lost, what is committed is not."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                if len(running) < studies_at_once and (lease := self._store.acquire(self.owner, ttl_s=LEASE_TTL_S)):
                    task = asyncio.create_task(self.run(lease))
                    running.add(task)
                    task.add_done_callback(running.discard)
                else:
                    await asyncio.sleep(_POLL_S)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def run_one(self, study_id: str) -> None:
        """Run one study to its end, or until it is paused or cancelled.

        The lease of an owner that was killed has to run out first. Raises ``Conflict`` where the study has no work to do, or
        another controller keeps it.
        """
        for _ in range(round(LEASE_TTL_S / _POLL_S) + 2):
            if lease := self._store.acquire(self.owner, ttl_s=LEASE_TTL_S, study_id=study_id):
                await self.run(lease)
                return
            phase = self._store.study(study_id).phase
            if phase.is_final or phase is Phase.paused:
                break
            await asyncio.sleep(_POLL_S)
        raise Conflict(f"study {study_id} is {phase.value} and has no work to do, or another controller is at it")

    async def run(self, lease: Lease) -> None:
        """Run the study of a lease and give the lease back. Never raises but for cancellation."""
        try:
            await self._run(lease)
        except LeaseLost:
            _log.warning("another controller has taken over study %s", lease.study)
        except BadInput as error:
            self._fail(lease, f"the study cannot be run any more: {error}")
        except Exception as error:
            _log.exception("study %s failed", lease.study)
            self._fail(lease, f"internal error: {type(error).__name__}: {error}")
        finally:
            self._store.release(lease)

    async def _run(self, lease: Lease) -> None:
        spec = self._store.study(lease.study).spec
        plan = plan_study(spec, self._registry)
        choice = await self._sandbox(plan)
        pool = self._pools(spec.search.concurrency)
        try:
            loop = StudyLoop(
                store=self._store,
                lease=lease,
                plan=plan,
                registry=self._registry,
                sandbox=spec.sandbox.model_copy(update={"backend": choice.backend}),
                sandbox_seen=SandboxSeen(backend=choice.backend, why=choice.why, not_enforced=choice.not_enforced),
                pool=pool,
            )
            await loop.run()
        finally:
            await pool.close()

    async def _sandbox(self, plan: StudyPlan) -> Choice:
        """The backend for a study that was accepted with one: an engine that is just being restarted is waited for."""
        for _ in range(_SANDBOX_TRIES - 1):
            with contextlib.suppress(BadInput):
                return await choose(plan.spec.sandbox, self._registry, plan.chosen)
            await asyncio.sleep(_SANDBOX_WAIT_S)
        return await choose(plan.spec.sandbox, self._registry, plan.chosen)

    def _fail(self, lease: Lease, reason: str) -> None:
        try:
            self._store.transition(lease.study, Phase.failed, reason=reason, lease=lease)
        except (LeaseLost, Conflict) as error:
            _log.warning("study %s could not be marked as failed: %s", lease.study, error)
