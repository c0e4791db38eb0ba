"""The worker's end of the stream to a keeper (``_keeper.py``): requests out, frames in, through Docker's attach connection."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from unhobble.errors import SandboxError

_STDERR = 2
_COMPLAINT_BYTES = 4096


class Frame(NamedTuple):
    """One frame of the keeper's: ``kind`` is ``o``, ``e``, ``d`` or ``r``."""

    kind: str
    data: bytes


class Link:
    """A connection to one keeper. Used by one task at a time; any break of it is a ``SandboxError``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self._reader = reader
        self._writer = writer
        self._name = name
        self._pending = bytearray()
        self._complaint = b""

    @classmethod
    async def over(cls, connection: socket.socket, name: str) -> "Link":
        """Take over a connected socket; ``name`` stands for the sandbox in errors."""
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection)
        return cls(reader, writer, name)

    async def start(self, program: str) -> dict[str, Any]:
        """Give the keeper the one line it waits for, and return when it says that it runs."""
        await self._write(program.encode() + b"\n")
        return await self.answer()

    async def request(
        self, header: dict[str, Any], payload: bytes = b"", *, each: Callable[[Frame], None] | None = None
    ) -> dict[str, Any]:
        """Send a request and return its answer; ``each`` sees the frames before it."""
        await self.send(header, payload)
        return await self.answer(each)

    async def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a request only."""
        text = json.dumps(header | {"payload": len(payload)}).encode()
        await self._write(struct.pack(">I", len(text)) + text + payload)

    async def answer(self, each: Callable[[Frame], None] | None = None) -> dict[str, Any]:
        """Read up to the answer of the oldest open request."""
        while True:
            frame = await self._frame()
            if frame.kind == "r":
                answer: dict[str, Any] = json.loads(frame.data)
                return answer
            if each:
                each(frame)

    def close(self) -> None:
        """Hang up, which makes the keeper leave. Never raises."""
        self._writer.transport.abort()

    async def _write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise self._broken(str(error)) from error

    async def _frame(self) -> Frame:
        kind, length = struct.unpack(">cI", await self._take(5))
        return Frame(kind.decode(), await self._take(length))

    async def _take(self, count: int) -> bytes:
        """The next ``count`` bytes of the keeper's standard output, out of Docker's own frames.

        A frame of the attach stream: one byte stream number, three zero bytes, four bytes of length. Source: Docker Engine
        API, "Attach to a container", stream format.
        """
        while len(self._pending) < count:
            try:
                stream, length = struct.unpack(">BxxxI", await self._reader.readexactly(8))
                data = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, OSError) as error:
                raise self._broken("the connection ended") from error
            if stream == _STDERR:
                self._complaint = (self._complaint + data)[-_COMPLAINT_BYTES:]
            else:
                self._pending += data
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken

    def _broken(self, why: str) -> SandboxError:
        said = self._complaint.decode(errors="replace").strip()
        return SandboxError(f"the keeper of sandbox {self._name} is gone: {why}" + (f"; it said: {said}" if said else ""))
