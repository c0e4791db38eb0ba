"""What the Docker backend promises beyond the contract: traces at the engine, what it keeps ready, and what happens when something
dies.
"""

import asyncio
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.utils import kwargs_from_env

from sandboxes._docker import containers as _container
from sandboxes._docker.containers import OWNER, REALM, ROLLOUT, STUDY
from sandboxes._docker.keeper_binary import keeper_binary
from sandboxes._owner import Realm
from sandboxes.docker import DEFAULT_IMAGE, Config, DockerProvider, build
from unhobble.errors import SandboxError
from unhobble.sandboxing import Ending, SandboxFile, SandboxSpec, User

MIB = 2**20
CRASH = """
import asyncio, sys
from sandboxes.docker import Config, build
from unhobble.sandboxing import SandboxSpec

async def main():
    provider = build(Config(spares=1))
    await provider.open(SandboxSpec(), label=sys.argv[1], study=sys.argv[1])
    sandbox = await provider.open(SandboxSpec(), label=sys.argv[1], study=sys.argv[1])
    task = asyncio.ensure_future(sandbox.exec(["sleep", "1000"], timeout_s=1000, output_bytes=1000))
    await asyncio.sleep(float(sys.argv[2]))
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
    """One without spares, so that each container is one that was asked for."""
    provider = build(Config(spares=0))
    yield provider
    await provider.close()


@pytest.fixture
async def ready_made(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DockerProvider]:
    """One that keeps a container ready from the first opening on."""
    provider = build(Config(spares=1))
    monkeypatch.setattr("sandboxes._docker.spares.Spares._is_new", lambda *_: False)
    yield provider
    await provider.close()


@pytest.fixture
def own_realm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Realm:
    """A realm in which nobody else sweeps or is swept."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Realm()


def containers(engine: APIClient, study: str) -> list[dict[str, Any]]:
    return list(engine.containers(all=True, filters={"label": f"{STUDY}={study}"}))


async def until_gone(engine: APIClient, study: str) -> None:
    await until(lambda: not containers(engine, study))


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


async def run(sandbox: Any, *argv: str) -> Any:
    return await sandbox.exec(argv, timeout_s=60, output_bytes=65_536)


# --- traces -----------------------------------------------------------------------------------------------------------


@pytest.mark.docker
async def test_a_closed_sandbox_leaves_no_container(provider: DockerProvider, engine: APIClient) -> None:
    sandbox = await provider.open(SandboxSpec(), label="closing/1", study="closing")
    assert len(containers(engine, "closing")) == 1
    await sandbox.close()
    assert containers(engine, "closing") == []


@pytest.mark.docker
async def test_a_container_says_whose_it_is(own_realm: Realm, engine: APIClient) -> None:
    provider = build(Config(spares=0))
    await provider.open(SandboxSpec(), label="study/7", study="labels")
    (container,) = containers(engine, "labels")
    labels = container["Labels"]
    assert (labels[REALM], labels[STUDY], labels[ROLLOUT]) == (own_realm.id, "labels", "study/7")
    assert own_realm.is_alive(labels[OWNER])
    assert container["Names"][0].startswith("/unhobble-study-7-")
    await provider.close()
    assert not own_realm.is_alive(labels[OWNER])


@pytest.mark.docker
@pytest.mark.parametrize("moment_s", [0, 1], ids=["while the spare starts", "with a spare"])
async def test_a_killed_worker_leaves_no_container(engine: APIClient, moment_s: float) -> None:
    study = f"doomed-{moment_s}"
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASH, study, str(moment_s), stdout=subprocess.PIPE, start_new_session=True
    )
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"ready\n"
    assert len(containers(engine, study)) >= 2 + moment_s
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    # A container that was made and not started is the janitor's: nothing ends it by itself.
    await until(lambda: all(found["State"] == "created" for found in containers(engine, study)))
    sweeper = build(Config())
    await sweeper.sweep()
    await sweeper.close()
    assert containers(engine, study) == []


@pytest.mark.docker
async def test_what_has_no_living_owner_is_swept_and_the_rest_is_not(own_realm: Realm, engine: APIClient) -> None:
    dead, living = own_realm.claim(), own_realm.claim()
    dead.release()
    made = {}
    for whose, labels in {
        "dead": {REALM: own_realm.id, OWNER: dead.id, STUDY: "swept"},
        "living": {REALM: own_realm.id, OWNER: living.id},
        "other realm": {REALM: "elsewhere", OWNER: dead.id},
        "not ours": {"other": "label"},
    }.items():
        made[whose] = engine.create_container(DEFAULT_IMAGE, ["true"], labels=labels | {"test": own_realm.id})["Id"]
    provider = build(Config())
    try:
        (said,) = await provider.sweep()
        assert "of study swept" in said
        left = {found["Id"] for found in engine.containers(all=True, filters={"label": f"test={own_realm.id}"})}
        assert left == {container for whose, container in made.items() if whose != "dead"}
    finally:
        for container in made.values():
            with contextlib.suppress(Exception):
                engine.remove_container(container, force=True)
        await provider.close()
        living.release()


