"""The process that holds a sandbox's files: where they are, how much fits, and that they go with it, whatever ends it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandboxes._bubblewrap import holder as _holder
from sandboxes._bubblewrap.holder import Holder, _set_up_loopback, hold
from sandboxes._controls import Control
from unhobble.errors import SandboxError

MIB = 2**20
WORKER = """
import asyncio, os, sys
from pathlib import Path
from sandboxes._bubblewrap.holder import hold, _set_up_loopback

async def main():
    holder = await hold(Path(sys.argv[1], "box"), Path(sys.argv[1], "kept"), disk_bytes=1 << 20, network=False)
    if sys.argv[2] == "leaked" and os.fork() == 0:
        os.closerange(0, 3)
        os.execvp("sleep", ["sleep", "1000"])
    print(holder.pid, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("box", "kept"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
async def holder(directory: Path) -> AsyncIterator[Holder]:
    holder = await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=True)
    yield holder
    await holder.close()


def fill(directory: int, name: str) -> int:
    """How many bytes fit into a new file."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory)
    written = 0
    with contextlib.suppress(OSError):
        while written < 4 * MIB:
            written += os.write(file, b"x" * 4096)
    os.close(file)
    return written


def fill_with_files(directory: int) -> int:
    """How many new files fit, up to 5,000."""
    made = 0
    with contextlib.suppress(OSError):
        while made < 5000:
            os.close(os.open(str(made), os.O_WRONLY | os.O_CREAT, dir_fd=directory))
            made += 1
    return made


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_its_files_are_mounted_nowhere_on_the_machine(holder: Holder, directory: Path) -> None:
    def mounted(process: str) -> int:
        return Path(f"/proc/{process}/mountinfo").read_text().count(str(directory))

    holder.make_places(None)
    fill(holder.box, "work/file")
    assert list((directory / "box").iterdir()) == []
    assert (mounted("self"), mounted(str(holder.pid))) == (0, 2)


async def test_all_files_together_are_held_to_the_size(holder: Holder) -> None:
    holder.make_places(None)
    assert sum(fill(holder.box, f"{place}/file") for place in ("work", "home", "tmp")) <= MIB


async def test_a_full_box_leaves_room_for_what_the_keeper_writes(holder: Holder) -> None:
    holder.make_places(None)
    fill(holder.box, "work/file")
    assert fill(holder.kept, "tests/check.py") == 4 * MIB


async def test_the_number_of_files_is_limited(holder: Holder) -> None:
    assert 4000 < fill_with_files(holder.box) < 4200


async def test_without_the_control_neither_bytes_nor_files_are_limited(directory: Path) -> None:
    without = frozenset({Control.disk})
    holder = await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=False, without=without)
    try:
        assert fill(holder.box, "file") == 4 * MIB
        assert fill_with_files(holder.box) == 5000
    finally:
        await holder.close()


def said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="without root nobody but bwrap or a gate sets a loopback up")
async def test_its_network_has_a_loopback_that_works_and_nothing_else(holder: Holder) -> None:
    script = (
        "import socket\nhere = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(here.getsockname(), 5)\n"
        "print(*(name for _, name in socket.if_nameindex()))"
    )
    assert said("nsenter", "--target", str(holder.pid), "--net", sys.executable, "-c", script) == "lo"


def test_a_network_that_is_gone_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        _set_up_loopback(2**22 + 1)


async def test_its_network_is_its_own_where_it_is_told_so(holder: Holder, directory: Path) -> None:
    def network(pid: int) -> str:
        return str(Path(f"/proc/{pid}/ns/net").readlink())

    assert network(holder.pid) != network(os.getpid())
    other = await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=False)
    assert network(other.pid) == network(os.getpid())
    await other.close()


async def test_two_at_the_same_place_have_different_files(holder: Holder, directory: Path) -> None:
    other = await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=False)
    fill(holder.box, "mine")
    assert os.listdir(other.box) == []  # noqa: PTH208 (a descriptor)
    await other.close()


async def test_it_and_its_descriptors_are_gone_when_it_is_closed(directory: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 (quick)
    holder = await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=False)
    await holder.close()
    await holder.close()
    assert gone(holder.pid)
    await asyncio.sleep(0)  # transports close in the loop's next turn
    assert set(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
    with pytest.raises(SandboxError, match="ended"):
        holder.enter(None)


@pytest.mark.parametrize("heir", ["none", "leaked"])
async def test_it_ends_with_a_killed_worker_even_where_another_process_has_its_pipe(directory: Path, heir: str) -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, str(directory), heir, stdout=subprocess.PIPE, start_new_session=True
    )
    assert worker.stdout is not None
    pid = int(await worker.stdout.readline())
    assert not gone(pid)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    async with asyncio.timeout(30):
        while not gone(pid):
            await asyncio.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)


async def test_what_cannot_be_mounted_is_said(directory: Path) -> None:
    (directory / "box").rmdir()
    with pytest.raises(SandboxError, match="mount point does not exist"):
        await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=False)


async def test_a_place_that_was_not_mounted_over_is_never_written(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_holder, "_HOLD", "echo && read -r _")
    with pytest.raises(SandboxError, match="not the sandbox's own file system"):
        await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=False)


async def test_a_program_that_is_missing_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(directory))
    with pytest.raises(SandboxError, match=r"no 'mount' on PATH.*install util-linux"):
        await hold(directory / "box", directory / "kept", disk_bytes=MIB, network=False)
