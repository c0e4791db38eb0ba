"""What the Docker backend promises beyond the contract: traces at the engine, and what happens when something dies."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.utils import kwargs_from_env

from sandboxes._container import LABEL
from sandboxes.docker import Config, DockerProvider, build
from unhobble.errors import SandboxError
from unhobble.sandboxing import SandboxSpec

CRASH = """
import asyncio, sys
from sandboxes.docker import Config, build
from unhobble.sandboxing import SandboxSpec

async def main():
    sandbox = await build(Config()).open(SandboxSpec(), label=sys.argv[1])
    task = asyncio.ensure_future(sandbox.exec(["sleep", "1000"], timeout_s=1000, output_bytes=1000))
    print("ready", flush=True)
    await task

asyncio.run(main())
"""


@pytest.fixture
def engine() -> Iterator[APIClient]:
    client = APIClient(version="auto", **kwargs_from_env())
    yield client
    client.close()


@pytest.fixture
async def provider() -> AsyncIterator[DockerProvider]:
    provider = build(Config())
    yield provider
    await provider.close()


def containers(engine: APIClient, label: str) -> list[dict[str, Any]]:
    return list(engine.containers(all=True, filters={"label": f"{LABEL}={label}"}))


async def until_gone(engine: APIClient, label: str) -> None:
    async with asyncio.timeout(30):
        while containers(engine, label):
            await asyncio.sleep(0.05)


async def run(sandbox: Any, *argv: str) -> Any:
    return await sandbox.exec(argv, timeout_s=60, output_bytes=65_536)


@pytest.mark.docker
async def test_a_closed_sandbox_leaves_no_container(provider: DockerProvider, engine: APIClient) -> None:
    sandbox = await provider.open(SandboxSpec(), label="closing/1")
    assert len(containers(engine, "closing/1")) == 1
    await sandbox.close()
    assert containers(engine, "closing/1") == []


@pytest.mark.docker
async def test_a_killed_worker_leaves_no_container(engine: APIClient) -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASH, "doomed", stdout=subprocess.PIPE, start_new_session=True
    )
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"ready\n"
    assert len(containers(engine, "doomed")) == 1
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    await until_gone(engine, "doomed")


@pytest.mark.docker
async def test_a_container_that_dies_is_an_infrastructure_error_and_leaves_nothing(
    provider: DockerProvider, engine: APIClient
) -> None:
    sandbox = await provider.open(SandboxSpec(), label="dying")
    task = asyncio.ensure_future(run(sandbox, "sleep", "1000"))
    await asyncio.sleep(0.2)
    (container,) = containers(engine, "dying")
    engine.kill(container["Id"])
    with pytest.raises(SandboxError, match="gone"):
        await task
    with pytest.raises(SandboxError, match="gone"):
        await run(sandbox, "true")
    await until_gone(engine, "dying")
    await sandbox.close()


@pytest.mark.docker
async def test_a_keeper_that_does_not_answer_is_given_up(
    provider: DockerProvider, engine: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes._kept_sandbox._GRACE_S", 0.5)
    sandbox = await provider.open(SandboxSpec(), label="silent")
    (container,) = containers(engine, "silent")
    engine.pause(container["Id"])
    with pytest.raises(SandboxError, match="did not finish 'exec'"):
        await sandbox.exec(["true"], timeout_s=0.1, output_bytes=1000)
    assert containers(engine, "silent") == []


@pytest.mark.docker
async def test_the_container_has_the_hardened_profile(provider: DockerProvider, engine: APIClient) -> None:
    spec = SandboxSpec(cpus=0.5, memory_bytes=64 * 2**20, processes=50, disk_bytes=4 * 2**20)
    sandbox = await provider.open(spec, label="profile")
    (container,) = containers(engine, "profile")
    host = engine.inspect_container(container["Id"])["HostConfig"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"]) == ("none", True, False, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (spec.memory_bytes, spec.memory_bytes, 500_000_000)
    assert host["Binds"] is None
    assert {"/work", "/home/agent", "/tmp", "/tests"} <= host["Tmpfs"].keys()
    assert all("size=4194304" in options for options in host["Tmpfs"].values())
    await sandbox.close()


@pytest.mark.docker
async def test_a_list_of_processes_is_short(provider: DockerProvider) -> None:
    sandbox = await provider.open(SandboxSpec(), label="list")
    shown = (await run(sandbox, "ps", "axo", "args=")).stdout.decode().splitlines()
    assert shown == ["python3 -I -S -B -c exec(input())", "ps axo args="]
    await sandbox.close()


@pytest.mark.docker
async def test_check_says_how_to_get_an_image_that_is_missing() -> None:
    provider = build(Config(image="unhobble/no-such-image:0"))
    availability = await provider.check()
    await provider.close()
    assert not availability.available
    assert "unhobble/no-such-image:0" in availability.reason
    assert "build-sandbox-image" in availability.reason


async def test_an_engine_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    provider = build(Config())
    availability = await provider.check()
    assert not availability.available
    assert f"no Docker engine answers at unix://{tmp_path}/none.sock" in availability.reason
    with pytest.raises(SandboxError, match="no Docker engine answers"):
        await provider.open(SandboxSpec(), label="x")
    await provider.close()