@pytest.mark.docker
def test_what_another_realm_made_and_never_started_is_swept_when_it_is_old(
    own_realm: Realm, engine: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = {REALM: "elsewhere", OWNER: "gone", STUDY: f"old-{own_realm.id}"}
    container = engine.create_container(DEFAULT_IMAGE, ["true"], labels=labels)["Id"]
    assert _container.sweep(engine, own_realm) == []
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + 1000)
    assert len(_container.sweep(engine, own_realm)) >= 1
    assert container not in [found["Id"] for found in engine.containers(all=True)]


@pytest.mark.docker
def test_a_container_that_does_not_leave_by_itself_is_removed_all_the_same(
    engine: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_container, "_LEAVING_S", 1)
    container = engine.create_container(DEFAULT_IMAGE, ["sleep", "1000"], labels={STUDY: "stays"})["Id"]
    engine.start(container)
    _container.remove(engine, container, leaving=True)
    assert containers(engine, "stays") == []
    _container.remove(engine, container, leaving=True)  # there is none any more


@pytest.mark.docker
async def test_the_first_opening_sweeps(own_realm: Realm, provider: DockerProvider, engine: APIClient) -> None:
    dead = own_realm.claim()
    dead.release()
    engine.create_container(DEFAULT_IMAGE, ["true"], labels={REALM: own_realm.id, OWNER: dead.id, STUDY: "first"})
    opener = build(Config(spares=0))
    await opener.open(SandboxSpec(), label="x")
    assert containers(engine, "first") == []
    await opener.close()


# --- what is kept ready -------------------------------------------------------------------------------------------------


@pytest.mark.docker
async def test_the_second_sandbox_is_a_container_that_was_ready_and_gets_its_rollouts_name(
    ready_made: DockerProvider, engine: APIClient
) -> None:
    await ready_made.open(SandboxSpec(), label="first", study="ready")
    await until(lambda: sum("spare" in found["Names"][0] for found in containers(engine, "ready")) == 1)
    (spare,) = (found["Id"] for found in containers(engine, "ready") if "spare" in found["Names"][0])
    sandbox = await ready_made.open(SandboxSpec(requested_cpus=0.1), label="second", study="ready")
    assert sandbox.container == spare
    assert (await run(sandbox, "echo", "works")).stdout == b"works\n"
    await until(lambda: engine.inspect_container(spare)["Name"].startswith("/unhobble-second-"))
    await ready_made.close()
    assert containers(engine, "ready") == []


@pytest.mark.docker
async def test_a_used_container_is_never_used_again(ready_made: DockerProvider) -> None:
    seen = set()
    for number in range(4):
        sandbox = await ready_made.open(SandboxSpec(), label="once")
        assert (await run(sandbox, "ls", "-A", "/work")).stdout == b""
        await run(sandbox, "touch", f"/work/{number}")
        seen.add(sandbox.container)
        await sandbox.close()
    assert len(seen) == 4


@pytest.mark.docker
async def test_other_limits_get_another_container(ready_made: DockerProvider) -> None:
    await ready_made.open(SandboxSpec(), label="large")
    small = await ready_made.open(SandboxSpec(disk_bytes=8 * MIB), label="small")
    size = (await run(small, "df", "--output=size", "-B1", "/work")).stdout.split()[-1]
    assert int(size) == 4 * MIB


@pytest.mark.docker
async def test_a_spare_that_died_is_passed_over(ready_made: DockerProvider, engine: APIClient) -> None:
    await ready_made.open(SandboxSpec(), label="first", study="died")
    await until(lambda: any("spare" in found["Names"][0] for found in containers(engine, "died")))
    (spare,) = (found["Id"] for found in containers(engine, "died") if "spare" in found["Names"][0])
    await until(lambda: engine.inspect_container(spare)["State"]["Running"])
    engine.kill(spare)
    sandbox = await ready_made.open(SandboxSpec(), label="second", study="died")
    assert sandbox.container != spare
    assert (await run(sandbox, "true")).ok


# --- what dies ----------------------------------------------------------------------------------------------------------


@pytest.mark.docker
async def test_a_container_that_dies_is_an_infrastructure_error_and_leaves_nothing(
    provider: DockerProvider, engine: APIClient
) -> None:
    sandbox = await provider.open(SandboxSpec(), label="dying", study="dying")
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
    monkeypatch.setattr("sandboxes._docker.kept_sandbox._GRACE_S", 0.5)
    sandbox = await provider.open(SandboxSpec(), label="silent", study="silent")
    (container,) = containers(engine, "silent")
    engine.pause(container["Id"])
    with pytest.raises(SandboxError, match="did not finish 'exec'"):
        await sandbox.exec(["true"], timeout_s=0.1, output_bytes=1000)
    assert containers(engine, "silent") == []


