"""The worker's end of the stream to a keeper (``keeper/link.c``): requests out, frames in, through Docker's attach connection."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable

from sandboxes._docker.keeper_binary import KEEPER_VERSION
from sandboxes._docker.wire import HEADER
from unhobble.errors import SandboxError

_DOCKER = struct.Struct(">BxxxI")
_STDERR = 2
_COMPLAINT_BYTES = 4096
_ANSWER = b"r"

Listener = Callable[[bytes, bytes], None]
"""Gets each frame before an answer: its kind, one byte, and its content."""


class Link(asyncio.Protocol):
    """A connection to one keeper. Used by one task at a time; any break of it is a ``SandboxError``.

    What comes is taken apart as it comes, whoever waits: one who stops waiting leaves the stream in order.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()  # in Docker's frames
        self._said = bytearray()  # in the keeper's
        self._complaint = b""
        self._listener: Listener | None = None
        self._answers: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._broken: str | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the connection has ended."""
        return self._broken is not None

    @classmethod
    async def over(cls, connection: socket.socket, name: str) -> "Link":
        """Take over a connected socket; ``name`` stands for the sandbox in errors."""
        connection.setblocking(False)
        _, link = await asyncio.get_running_loop().create_connection(lambda: cls(name), sock=connection)
        return link

    async def start(self) -> None:
        """Return when the keeper says that it runs, and that it is the one that belongs to this program."""
        version = (await self.answer())[1:].decode(errors="replace")
        if version != KEEPER_VERSION:
            raise SandboxError(f"the keeper of sandbox {self._name} is version {version!r} and not {KEEPER_VERSION!r}")

    def send(self, request: bytes, listener: Listener | None = None) -> None:
        """Send a request. ``listener`` gets the frames from now on; without one, who got them before still does."""
        if self._broken is None and self._transport is not None:
            self._listener = listener or self._listener
            self._transport.write(request)

    async def answer(self) -> bytes:
        """The answer to the oldest request that has none yet. Raises ``SandboxError`` where none can come any more."""
        while not self._answers:
            if self._broken is not None:
                said = self._complaint.decode(errors="replace").strip()
                why = self._broken + (f"; it said: {said}" if said else "")
                raise SandboxError(f"the keeper of sandbox {self._name} is gone: {why}")
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._answers.popleft()

    def close(self) -> None:
        """Hang up, which makes the keeper leave. Never raises."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._broken = f"the connection ended ({exc})" if exc else "the connection ended"
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Take Docker's frames apart: one byte of stream number, three zero bytes, four bytes of length.

        Source: Docker Engine API, "Attach to a container", stream format.
        """
        self._received += data
        start = 0
        while len(self._received) >= start + _DOCKER.size:
            stream, length = _DOCKER.unpack_from(self._received, start)
            if len(self._received) < (end := start + _DOCKER.size + length):
                break
            content = self._received[start + _DOCKER.size : end]
            if stream == _STDERR:
                self._complaint = (self._complaint + content)[-_COMPLAINT_BYTES:]
            else:
                self._said += content
            start = end
        del self._received[:start]
        self._take_frames()

    def _take_frames(self) -> None:
        start = 0
        while len(self._said) >= start + HEADER.size:
            kind, length = HEADER.unpack_from(self._said, start)
            if len(self._said) < (end := start + HEADER.size + length):
                break
            content = bytes(self._said[start + HEADER.size : end])
            if kind == _ANSWER:
                self._answers.append(content)
                self._wake()
            elif self._listener:
                self._listener(kind, content)
            start = end
        del self._said[:start]

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
