"""A provider that does what a script says, and clients that talk to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

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


def good_choice(**changes: Any) -> dict[str, Any]:
    """A body whose only choice has ``changes``."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}} | changes
    return good_body(choices=[choice])


@dataclass
class Reply:
    """What the scripted provider answers: body, status, headers, seconds between the pieces of a slow drip, or a cut."""

    body: Any = field(default_factory=good_body)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: bool = False


@dataclass
class ScriptedProvider:
    """An HTTP server on a free loopback port. Replies in the order of ``script``; its last reply repeats."""

    script: list[Reply] = field(default_factory=lambda: [Reply()])
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
            self.requests.append(json.loads(await reader.readexactly(length)))
            self.headers.append(head)
            await self._answer(self.script[min(len(self.requests), len(self.script)) - 1], writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"} | reply.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode())
        if reply.cut:
            body = body[: len(body) // 2]
        step = 1 if reply.drip_s else len(body)
        for start in range(0, len(body), max(step, 1)):
            writer.write(body[start : start + step])
            await writer.drain()
            await asyncio.sleep(reply.drip_s)


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    server = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    yield scripted
    server.close()


@pytest.fixture
async def connect_to(provider: ScriptedProvider) -> AsyncIterator[Callable[..., Any]]:
    """Makes litellm clients of the scripted provider, with short waits, and closes them."""
    from unhobble.models.litellm_client import LitellmClient
    from unhobble.spec import ModelSpec

    made: list[LitellmClient] = []

    def make(**changes: Any) -> LitellmClient:
        fields = {"id": "openai/hidden-model", "api_base": provider.api_base} | changes
        made.append(LitellmClient(ModelSpec(**fields), first_wait_s=0.01))
        return made[-1]

    yield make
    for client in made:
        await client.close()
