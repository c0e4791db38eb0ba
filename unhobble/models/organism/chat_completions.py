"""OpenAI's chat completions as values: the request as it is read, the answer, its stream and its errors as they are written.

https://platform.openai.com/docs/api-reference/chat, and the types of the ``openai`` package, version 2. Each answer carries one
field that OpenAI has not: ``"simulated": true``.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, LiteralString

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from unhobble.messages import Message, ModelAnswer, ModelRequest, NativeCall, ReasoningEffort, ToolSpec
from unhobble.models.organism.client import said_tokens

CREATED = 1_700_000_000
"""Answers are pure functions of requests, so they all carry the same time."""

_PIECE_CHARACTERS = 64
_DEFAULT_MAX_TOKENS = 4096
_MOST_STOPS = 4
_UNSUPPORTED: Final = "unsupported_value"
_CODES = {"missing": "missing_required_parameter", _UNSUPPORTED: _UNSUPPORTED}
_NOT_THERE = ("audio", "function_call", "functions", "prediction", "top_logprobs", "web_search_options")


class BadRequest(Exception):
    """A request that cannot be answered: what is wrong, and OpenAI's ``param`` (where, as ``messages[0].role``) and ``code``."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class _Function(BaseModel):
    name: str
    arguments: str = ""


class _Call(BaseModel):
    id: str
    type: Literal["function"] = "function"
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


_Stop = Annotated[str, Field(min_length=1)]
_Penalty = Annotated[float | None, Field(ge=-2, le=2)]


class ChatRequest(BaseModel):
    """The body of ``POST /v1/chat/completions``.

    Fields that change nothing here (``user``, ``metadata``, ``store``, penalties and the like) are taken and have no effect; those
    that ask for what an organism cannot do are refused; those that OpenAI does not know are ignored, as other servers do.
    """

    model: str
    messages: list[_Message] = Field(min_length=1)
    tools: list[_Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    stop: _Stop | Annotated[list[_Stop], Field(max_length=_MOST_STOPS)] | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    frequency_penalty: _Penalty = None
    presence_penalty: _Penalty = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    reasoning_effort: Any = None
    seed: int | None = None
    n: int | None = Field(None, ge=1)
    logprobs: bool | None = None
    response_format: Any = None
    modalities: list[str] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_there(cls, body: Any) -> Any:
        if isinstance(body, dict):
            for name in _NOT_THERE:
                if body.get(name):
                    raise _refused("{name} is not supported by these models", name=name)
        return body

    @field_validator("tool_choice")
    @classmethod
    def _left_to_the_model(cls, choice: Any) -> Any:
        if choice not in (None, "auto", "none"):
            raise _refused("these models call tools as they see fit: only 'auto' and 'none' are supported")
        return choice

    @field_validator("reasoning_effort")
    @classmethod
    def _known_effort(cls, effort: Any) -> Any:
        if effort is not None and effort not in ReasoningEffort.__members__:
            raise _refused("supported are {efforts}", efforts=", ".join(ReasoningEffort))
        return effort

    @field_validator("response_format")
    @classmethod
    def _only_text(cls, shape: Any) -> Any:
        if shape is not None and (not isinstance(shape, dict) or shape.get("type") != "text"):
            raise _refused('only {"type": "text"} is supported')
        return shape

    @field_validator("n")
    @classmethod
    def _one_choice(cls, n: int | None) -> int | None:
        if n not in (None, 1):
            raise _refused("only 1 is supported: ask again with another seed")
        return n

    @field_validator("logprobs")
    @classmethod
    def _no_logprobs(cls, wanted: bool | None) -> bool | None:  # noqa: FBT001 - pydantic calls it
        if wanted:
            raise _refused("these models have no probabilities of tokens")
        return wanted

    @field_validator("modalities")
    @classmethod
    def _words_only(cls, modalities: list[str] | None) -> list[str] | None:
        if modalities not in (None, ["text"]):
            raise _refused("only text is supported")
        return modalities

    @field_validator("max_completion_tokens")
    @classmethod
    def _one_limit(cls, limit: int | None, info: Any) -> int | None:
        if limit is not None and info.data.get("max_tokens") is not None:
            raise PydanticCustomError("invalid_value", "cannot be set together with max_tokens")
        return limit

    @field_validator("stream_options")
    @classmethod
    def _of_a_stream(cls, options: _StreamOptions | None, info: Any) -> _StreamOptions | None:
        if options is not None and not info.data.get("stream"):
            raise PydanticCustomError("invalid_value", "is only allowed where stream is true")
        return options

    @property
    def include_usage(self) -> bool:
        """Whether the stream shall end with what it used."""
        return self.stream_options is not None and self.stream_options.include_usage

    def value(self) -> ModelRequest:
        """The request as Unhobble's value."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return ModelRequest(
            messages=tuple(message.value() for message in self.messages),
            tools=tuple(ToolSpec(**tool.function.model_dump()) for tool in self.tools or ()),
            tool_choice=self.tool_choice or "auto",
            stop=tuple(stop),
            temperature=self.temperature,
            top_p=self.top_p,
            reasoning_effort=self.reasoning_effort,
            max_tokens=self.max_completion_tokens or self.max_tokens or _DEFAULT_MAX_TOKENS,
            seed=self.seed or 0,
        )


def read_request(body: bytes) -> ChatRequest:
    """The request in ``body``. Raises ``BadRequest`` for the first thing that is wrong with it."""
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise _bad(_telling(error.errors())) from None


def completion(answer: ModelAnswer) -> dict[str, Any]:
    """The whole answer as one object."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.content, "refusal": None, "annotations": []}
    if answer.tool_calls:
        message["content"] = answer.content or None
        message["tool_calls"] = [_wire_call(call) for call in answer.tool_calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return _envelope(answer, "chat.completion") | {"choices": [choice], "usage": _wire_usage(answer)}


def chunks(answer: ModelAnswer, *, include_usage: bool) -> Iterator[str]:
    """The same answer as server-sent events, the last of which is ``[DONE]``."""
    envelope = _envelope(answer, "chat.completion.chunk") | ({"usage": None} if include_usage else {})
    for delta in _deltas(answer):
        yield _event(envelope | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]})
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": answer.finish_reason}
    yield _event(envelope | {"choices": [last]})
    if include_usage:
        yield _event(envelope | {"choices": [], "usage": _wire_usage(answer)})
    yield "data: [DONE]\n\n"


