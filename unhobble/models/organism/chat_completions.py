"""OpenAI's chat completions as values: the request as it is read, the answer, its stream and its errors as they are written.

https://platform.openai.com/docs/api-reference/chat. Each answer carries one field that OpenAI has not: ``"simulated": true``.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field

from unhobble.messages import Message, ModelAnswer, ModelRequest, NativeCall, ToolSpec

_CREATED = 1_700_000_000
"""Answers are pure functions of requests, so they all carry the same time."""

_PIECE_CHARACTERS = 64
_DEFAULT_MAX_TOKENS = 4096


class _Function(BaseModel):
    name: str
    arguments: str = ""


class _Call(BaseModel):
    id: str
    function: _Function


class _Part(BaseModel):
    type: Literal["text"]
    text: str


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None

    def value(self) -> Message:
        content = self.content or ""
        return Message(
            role="system" if self.role == "developer" else self.role,
            content=content if isinstance(content, str) else "".join(part.text for part in content),
            tool_calls=tuple(
                NativeCall(id=call.id, name=call.function.name, arguments=call.function.arguments) for call in self.tool_calls or ()
            ),
            tool_call_id=self.tool_call_id,
        )


class _ToolFunction(BaseModel):
    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class _Tool(BaseModel):
    type: Literal["function"]
    function: _ToolFunction


class _StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of ``POST /v1/chat/completions``; fields that are not listed are ignored, as other servers do."""

    model: str
    messages: list[_Message] = Field(min_length=1)
    tools: list[_Tool] | None = None
    tool_choice: Literal["auto", "none"] = "auto"
    stop: str | list[str] | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    seed: int | None = None
    n: Literal[1] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None

    def value(self) -> ModelRequest:
        """The request as Unhobble's value."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return ModelRequest(
            messages=tuple(message.value() for message in self.messages),
            tools=tuple(ToolSpec(**tool.function.model_dump()) for tool in self.tools or ()),
            tool_choice=self.tool_choice,
            stop=tuple(stop),
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens or _DEFAULT_MAX_TOKENS,
            seed=self.seed or 0,
        )


def completion(answer: ModelAnswer) -> dict[str, Any]:
    """The whole answer as one object."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.content}
    if answer.tool_calls:
        message["tool_calls"] = [_wire_call(call) for call in answer.tool_calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return _envelope(answer, "chat.completion") | {"choices": [choice], "usage": _wire_usage(answer)}


def chunks(answer: ModelAnswer, *, include_usage: bool) -> Iterator[str]:
    """The same answer as server-sent events, the last of which is ``[DONE]``."""
    envelope = _envelope(answer, "chat.completion.chunk")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    starts = range(0, len(answer.content), _PIECE_CHARACTERS)
    deltas += [{"content": answer.content[start : start + _PIECE_CHARACTERS]} for start in starts]
    deltas += [{"tool_calls": [{"index": index} | _wire_call(call)]} for index, call in enumerate(answer.tool_calls)]
    for delta in deltas:
        yield _event(envelope | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event(envelope | {"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]})
    if include_usage:
        yield _event(envelope | {"choices": [], "usage": _wire_usage(answer)})
    yield "data: [DONE]\n\n"


def error_body(message: str, *, kind: str = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _envelope(answer: ModelAnswer, kind: str) -> dict[str, Any]:
    digest = hashlib.sha256(answer.model_dump_json(exclude={"attempts", "duration_s"}).encode()).hexdigest()
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": kind,
        "created": _CREATED,
        "model": answer.model,
        "system_fingerprint": answer.fingerprint,
        "simulated": True,
    }


def _wire_call(call: NativeCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _wire_usage(answer: ModelAnswer) -> dict[str, int]:
    usage = answer.usage
    return {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens, "total_tokens": usage.total}


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"
