"""What bubblewrap promises beyond the contract: traces on the host, and what it does without control groups."""

import asyncio
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandboxes._boxes import Boxes
from sandboxes._cgroups import Cgroups
from sandboxes.bubblewrap import BubblewrapProvider, Config, build
from unhobble.errors import SandboxError
from unhobble.sandboxing import ExecResult, SandboxFile, SandboxSpec, User

CRASH = """
import asyncio, sys
from sandboxes.bubblewrap import Config, build
from unhobble.sandboxing import SandboxSpec

async def main():
    provider = build(Config(directory=sys.argv[1]))
    sandbox = await provider.open(SandboxSpec(), label="doomed")
    task = asyncio.ensure_future(sandbox.exec(["sleep", sys.argv[2]], timeout_s=1000, output_bytes=1000))
    await sandbox.exec(["true"], timeout_s=60, output_bytes=1000)
    print("ready", flush=True)
    await task

asyncio.run(main())
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A place that commands of another uid can get through; pytest's own is closed to them."""
    for place in (tmp_path, *tmp_path.parents):
        if "pytest" in str(place):
            place.chmod(0o711)
    return tmp_path


@pytest.fixture
async def provider(directory: Path) -> AsyncIterator[BubblewrapProvider]:
    provider = build(Config(directory=str(directory)))
    yield provider
    await provider.close()


async def run(sandbox: object, *argv: str) -> ExecResult:
    return await sandbox.exec(argv, timeout_s=60, output_bytes=65_536)  # type: ignore[attr-defined, no-any-return]


def traces(directory: Path) -> list[Path]:
    groups = [group for root in directory.glob("unhobble-bwrap-*") for group in groups_of(root.name)]
    return [*directory.glob("unhobble-bwrap-*/*-*"), *groups]


def lives(marker: str) -> bool:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in file.read_bytes():
                return True
    return False


def groups_of(name: str) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if name in Path(folder).name]


async def test_a_closed_sandbox_leaves_no_directory_and_no_control_group(provider: BubblewrapProvider, directory: Path) -> None:
    sandbox = await provider.open(SandboxSpec(), label="a/b c")
    await sandbox.write_files([SandboxFile("/tests/x", b"")], user=User.keeper)
    await run(sandbox, "bash", "-c", "mkdir -p d/e; touch d/e/f; ln -s / root; mkfifo p; chmod 000 d/e d")
    await sandbox.snapshot()
    assert traces(directory)
    await sandbox.close()
    assert traces(directory) == []
    await provider.close()
    assert os.listdir(directory) == []  # noqa: PTH208 (quick)


async def test_a_closed_provider_leaves_no_trace_of_sandboxes_left_open(provider: BubblewrapProvider, directory: Path) -> None:
    await provider.open(SandboxSpec(), label="forgotten")
    (root,) = directory.iterdir()  # noqa: ASYNC240 (quick)
    await provider.close()
    assert groups_of(root.name) == []
    assert not root.exists()


async def test_a_killed_worker_leaves_no_process_and_the_next_removes_the_rest(directory: Path) -> None:
    marker = f"1000.{secrets.randbelow(10**12):012d}"
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASH, str(directory), marker, stdout=subprocess.PIPE, start_new_session=True
    )
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"ready\n"
    (root,) = directory.iterdir()  # noqa: ASYNC240 (quick)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    async with asyncio.timeout(30):
        while lives(marker):
            await asyncio.sleep(0.01)
    assert root.exists()

    provider = build(Config(directory=str(directory)))
    sandbox = await provider.open(SandboxSpec(), label="next")
    assert not root.exists()
    assert groups_of(root.name) == []
    assert (await run(sandbox, "true")).ok
    await sandbox.close()
    await provider.close()


async def test_a_living_workers_sandboxes_are_not_taken_for_left_over(provider: BubblewrapProvider, directory: Path) -> None:
    sandbox = await provider.open(SandboxSpec(), label="old")
    await run(sandbox, "touch", "/work/mine")
    other = build(Config(directory=str(directory)))
    await (await other.open(SandboxSpec(), label="new")).close()
    await other.close()
    assert (await run(sandbox, "ls", "/work")).stdout == b"mine\n"
    await sandbox.close()


async def test_nothing_of_the_jails_making_shows_in_a_list_of_processes(provider: BubblewrapProvider, directory: Path) -> None:
    sandbox = await provider.open(SandboxSpec(), label="quiet")
    shown = (await run(sandbox, "bash", "-c", "cat /proc/*/cmdline /proc/*/environ | tr '\\0' ' '")).stdout.decode()
    assert "bwrap --args" in shown
    assert str(directory) not in shown
    await sandbox.close()


