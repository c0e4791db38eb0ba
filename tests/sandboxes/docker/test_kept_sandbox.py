"""What a sandbox makes of its keeper's answers, with a keeper that a test plays and an engine that only knows how it ended."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar, cast

import pytest
from docker import APIClient
from docker.errors import NotFound

from sandboxes._docker.containers import ended_for_memory
from sandboxes._docker.engine import Engine
from sandboxes._docker.kept_sandbox import KeptSandbox
from sandboxes._docker.link import Link
from sandboxes._docker.wire import HEADER
from sandboxes._network.gate import Gate
from unhobble.errors import SandboxError, SandboxSpoiled
from unhobble.sandboxing import Ending, RefusedConnection, SandboxFile

T = TypeVar("T")


class OutOfMemoryEngine:
    """An engine whose container the kernel ended for memory, and that has removed it since; ``also`` happened to it before."""

    def __init__(self, *also: str) -> None:
        self._also = also

    async def call(self, work: Callable[[APIClient], T]) -> T:
        return work(cast("APIClient", self))

    def events(self, **_: object) -> Iterator[dict[str, str]]:
        yield from ({"Action": action} for action in (*self._also, "oom", "die", "destroy"))

    def remove_container(self, *_: object, **__: object) -> None:
        raise NotFound("gone")  # type: ignore[no-untyped-call]

    def wait(self, *_: object, **__: object) -> None:
        raise NotFound("gone")  # type: ignore[no-untyped-call]


class OneRefusal:
    """A gate that one connection was refused at."""

    def __init__(self) -> None:
        self.env = {"http_proxy": "http://127.0.0.1:3128"}
        self.closed = False

    def take_refused(self) -> tuple[RefusedConnection, ...]:
        return (RefusedConnection("example.org", 443, "not declared"),)

    async def close(self) -> None:
        self.closed = True


class Played:
    """The keeper's end of the stream."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    async def begin(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(sock=self._connection)

    async def request(self) -> tuple[bytes, bytes]:
        kind, length = HEADER.unpack(await self._reader.readexactly(HEADER.size))
        return kind, await self._reader.readexactly(length)

    def say(self, *frames: tuple[bytes, bytes]) -> None:
        said = b"".join(HEADER.pack(kind, len(data)) + data for kind, data in frames)
        self._writer.write(struct.pack(">BxxxI", 1, len(said)) + said)

    def leave(self) -> None:
        self._writer.close()


@pytest.fixture
def gate() -> OneRefusal:
    return OneRefusal()


@pytest.fixture
async def played(gate: OneRefusal) -> AsyncIterator[tuple[KeptSandbox, Played]]:
    ours, theirs = socket.socketpair()
    keeper = Played(theirs)
    await keeper.begin()
    engine = cast("Engine", OutOfMemoryEngine())
    link = await Link.over(ours, "box")
    sandbox = KeptSandbox("box", engine, link, gate=cast("Gate", gate), on_close=lambda _: None)
    yield sandbox, keeper
    await sandbox.close()
    keeper.leave()
    await asyncio.sleep(0)


async def test_a_command_gets_the_gates_environment_and_its_refusals_come_back(played: tuple[KeptSandbox, Played]) -> None:
    sandbox, keeper = played
    task = asyncio.ensure_future(sandbox.exec(["true"], timeout_s=1, output_bytes=10))
    kind, body = await keeper.request()
    assert (kind, b"\0http_proxy=http://127.0.0.1:3128\0" in body) == (b"x", True)
    keeper.say((b"o", b"1"), (b"e", b"2"), (b"o", b"3"), (b"r", b"\0\0\5\1\0"))
    result = await task
    assert (result.ending, result.exit_code, result.stdout, result.stderr) == (Ending.exited, 5, b"13", b"2")
    assert (result.stdout_truncated, result.stderr_truncated) == (True, False)
    assert result.refused == (RefusedConnection("example.org", 443, "not declared"),)


