"""One connection of a client to the proxy: one request, and what comes of it."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11

_HEAD_BYTES = 32_768
_CHUNK_BYTES = 65_536
_FAREWELL_S = 2.0
_FAREWELL_CHUNKS = 32
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([/?][^#]*)?")
_CONNECTION_NAMES = b"connection proxy-connection keep-alive proxy-authenticate proxy-authorization te trailer upgrade"
_REWRITTEN = frozenset((*_CONNECTION_NAMES.split(), b"transfer-encoding", b"host"))

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Wanted:
    """Where a request is to go. ``target`` is what to ask for there, None for a tunnel; ``why_not``: it is never made."""

    authority: str
    default_port: int | None
    target: str | None
    why_not: str | None = None


class NotMade(Exception):
    """The connection that a request needs is not made; ``status`` is the HTTP status that says so."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def wanted(method: str, target: str) -> Wanted:
    """What a request to a proxy asks for: CONNECT with HOST:PORT, or any other method with http://HOST[:PORT]/PATH.

    Raises ``NotMade`` for what names no host at all.
    """
    if method == "CONNECT":
        return Wanted(target, None, None)
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise NotMade(400, "this is a proxy: ask for http://HOST/PATH, or CONNECT to HOST:PORT")
    scheme, authority, path = match[1].lower(), match[2], match[3] or "/"
    if scheme != "http":
        return Wanted(authority, None, path, f"the proxy makes http:// requests and CONNECT tunnels, not {scheme}:// requests")
    return Wanted(authority, 80, path if path.startswith("/") else f"/{path}")


