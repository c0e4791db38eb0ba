"""Organisms over HTTP, for anything that speaks OpenAI's chat completions.

``POST /v1/chat/completions``, ``GET /v1/models`` and ``GET /healthz``. A plain ASGI application, because the kernel knows no web
framework; uvicorn is imported only when a server is started.
"""

import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from unhobble.errors import ContextOverflow
from unhobble.models.organism.chat_completions import ChatRequest, chunks, completion, error_body
from unhobble.models.organism.client import PREFIX, OrganismClient
from unhobble.models.organism.traits import organism_names
from unhobble.registry import validation_issues
from unhobble.spec import ModelSpec

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 16 * 2**20
_START_TIMEOUT_S = 30.0


class HttpError(Exception):
    """Ends a request with ``status`` and an error in OpenAI's shape."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class OrganismApp:
    """The ASGI application. ``clients`` are further organisms, by model name; all that come with Unhobble are served anyway."""

    def __init__(self, clients: dict[str, OrganismClient] | None = None) -> None:
        shipped = {PREFIX + name: OrganismClient(ModelSpec(id=PREFIX + name)) for name in organism_names()}
        self._clients = shipped | (clients or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification, HTTP 2.x."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope, receive, send)
        except HttpError as error:
            await _send_json(send, error_body(str(error), code=error.code), error.status)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = (scope["method"], scope["path"])
        if route == ("POST", "/v1/chat/completions"):
            await self._complete(await _body(receive), send)
        elif route == ("GET", "/v1/models"):
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "unhobble"} for name in sorted(self._clients)]
            await _send_json(send, {"object": "list", "data": models})
        elif route == ("GET", "/healthz"):
            await _send_json(send, {"status": "ok", "simulated": True})
        else:
            raise HttpError(404, f"no {scope['method']} {scope['path']} here")

    async def _complete(self, body: bytes, send: Send) -> None:
        try:
            chat = ChatRequest.model_validate_json(body)
        except ValidationError as error:
            raise HttpError(400, "; ".join(map(str, validation_issues(error)))) from None
        if chat.model not in self._clients:
            known = ", ".join(sorted(self._clients))
            raise HttpError(404, f"The model {chat.model!r} does not exist; there are {known}", "model_not_found")
        try:
            answer = await self._clients[chat.model].complete(chat.value(), timeout_s=0)
        except ContextOverflow as overflow:
            raise HttpError(400, str(overflow), "context_length_exceeded") from None
        if not chat.stream:
            await _send_json(send, completion(answer))
            return
        include_usage = chat.stream_options is not None and chat.stream_options.include_usage
        await _start(send, 200, b"text/event-stream")
        for event in chunks(answer, include_usage=include_usage):
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def serve(host: str = "127.0.0.1", port: int = 8377, *, latency_s: float | None = None) -> None:
    """Serve every organism until interrupted. ``latency_s``, where given, is how long each answer takes."""
    clients = {}
    if latency_s is not None:
        specs = [ModelSpec(id=PREFIX + name, params={"traits": {"latency_s": latency_s}}) for name in organism_names()]
        clients = {spec.id: OrganismClient(spec) for spec in specs}
    _server(OrganismApp(clients), "info", host=host, port=port).run()


@contextmanager
def serving(clients: dict[str, OrganismClient] | None = None) -> Iterator[str]:
    """A server on a free loopback port, in a thread of this process, for the length of the block. Yields its ``/v1`` address.

    Raises ``RuntimeError`` when the server does not start.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = _server(OrganismApp(clients), "warning")
        thread = threading.Thread(target=server.run, args=([listener],), name="organism server", daemon=True)
        thread.start()
        try:
            give_up_s = time.monotonic() + _START_TIMEOUT_S
            while not server.started:
                if not thread.is_alive() or time.monotonic() > give_up_s:
                    raise RuntimeError("the organism server did not start; its log says why")
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


def _server(app: OrganismApp, log_level: str, **where: Any) -> "uvicorn.Server":
    import uvicorn

    config = uvicorn.Config(app, log_level=log_level, lifespan="off", ws="none", http="h11", server_header=False, **where)
    return uvicorn.Server(config)


async def _body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        pieces.append(event.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_BODY_BYTES:
            raise HttpError(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
        more = event["type"] == "http.request" and event.get("more_body", False)
    return b"".join(pieces)


async def _start(send: Send, status: int, content_type: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})


async def _send_json(send: Send, body: dict[str, Any], status: int = 200) -> None:
    await _start(send, status, b"application/json")
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
