"""Organisms over HTTP, for anything that speaks OpenAI's chat completions.

``POST /v1/chat/completions``, ``GET /v1/models``, ``GET /v1/models/{id}`` and ``GET /healthz``. A plain ASGI application, because
the kernel knows no web framework; uvicorn is imported only when a server is started.
"""

import asyncio
import hmac
import json
import logging
import math
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from unhobble.errors import ContextOverflow
from unhobble.models.organism.chat_completions import (
    BadRequest,
    ChatRequest,
    chunks,
    completion,
    error_body,
    model_object,
    read_request,
)
from unhobble.models.organism.client import PREFIX, Attempted, OrganismClient
from unhobble.models.organism.provider import SAID, Fault
from unhobble.models.organism.traits import organism_names
from unhobble.spec import ModelSpec

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[str, str]

MAX_BODY_BYTES = 16 * 2**20
HUNG_S = 600.0
"""Seconds after which a request that is never answered loses its connection, if its client has not left before."""

LEAVE_AFTER_S = 1
"""Seconds that requests are given to come to their end when the server stops; those that are never answered would take for ever."""

_START_TIMEOUT_S = 30.0
_MODELS = "/v1/models"
_COMPLETIONS = "/v1/chat/completions"
_INVALID = "invalid_request_error"
_CUT_SHORT = (
    "ASGI callable returned without completing response.",
    "Cancel %s running task(s), timeout graceful shutdown exceeded",
)
_log = logging.getLogger(__name__)


