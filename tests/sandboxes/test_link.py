"""The stream to a keeper, with a keeper that a test plays."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from sandboxes._link import Frame, Link
from unhobble.errors import SandboxError


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Link, asyncio.StreamReader, asyncio.StreamWriter]]:
    ours, theirs = socket.socketpair()
    link = await Link.over(ours, "box")
    reader, writer = await asyncio.open_connection(sock=theirs)
    yield link, reader, writer
    link.close()
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def frame(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack(">I", len(data)) + data


def docker(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


async def test_frames_are_read_whatever_pieces_docker_makes_of_them(
    ends: tuple[Link, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    link, reader, writer = ends
    sent = frame(b"o", b"out") + frame(b"e", b"") + frame(b"r", b'{"a": 1}')
    for byte in sent:
        writer.write(docker(1, bytes([byte])))
    frames: list[Frame] = []
    answer = await link.request({"op": "exec"}, b"input", each=frames.append)
    assert (answer, frames) == ({"a": 1}, [Frame("o", b"out"), Frame("e", b"")])
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    assert json.loads(await reader.readexactly(length)) == {"op": "exec", "payload": 5}
    assert await reader.readexactly(5) == b"input"


async def test_a_keeper_that_leaves_is_an_error_with_its_last_words(
    ends: tuple[Link, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    link, _, writer = ends
    writer.write(docker(2, b"no module named json") + docker(1, b"o\0\0"))
    writer.close()
    with pytest.raises(SandboxError, match=r"box is gone: .*no module named json"):
        await link.request({"op": "exec"})