async def test_a_cancelled_command_is_ended_before_the_next_is_sent(played: tuple[KeptSandbox, Played]) -> None:
    sandbox, keeper = played
    task = asyncio.ensure_future(sandbox.exec(["sleep"], timeout_s=1, output_bytes=10))
    await keeper.request()
    task.cancel()
    assert await keeper.request() == (b"k", b"")
    keeper.say((b"r", b"\0\4\0\0\0"), (b"r", b"\0"))
    with pytest.raises(asyncio.CancelledError):
        await task
    task = asyncio.ensure_future(sandbox.exec(["true"], timeout_s=1, output_bytes=10))
    await keeper.request()
    keeper.say((b"r", b"\0\0\0\0\0"))
    assert (await task).ok


async def test_what_a_keeper_died_of_is_said_where_the_engine_knows(played: tuple[KeptSandbox, Played], gate: OneRefusal) -> None:
    sandbox, keeper = played
    task = asyncio.ensure_future(sandbox.exec(["true"], timeout_s=1, output_bytes=10))
    await keeper.request()
    assert sandbox.is_alive
    keeper.leave()
    with pytest.raises(SandboxSpoiled, match=r"box is gone: .*memory"):
        await task
    assert (sandbox.is_alive, gate.closed) == (False, True)
    with pytest.raises(SandboxSpoiled, match=r"box is gone: .*memory"):
        await sandbox.read_file("/work/x", max_bytes=1)


@pytest.mark.parametrize(("also", "is_the_agents"), [((), True), (("oom",), True), (("kill",), False)])
def test_a_container_that_someone_killed_did_not_end_for_memory(also: tuple[str, ...], is_the_agents: bool) -> None:
    assert ended_for_memory(cast("APIClient", OutOfMemoryEngine(*also)), "box") == is_the_agents


async def test_a_directorys_files_come_in_the_order_of_their_paths(played: tuple[KeptSandbox, Played]) -> None:
    sandbox, keeper = played
    task = asyncio.ensure_future(sandbox.read_directory("/work", max_bytes=100, max_files=10))
    assert (await keeper.request())[0] == b"d"
    keeper.say((b"n", b"\1/work/b"), (b"c", b"1"), (b"c", b"2"), (b"n", b"\0/work/a\xff"), (b"r", b"\0"))
    assert await task == [SandboxFile("/work/a\udcff", b""), SandboxFile("/work/b", b"12", executable=True)]


@pytest.mark.parametrize(("outcome", "error"), [(1, FileNotFoundError), (2, ValueError), (3, SandboxError)])
async def test_only_reading_tells_the_agents_fault_from_a_broken_sandbox(
    played: tuple[KeptSandbox, Played], outcome: int, error: type[Exception]
) -> None:
    sandbox, keeper = played
    for ask, expected in (
        (lambda: sandbox.read_file("/work/x", max_bytes=1), error),
        (lambda: sandbox.write_files([]), SandboxError),
    ):
        task = asyncio.ensure_future(ask())
        await keeper.request()
        keeper.say((b"r", bytes([outcome]) + b"the reason"))
        with pytest.raises(expected, match="the reason"):
            await task
    assert sandbox.is_alive


@pytest.mark.parametrize(
    ("argv", "cwd", "env"),
    [(["a\0"], "/work", {}), (["a"], "/w\0", {}), (["a"], "/work", {"A": "\0"}), (["a" * 9_000_000], "/", {})],
)
async def test_what_no_kernel_would_start_is_not_sent(
    played: tuple[KeptSandbox, Played], argv: list[str], cwd: str, env: dict[str, str]
) -> None:
    result = await played[0].exec(argv, cwd=cwd, env=env, timeout_s=1, output_bytes=10)
    assert (result.ending, result.exit_code) == (Ending.exited, 126)
    assert b"cannot be started" in result.stderr