class HttpError(Exception):
    """Ends a request with ``status`` and an error in OpenAI's shape, of which ``kind`` is the ``type``."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = _INVALID,
        param: str | None = None,
        code: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, kind=kind, param=param, code=code)
        self.headers = headers or {}


def organism_clients(names: Collection[str] | None = None, **traits: Any) -> dict[str, OrganismClient]:
    """Organisms that come with Unhobble, all or those of ``names``, by model name, with ``traits`` changed. Raises ``BadInput``."""
    chosen = organism_names() if names is None else [name.removeprefix(PREFIX) for name in names]
    specs = [ModelSpec(id=PREFIX + name, params={"traits": traits}) for name in chosen]
    return {spec.id: OrganismClient(spec) for spec in specs}


class OrganismApp:
    """The ASGI application. Serves ``clients``, by model name. ``key``, where there is one, must come with every request."""

    def __init__(self, clients: dict[str, OrganismClient] | None = None, *, key: str | None = None) -> None:
        self._clients = organism_clients() if clients is None else clients
        self._key = key
        # An endpoint that cuts its answers does so on purpose: nothing is wrong with the server.
        logging.getLogger("uvicorn.error").addFilter(_tells_of_no_cut)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification, HTTP 2.x."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope, receive, send)
        except HttpError as error:
            await _send_json(send, error.body, error.status, error.headers)
        except Exception:
            _log.exception("a request could not be answered")
            await _send_json(send, error_body("the server failed; its log says how", kind="server_error"), 500)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/healthz":
            _require_method(scope, "GET")
            await _send_json(send, {"status": "ok", "simulated": True})
            return
        self._require_key(scope)
        if path == _COMPLETIONS:
            _require_method(scope, "POST")
            started_s = asyncio.get_running_loop().time()
            await self._complete(await _body(scope, receive), started_s, receive, send)
        elif path == _MODELS:
            _require_method(scope, "GET")
            await _send_json(send, {"object": "list", "data": [model_object(name) for name in sorted(self._clients)]})
        elif path.startswith(f"{_MODELS}/"):
            _require_method(scope, "GET")
            name = path.removeprefix(f"{_MODELS}/")
            self._client(name)
            await _send_json(send, model_object(name))
        else:
            raise HttpError(404, f"Invalid URL ({scope['method']} {path}); there are {_COMPLETIONS} and {_MODELS}")

    def _require_key(self, scope: Scope) -> None:
        if self._key is None:
            return
        given = _header(scope, b"authorization")
        scheme, _, key = given.partition(b" ")
        headers = {"www-authenticate": "Bearer"}
        if scheme.lower() != b"bearer" or not key.strip():
            raise HttpError(401, "no API key was given; it belongs into the header 'Authorization: Bearer KEY'", headers=headers)
        if not hmac.compare_digest(key.strip(), self._key.encode()):
            raise HttpError(401, "the API key is not the one that this server was given", code="invalid_api_key", headers=headers)

    def _client(self, name: str) -> OrganismClient:
        if name not in self._clients:
            known = ", ".join(sorted(self._clients))
            raise HttpError(404, f"The model {name!r} does not exist; there are {known}", param="model", code="model_not_found")
        return self._clients[name]

    async def _complete(self, body: bytes, started_s: float, receive: Receive, send: Send) -> None:
        try:
            chat = read_request(body)
            found = self._client(chat.model).attempt(chat.value())
        except BadRequest as error:
            raise HttpError(400, str(error), param=error.param, code=error.code) from None
        except ContextOverflow as overflow:
            raise HttpError(400, str(overflow), param="messages", code="context_length_exceeded") from None
        if found.answer is None:
            await _fail(found, receive)
            return
        # What came before counts, so that the client waits for the latency and not for the latency and us.
        left_s = started_s + found.latency_s - asyncio.get_running_loop().time()
        if left_s > 0:
            await asyncio.sleep(left_s)
        await _send_answer(send, found, chat)


async def _fail(found: Attempted, receive: Receive) -> None:
    """Answer as the endpoint does that misbehaves. Returns, without an answer, once a client has left that was to get none."""
    if found.fault is Fault.rate_limited:
        # Whole seconds by RFC 9110, 10.2.3; OpenAI's own header says it exactly.
        headers = {
            "retry-after": str(math.ceil(found.retry_after_s)),
            "retry-after-ms": f"{found.retry_after_s * 1000:.0f}",
        }
        raise HttpError(429, SAID[found.fault], kind="requests", code="rate_limit_exceeded", headers=headers)
    if found.fault is Fault.server_error:
        raise HttpError(500, SAID[found.fault], kind="server_error")
    try:
        async with asyncio.timeout(HUNG_S):
            while (await receive())["type"] != "http.disconnect":
                pass
    except (TimeoutError, asyncio.CancelledError):  # the latter when the server stops
        raise HttpError(503, "this request was never to be answered (simulated)", kind="server_error") from None


async def _send_answer(send: Send, found: Attempted, chat: ChatRequest) -> None:
    """The answer, whole or streamed; where it is cut, all of the head and half of the rest, after which the connection closes."""
    assert found.answer is not None
    headers = {"content-type": "application/json"}
    if chat.stream:
        body = "".join(chunks(found.answer, include_usage=chat.include_usage)).encode()
        headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    else:
        body = json.dumps(completion(found.answer)).encode()
        headers |= {"content-length": str(len(body))}
    await _start(send, 200, headers)
    whole = found.fault is None
    await send({"type": "http.response.body", "body": body if whole else body[: len(body) // 2], "more_body": not whole})


@contextmanager
def serving(clients: dict[str, OrganismClient] | None = None, *, key: str | None = None) -> Iterator[str]:
    """A server on a free loopback port, in a thread of this process, for the length of the block. Yields its ``/v1`` address.

    ``clients`` are further organisms, by model name; all that come with Unhobble are served anyway. Raises ``RuntimeError`` when
    the server does not start.
    """
    app = OrganismApp(organism_clients() | (clients or {}), key=key)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # for answers that are written in two pieces
        server = _server(app)
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


def _server(app: OrganismApp) -> "uvicorn.Server":
    import uvicorn

    config = uvicorn.Config(
        app, log_level="warning", lifespan="off", ws="none", server_header=False, timeout_graceful_shutdown=LEAVE_AFTER_S
    )
    return uvicorn.Server(config)


def _tells_of_no_cut(record: logging.LogRecord) -> bool:
    return record.msg not in _CUT_SHORT


def _require_method(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        said = f"{scope['method']} is not allowed on {scope['path']}; {method} is"
        raise HttpError(405, said, code="method_not_supported", headers={"allow": method})


def _header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key == name), b"")


async def _body(scope: Scope, receive: Receive) -> bytes:
    too_long = HttpError(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
    length = _header(scope, b"content-length")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise too_long
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        pieces.append(event.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_BODY_BYTES:
            raise too_long
        more = event["type"] == "http.request" and event.get("more_body", False)
    return b"".join(pieces)


async def _start(send: Send, status: int, headers: Headers) -> None:
    headers = headers | {"x-request-id": f"req_{secrets.token_hex(16)}"}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _send_json(send: Send, content: dict[str, Any], status: int = 200, headers: Headers | None = None) -> None:
    body = json.dumps(content).encode()
    await _start(send, status, {"content-type": "application/json", "content-length": str(len(body))} | (headers or {}))
    await send({"type": "http.response.body", "body": body})
