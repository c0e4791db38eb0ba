"""The stream to a keeper, with a keeper that a test plays."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from sandboxes._docker.keeper_binary import KEEPER_VERSION
from sandboxes._docker.link import Link
from sandboxes._docker.wire import HEADER
from unhobble.errors import SandboxError

Ends = tuple[Link, asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    link = await Link.over(ours, "box")
    reader, writer = await asyncio.open_connection(sock=theirs)
    yield link, reader, writer
    link.close()
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def frame(kind: bytes, data: bytes) -> bytes:
    return HEADER.pack(kind, len(data)) + data


def docker(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_frames_are_read_whatever_pieces_docker_makes_of_them(ends: Ends, size: int) -> None:
    link, reader, writer = ends
    frames: list[tuple[bytes, bytes]] = []
    link.send(b"request", lambda kind, data: frames.append((kind, data)))
    assert await reader.readexactly(7) == b"request"
    sent = frame(b"o", b"out") + frame(b"e", b"") + frame(b"r", b"\0answer")
    for start in range(0, len(sent), size):
        writer.write(docker(1, sent[start : start + size]))
        await writer.drain()
        await asyncio.sleep(0)
    assert await link.answer() == b"\0answer"
    assert frames == [(b"o", b"out"), (b"e", b"")]


async def test_who_stops_waiting_leaves_the_stream_in_order(ends: Ends) -> None:
    link, _, writer = ends
    link.send(b"first", lambda *_: None)
    waiting = asyncio.ensure_future(link.answer())
    writer.write(docker(1, frame(b"o", b"half of it")[:8]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    writer.write(docker(1, frame(b"o", b"half of it")[8:] + frame(b"r", b"\0first") + frame(b"r", b"\0second")))
    assert await link.answer() == b"\0first"
    assert await link.answer() == b"\0second"


async def test_a_keeper_that_leaves_is_an_error_with_its_last_words(ends: Ends) -> None:
    link, _, writer = ends
    writer.write(docker(2, b"a request ends too early") + docker(1, b"o\0\0"))
    writer.close()
    with pytest.raises(SandboxError, match=r"box is gone: .*a request ends too early"):
        await link.answer()
    assert link.is_broken
    link.send(b"more")
    with pytest.raises(SandboxError, match="box is gone"):
        await link.answer()


async def test_an_answer_that_came_before_the_end_is_not_lost(ends: Ends) -> None:
    link, _, writer = ends
    writer.write(docker(1, frame(b"r", b"\0answer")))
    writer.close()
    await writer.wait_closed()
    while not link.is_broken:
        await asyncio.sleep(0)
    assert await link.answer() == b"\0answer"


async def test_a_keeper_of_another_version_is_refused(ends: Ends) -> None:
    link, _, writer = ends
    writer.write(docker(1, frame(b"r", b"\0" + KEEPER_VERSION.encode())))
    await link.start()
    writer.write(docker(1, frame(b"r", b"\0somethingold")))
    with pytest.raises(SandboxError, match=f"version 'somethingold' and not '{KEEPER_VERSION}'"):
        await link.start()
