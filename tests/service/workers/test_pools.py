"""What every pool promises, with real rollouts in real bubblewrap sandboxes; and what Ray adds: workers that die."""

import asyncio
import os
import signal

import pytest

from service.settings import Settings
from service.workers import inline_pool, ray_pools
from unhobble.configuration import Configuration
from unhobble.limits import Limits
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
    made = inline_pool(4) if request.param == "inline" else ray_pools(Settings(workers=2))(4)
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


@pytest.mark.ray
@pytest.mark.slow
async def test_the_rollouts_of_a_killed_worker_come_back_invalid_and_the_pool_lives_on():
    pool = ray_pools(Settings(workers=1))(3)
    try:
        for epoch in range(3):
            await pool.submit(rollout(epoch, latency_s=30.0))
        (worker,) = await pool.worker_pids()
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