def error_body(message: str, *, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def model_object(name: str) -> dict[str, Any]:
    """A model as it is listed."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "unhobble", "simulated": True}


def _deltas(answer: ModelAnswer) -> Iterator[dict[str, Any]]:
    """The answer bit by bit: the role, pieces of the text, then of each call its id and name, and pieces of its arguments."""
    called_at_once = bool(answer.tool_calls) and not answer.content
    yield {"role": "assistant", "content": None if called_at_once else "", "refusal": None}
    yield from ({"content": piece} for piece in _pieces(answer.content))
    for index, call in enumerate(answer.tool_calls):
        yield {"tool_calls": [{"index": index} | _wire_call(call.model_copy(update={"arguments": ""}))]}
        yield from ({"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in _pieces(call.arguments))


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE_CHARACTERS] for start in range(0, len(text), _PIECE_CHARACTERS))


def _refused(why: LiteralString, **values: str) -> PydanticCustomError:
    return PydanticCustomError(_UNSUPPORTED, why, values)


def _telling(found: list[ErrorDetails]) -> ErrorDetails:
    """The first finding; where a value may have several shapes, what is wrong with the shape that it nearly has."""
    here = [one for one in found if one["loc"][:1] == found[0]["loc"][:1]]
    return next((one for one in here if not one["type"].endswith("_type")), found[0])


def _bad(found: ErrorDetails) -> BadRequest:
    """A finding in OpenAI's terms."""
    if found["type"] == "json_invalid":
        return BadRequest(f"the body is no JSON: {found['msg']}")
    told = found.get("ctx", {}).get("name")
    param = told if not found["loc"] and told else _param(found["loc"])
    if found["type"] == "missing":
        return BadRequest(f"missing required parameter: {param}", param, _CODES["missing"])
    said = f"{param}: {found['msg']}, not {found['input']!r:.200}" if found["loc"] else found["msg"]
    return BadRequest(said, param, _CODES.get(found["type"], "invalid_value") if param else None)


def _param(loc: tuple[int | str, ...]) -> str | None:
    """``messages[0].role``. Which of several shapes of a value was tried (``list[...]``, ``_Part``) is nobody's business."""
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier() and step not in ("str", "constrained-str"):
            path += f".{step}" if path else step
    return path or None


def _envelope(answer: ModelAnswer, kind: str) -> dict[str, Any]:
    digest = hashlib.sha256(answer.model_dump_json(exclude={"attempts", "duration_s"}).encode()).hexdigest()
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": kind,
        "created": CREATED,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": answer.fingerprint,
        "simulated": True,
    }


def _wire_call(call: NativeCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _wire_usage(answer: ModelAnswer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": max(0, usage.output_tokens - said_tokens(answer)),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"