# --- what is said -------------------------------------------------------------------------------------------------------


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


@pytest.mark.docker
async def test_check_says_that_the_engine_does_not_know_a_runtime() -> None:
    provider = build(Config(runtime="no-such-runtime"))
    availability = await provider.check()
    await provider.close()
    assert not availability.available
    assert "no runtime 'no-such-runtime'; it has" in availability.reason
    assert "runc" in availability.reason


@pytest.mark.docker
async def test_an_engine_that_cannot_filter_calls_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    info = APIClient.info
    monkeypatch.setattr(APIClient, "info", lambda client: info(client) | {"SecurityOptions": ["name=apparmor"]})
    provider = build(Config())
    availability = await provider.check()
    await provider.close()
    assert not availability.available
    assert "seccomp" in availability.reason


@pytest.mark.docker
async def test_without_a_keeper_check_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sandboxes._docker.keeper_binary._SOURCE", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    keeper_binary.cache_clear()
    provider = build(Config())
    availability = await provider.check()
    await provider.close()
    assert not availability.available
    assert "gcc" in availability.reason


@pytest.mark.docker
async def test_an_allowlist_needs_the_engines_own_machine(
    provider: DockerProvider, engine: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.docker._is_here", lambda pid, container: False)
    with pytest.raises(SandboxError, match=r"cannot be given an allowlist.*engine's own machine"):
        await provider.open(SandboxSpec(network="allowlist", hosts=("pypi.org",)), label="x", study="elsewhere")
    assert containers(engine, "elsewhere") == []


@pytest.mark.docker
async def test_with_an_allowlist_commands_are_told_of_the_proxy(provider: DockerProvider) -> None:
    if os.geteuid() != 0:
        pytest.skip("an allowlist needs root")
    spec = SandboxSpec(network="allowlist", hosts=("pypi.org",))
    sandbox = await provider.open(spec, label="x")
    assert b"http_proxy=" in (await run(sandbox, "env")).stdout
    bare = await provider.open(spec.model_copy(update={"hosts": ()}), label="x")
    assert b"http_proxy=" not in (await run(bare, "env")).stdout


@pytest.fixture
def only_a_shell(engine: APIClient) -> Iterator[str]:
    """An image that holds one file, a shell."""
    shell = shutil.which("busybox")
    assert shell, "there is no busybox; Debian has it in busybox-static"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as files:
        program = files.gettarinfo(shell, "bin/sh")
        program.mode, program.type, program.linkname = 0o755, tarfile.REGTYPE, ""
        with Path(shell).open("rb") as content:
            program.size = Path(shell).stat().st_size
            files.addfile(program, content)
    name = "unhobble-test/only-a-shell:1"
    engine.import_image_from_data(archive.getvalue(), *name.split(":"))
    yield name
    engine.remove_image(name, force=True)


@pytest.mark.docker
async def test_an_image_with_nothing_but_a_shell_will_do(provider: DockerProvider, only_a_shell: str) -> None:
    sandbox = await provider.open(SandboxSpec(image=only_a_shell), label="shell")
    assert (await run(sandbox, "sh", "-c", "echo *; echo $HOME > given; read line < /work/given; echo $line")).stdout == (
        b"*\n/home/agent\n"
    )
    assert await sandbox.read_file("/work/given", max_bytes=100) == b"/home/agent\n"
    kept = await sandbox.snapshot()
    await sandbox.write_files([SandboxFile("/work/d/given", b"2")])
    assert [file.path for file in await sandbox.read_directory("/work", max_bytes=100, max_files=10)] == [
        "/work/d/given",
        "/work/given",
    ]
    await sandbox.restore(kept)
    assert [file.path for file in await sandbox.read_directory("/work", max_bytes=100, max_files=10)] == ["/work/given"]
    late = await sandbox.exec(["sh", "-c", "while :; do :; done & while :; do :; done"], timeout_s=0.5, output_bytes=100)
    assert late.ending is Ending.timed_out
    harmless = await run(sandbox, "sh", "-c", "kill -9 -1; kill -9 1; echo alive")
    assert (harmless.ending, harmless.exit_code) != (Ending.exited, 0) or harmless.stdout == b"alive\n"
    await sandbox.write_files([SandboxFile("/tests/check", b"1")], user=User.keeper)
    assert (await run(sandbox, "sh", "-c", "echo changed > /tests/check")).exit_code != 0
    assert await sandbox.read_file("/tests/check", max_bytes=10) == b"1"