class _Peer:
    """One of the two that speak HTTP with the proxy: its socket, and the state of the conversation."""

    def __init__(self, connection: socket.socket, role: type[h11.CLIENT | h11.SERVER]) -> None:
        self.socket = connection
        self.parser = h11.Connection(role, max_incomplete_event_size=_HEAD_BYTES)
        self._loop = asyncio.get_running_loop()

    async def next_event(self) -> h11.Event:
        """What it says next. Raises ``h11.RemoteProtocolError``."""
        while (event := self.parser.next_event()) is h11.NEED_DATA:
            self.parser.receive_data(await self._loop.sock_recv(self.socket, _CHUNK_BYTES))
        if not isinstance(event, h11.Event):
            raise h11.RemoteProtocolError("more came than one message")
        return event

    async def send(self, event: h11.Event) -> None:
        """Say something to it, and wait until the kernel has taken it."""
        if data := self.parser.send(event):
            await self.write(data)

    async def write(self, data: bytes) -> None:
        """Say something beside the conversation."""
        await self._loop.sock_sendall(self.socket, data)

    async def answer(self, status: int, why: str) -> None:
        """Say why there is nothing else to be had, in a few words of ASCII, and part."""
        text = why.encode("ascii", "backslashreplace") + b"\n"
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
        await self.write(head.encode() + b"Connection: close\r\n\r\n" + text)
        await self.part()

    async def part(self) -> None:
        """Say no more, and let it speak out for a moment: a connection that is closed on unread data loses what was sent."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_FAREWELL_S):
                for _ in range(_FAREWELL_CHUNKS):
                    if not await self._loop.sock_recv(self.socket, _CHUNK_BYTES):
                        break


class Exchange:
    """Serves ``client``, which stays its maker's. ``connect`` makes the connection; ``alive`` is called at each sign of life.

    Errors of the sockets (``OSError``) and of either side's HTTP (``h11.ProtocolError``) are raised where nothing can be answered.
    """

    def __init__(
        self, client: socket.socket, connect: Callable[[Wanted], Awaitable[socket.socket]], alive: Callable[[], None]
    ) -> None:
        self._client = _Peer(client, h11.SERVER)
        self._connect = connect
        self._alive = alive

    async def run(self) -> None:
        """See it through."""
        try:
            request = await self._request()
            if request is None:
                return
            asked = wanted(request.method.decode(), request.target.decode())
            upstream = await self._connect(asked)
        except NotMade as refusal:
            await self._client.answer(refusal.status, str(refusal))
            return
        with upstream:
            self._alive()
            if asked.target is None:
                await self._tunnel(upstream)
            else:
                await self._forward(_Peer(upstream, h11.CLIENT), request, asked)

    async def _request(self) -> h11.Request | None:
        """The head of the request; None where the client leaves instead."""
        try:
            event = await self._client.next_event()
        except h11.RemoteProtocolError as error:
            raise NotMade(error.error_status_hint, str(error)) from None
        return event if isinstance(event, h11.Request) else None

    async def _tunnel(self, upstream: socket.socket) -> None:
        await self._client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        sent_ahead, _ = self._client.parser.trailing_data
        await _together(self._pump(self._client.socket, upstream, sent_ahead), self._pump(upstream, self._client.socket))

    async def _pump(self, source: socket.socket, sink: socket.socket, data: bytes = b"") -> None:
        """Pass on what comes, no faster than it is taken, and then that there is no more."""
        loop = asyncio.get_running_loop()
        data = data or await loop.sock_recv(source, _CHUNK_BYTES)
        while data:
            self._alive()
            await loop.sock_sendall(sink, data)
            data = await loop.sock_recv(source, _CHUNK_BYTES)
        sink.shutdown(socket.SHUT_WR)

    async def _forward(self, upstream: "_Peer", request: h11.Request, asked: Wanted) -> None:
        # Both messages are parsed and written anew, so that both sides see the same end of each: no second request in a first.
        headers = [(b"Host", asked.authority.encode()), *_passed_on(request.headers), (b"Connection", b"close")]
        if any(name == b"transfer-encoding" for name, _ in request.headers):
            headers.append((b"Transfer-Encoding", b"chunked"))
        await upstream.send(h11.Request(method=request.method, target=asked.target or "/", headers=headers))
        body = asyncio.ensure_future(self._pass_body(upstream))
        try:
            await self._pass_response(upstream, interim=request.http_version >= b"1.1")
        finally:
            body.cancel()
            await asyncio.wait({body})
        await self._client.part()

    async def _pass_body(self, upstream: "_Peer") -> None:
        try:
            while not isinstance(event := await self._client.next_event(), h11.EndOfMessage):
                if not isinstance(event, h11.Data):
                    raise h11.RemoteProtocolError(f"{event!r} in a body")
                self._alive()
                await upstream.send(event)
            await upstream.send(h11.EndOfMessage())
        except (OSError, h11.ProtocolError):
            # Half a request has no answer. Whoever waits for one sees the end of the connection.
            with contextlib.suppress(OSError):
                upstream.socket.shutdown(socket.SHUT_RDWR)

    async def _pass_response(self, upstream: "_Peer", *, interim: bool) -> None:
        begun = False
        try:
            while not isinstance(event := await upstream.next_event(), h11.EndOfMessage):
                self._alive()
                if isinstance(event, h11.Response):
                    begun = True
                    headers = [*_passed_on(event.headers), (b"Connection", b"close")]
                    event = h11.Response(status_code=event.status_code, reason=event.reason, headers=headers)
                if interim or not isinstance(event, h11.InformationalResponse):
                    await self._client.send(event)
        except (OSError, h11.ProtocolError) as error:
            if begun:
                raise
            await self._client.answer(502, f"no answer came: {error}")
        else:
            await self._client.send(h11.EndOfMessage())


def _passed_on(headers: Iterable[Header]) -> list[Header]:
    """A message's headers without those that are about this connection, or about how its body was framed on it."""
    fields = list(headers)
    names = {name for name, _ in fields}
    named = {word.strip().lower() for name, value in fields if name == b"connection" for word in value.split(b",")}
    dropped = _REWRITTEN | (named - {b"content-length"})
    if b"transfer-encoding" in names:
        dropped = dropped | {b"content-length"}
    return [(name, value) for name, value in fields if name not in dropped]


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Await all; the first failure ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
