"""What every pool promises, with real rollouts in real bubblewrap sandboxes; and what Ray adds: workers that die."""

import asyncio
import os
import signal

import pytest

from service.settings import Settings
from service.workers import inline_pools, ray_pools
from unhobble.configuration import Configuration
from unhobble.limits import Limits
from unhobble.registry import installed
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import ModelSpec, RolloutSpec, rollout_id
from unhobble.vocabulary import Split


def rollout(
    epoch: int = 0,
    *,
    task: str = "sql_inactive_customers",
    organism: str = "compliant",
    latency_s: float = 0.0,
    backend: str = "bubblewrap",
) -> RolloutSpec:
    return RolloutSpec(
        id=rollout_id("s", 0, task, epoch),
        study="s",
        trial=0,
        configuration=Configuration({"prompt": "plain", "tool_format": "native", "scaffold": "react"}),
        suite="builtin/shell",
        task=task,
        split=Split.search,
        epoch=epoch,
        seed=epoch,
        model=ModelSpec(id=f"organism/{organism}", params={"traits": {"latency_s": latency_s}} if latency_s else {}),
        sandbox=SandboxSpec(backend=backend),
        limits=Limits(),
    )


@pytest.fixture(params=["inline", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.slow])])
async def pool(request):
    made = inline_pools(installed())(4) if request.param == "inline" else ray_pools(Settings(workers=2))(4)
    yield made
    await made.close()


async def results(pool, count: int, within_s: float = 120):
    async with asyncio.timeout(within_s):
        found = []
        while len(found) < count:
            if result := await pool.next_result(1):
                found.append(result)
        return found


@pytest.mark.parametrize("backend", ["bubblewrap", pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow])])
async def test_every_rollout_comes_back_once_and_is_really_scored(pool, backend):
    specs = [rollout(epoch, backend=backend) for epoch in range(6)]
    for spec in specs:
        await pool.submit(spec)
    found = await results(pool, 6)
    assert {r.rollout_id for r in found} == {spec.id for spec in specs}
    assert all(r.identity.simulated and r.sandbox == backend for r in found)
    assert sum(r.score for r in found) >= 5, [r.label for r in found]


async def test_nothing_comes_from_an_idle_pool(pool):
    assert await pool.next_result(0.05) is None


async def test_a_rollout_that_cannot_be_run_comes_back_invalid_and_is_not_tried_again(pool):
    await pool.submit(rollout(task="no_such_task"))
    await pool.submit(rollout(organism="nobody"))
    for result in await results(pool, 2):
        assert (result.score, result.retryable) == (None, False)
        assert result.label.code == "infrastructure"
        assert "no_such_task" in result.error or "nobody" in result.error


async def started(pool) -> int:
    """The process id of the pool's one worker, once there is one."""
    async with asyncio.timeout(60):
        while not (pids := await pool.worker_pids()):
            await asyncio.sleep(0.05)
    (worker,) = pids
    return worker


@pytest.mark.ray
@pytest.mark.slow
async def test_the_rollouts_of_a_killed_worker_come_back_invalid_and_the_pool_lives_on():
    pool = ray_pools(Settings(workers=1))(3)
    try:
        for epoch in range(3):
            await pool.submit(rollout(epoch, latency_s=30.0))
        worker = await started(pool)
        os.kill(worker, signal.SIGKILL)
        for result in await results(pool, 3):
            assert (result.score, result.retryable) == (None, True)
            assert "worker died" in result.error
        await pool.submit(rollout(9))
        assert (await results(pool, 1))[0].rollout_id == rollout(9).id
    finally:
        await pool.close()


@pytest.mark.ray
@pytest.mark.slow
async def test_a_worker_knows_no_web_framework_database_or_optimiser():
    import ray

    from service.workers.ray_pool import start_ray

    start_ray(None)

    @ray.remote
    class Looker:
        def modules(self) -> list[str]:
            import sys

            import unhobble.worker  # noqa: F401  # what an actor imports

            return sorted({name.partition(".")[0] for name in sys.modules})

    found = await Looker.remote().modules.remote()
    assert "unhobble" in found
    assert not {"fastapi", "sqlalchemy", "alembic", "optuna"} & set(found)


class Watched:
    """A pool with some rollouts, and how many of them were under way at once."""

    def __init__(self, pool) -> None:
        self._pool = pool

    async def most_at_once(self, specs) -> int:
        for spec in specs:
            await self._pool.submit(spec)
        found, most = 0, 0
        async with asyncio.timeout(120):
            while found < len(specs):
                most = max(most, sum(worker.rollouts for worker in self._pool._all()))
                found += await self._pool.next_result(0.02) is not None
        return most


@pytest.mark.ray
@pytest.mark.slow
async def test_rollouts_that_need_much_memory_run_one_after_the_other_and_light_ones_at_once():
    from service.workers.ray_pool import nodes, start_ray

    start_ray(None)
    (machine,) = nodes().values()
    heavy = SandboxSpec(backend="bubblewrap", requested_cpus=0.01, requested_memory_bytes=machine.memory_bytes * 3 // 5)
    light = SandboxSpec(backend="bubblewrap", requested_cpus=0.01, requested_memory_bytes=2**20)
    pools = ray_pools(Settings(workers=1))
    pool = pools(4)
    try:
        watched = Watched(pool)
        assert await watched.most_at_once([rollout(i, latency_s=0.05).model_copy(update={"sandbox": light}) for i in range(4)]) == 4
        assert await watched.most_at_once([rollout(i).model_copy(update={"sandbox": heavy}) for i in range(4)]) == 1
    finally:
        await pool.close()


@pytest.mark.ray
@pytest.mark.slow
async def test_the_pools_of_one_controller_share_the_room_that_there_is():
    from service.workers.ray_pool import nodes, start_ray

    start_ray(None)
    (machine,) = nodes().values()
    most = SandboxSpec(backend="bubblewrap", requested_cpus=0.01, requested_memory_bytes=machine.memory_bytes * 3 // 5)
    pools = ray_pools(Settings(workers=1))
    one, other = pools(1), pools(1)
    try:
        await one.submit(rollout(0, latency_s=30.0).model_copy(update={"sandbox": most}))
        worker = await started(one)
        await other.submit(rollout(1).model_copy(update={"sandbox": most}))
        assert await other.next_result(1) is None
        assert await other.worker_pids() == []
        os.kill(worker, signal.SIGKILL)
        assert not (await results(one, 1))[0].scored
        assert (await results(other, 1))[0].rollout_id == rollout(1).id
    finally:
        await one.close()
        await other.close()


@pytest.mark.ray
@pytest.mark.slow
async def test_the_operator_s_parameters_of_sandboxes_reach_the_workers():
    settings = Settings(workers=1, sandboxes={"bubblewrap": {"executable": "no-such-bwrap"}})
    pool = ray_pools(settings)(1)
    try:
        await pool.submit(rollout())
        assert "no-such-bwrap" in (await results(pool, 1))[0].error
    finally:
        await pool.close()
