"""A provider that answers by a script, over real HTTP on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from unhobble.messages import Message, ModelRequest

REQUEST = ModelRequest(messages=(Message(role="user", content="Say hello."),), max_tokens=64, seed=7)


def good_body(**changes: Any) -> dict[str, Any]:
    """A whole answer in OpenAI's shape, with ``changes`` to its top level."""
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "hidden-model-2",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    } | changes


def with_choice(**changes: Any) -> dict[str, Any]:
    """A whole answer with ``changes`` to its only choice."""
    return good_body(choices=[good_body()["choices"][0] | changes])


@dataclass
class Reply:
    """One answer: ``drip_s`` are seconds between its bytes; ``cut`` closes the connection half-way through the body."""

    body: Any = field(default_factory=good_body)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: bool = False


def refusal(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's shape."""
    return Reply({"error": {"message": message, "code": code}}, status, {k.replace("_", "-"): v for k, v in headers.items()})


@dataclass
class ScriptedProvider:
    """Answers in the order of ``script``, whose last reply repeats; keeps what it was sent."""

    script: list[Reply] = field(default_factory=lambda: [Reply()])
    bodies: list[dict[str, Any]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def api_base(self) -> str:
        """What a client is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one request, one reply."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
            self.bodies.append(json.loads(await reader.readexactly(length)))
            self.heads.append(head)
            await self._answer(self.script[min(len(self.bodies), len(self.script)) - 1], writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as some tests want it to
        finally:
            writer.close()

    async def _answer(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"} | reply.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode())
        body = body[: len(body) // 2] if reply.cut else body
        pieces = [body[i : i + 1] for i in range(len(body))] if reply.drip_s else [body]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(reply.drip_s)


@asynccontextmanager
async def scripted_provider() -> AsyncIterator[ScriptedProvider]:
    """The provider on a free loopback port."""
    provider = ScriptedProvider()
    server = await asyncio.start_server(provider.handle, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()