async def test_etc_holds_only_what_the_sandbox_needs(provider: BubblewrapProvider) -> None:
    sandbox = await provider.open(SandboxSpec(), label="etc")
    names = set((await run(sandbox, "ls", "/etc")).stdout.decode().split())
    assert names <= {"alternatives", "group", "hostname", "hosts", "ld.so.cache", "nsswitch.conf", "passwd"}
    assert (await run(sandbox, "whoami")).stdout == b"agent\n"
    await sandbox.close()


class TestWithoutControlGroups:
    @pytest.fixture
    async def provider(self, directory: Path) -> AsyncIterator[BubblewrapProvider]:
        provider = build(Config(directory=str(directory), cgroups=False))
        yield provider
        await provider.close()

    async def test_check_says_what_is_not_enforced(self, provider: BubblewrapProvider) -> None:
        availability = await provider.check()
        assert availability.available, availability.reason
        assert [limit.split()[0] for limit in availability.not_enforced][:3] == ["memory_bytes", "cpus", "disk_bytes"]

    async def test_each_process_is_held_to_the_memory_and_all_to_the_number(self, provider: BubblewrapProvider) -> None:
        sandbox = await provider.open(SandboxSpec(memory_bytes=96 * 2**20, processes=32), label="limited")
        assert b"MemoryError" in (await run(sandbox, "python3", "-c", "bytearray(1 << 28)")).stderr
        forks = "import os, time\nfor n in range(200):\n    print(n, flush=True)\n    os.fork() or time.sleep(60)"
        result = await run(sandbox, "python3", "-c", forks)
        assert b"BlockingIOError" in result.stderr
        assert int(result.stdout.split()[-1]) <= 32
        await sandbox.close()

    async def test_processes_are_counted_by_sandbox_and_not_by_uid(self, provider: BubblewrapProvider) -> None:
        spec = SandboxSpec(processes=16)
        sandboxes = [await provider.open(spec, label="crowd") for _ in range(4)]
        script = "for i in 1 2 3 4 5 6 7 8; do sleep 0.5 & done; wait; echo done"
        results = await asyncio.gather(*(run(sandbox, "bash", "-c", script) for sandbox in sandboxes))
        assert [(result.stdout, result.stderr) for result in results] == [(b"done\n", b"")] * 4
        for sandbox in sandboxes:
            await sandbox.close()


@pytest.mark.parametrize(
    ("program", "reason"),
    [(None, "no '.*bwrap' on PATH"), ("echo bubblewrap 0.4.1", "0.8 or later .*0.4.1"), ("echo hello", "hello")],
)
async def test_a_bubblewrap_that_will_not_do_is_unavailable(tmp_path: Path, program: str | None, reason: str) -> None:
    executable = tmp_path / "bwrap"
    if program:
        executable.write_text(f"#!/bin/sh\n{program}\n")
        executable.chmod(0o755)
    provider = build(Config(executable=str(executable)))
    availability = await provider.check()
    await provider.close()
    assert not availability.available
    assert re.search(reason, availability.reason)


async def test_a_bubblewrap_that_fails_breaks_the_sandbox_and_not_the_command(directory: Path) -> None:
    executable = directory / "bwrap"
    executable.write_text("#!/bin/sh\necho no namespaces here >&2; exit 1\n")
    executable.chmod(0o755)
    provider = build(Config(executable=str(executable), directory=str(directory)))
    sandbox = await provider.open(SandboxSpec(), label="broken")
    with pytest.raises(SandboxError, match="no namespaces here"):
        await run(sandbox, "true")
    await sandbox.close()
    await provider.close()


async def test_an_image_is_refused(provider: BubblewrapProvider) -> None:
    with pytest.raises(SandboxError, match="no images"):
        await provider.open(SandboxSpec(image="x:1"), label="x")


def test_a_directory_that_another_worker_takes_for_left_over_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    made = []
    really = tempfile.mkdtemp

    def taken_once(**where) -> str:
        made.append(really(**where))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", taken_once)
    boxes = Boxes(tmp_path, None, Cgroups([]))
    try:
        assert boxes.create("box").is_dir()
        assert len(made) == 2
    finally:
        boxes.close()
    assert list(tmp_path.iterdir()) == []
