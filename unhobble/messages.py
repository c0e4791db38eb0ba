"""What is said between agent and model: messages, tools, calls, requests and answers. Plain frozen values."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from unhobble.text import OutsideJson, OutsideText


class Frozen(BaseModel):
    """Base of all values: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolSpec(Frozen):
    """A tool as it is presented to a model. ``parameters`` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]


class ToolCall(Frozen):
    """A call that was read successfully. ``id`` is the provider's for native calls, else given by the format."""

    id: str
    name: str
    arguments: OutsideJson


class NativeCall(Frozen):
    """A function call as a provider returns it: ``arguments`` is the raw string, which need not be JSON."""

    id: OutsideText
    name: OutsideText
    arguments: OutsideText


class Message(Frozen):
    """One message of a conversation, in the shape of OpenAI's chat completions."""

    role: Literal["system", "user", "assistant", "tool"]
    content: OutsideText
    tool_calls: tuple[NativeCall, ...] = ()
    tool_call_id: str | None = None


class ModelRequest(Frozen):
    """One question to a model. ``seed`` makes organisms, and providers that support it, repeatable.

    ``tool_choice`` is ``none`` where no call is wanted although the conversation holds native calls: several providers refuse
    such a conversation when the tools themselves are left out.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: Literal["auto", "none"] = "auto"
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 4096
    seed: int = 0


class Usage(Frozen):
    """Tokens of one call, as the provider counted them."""

    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


class Attempt(Frozen):
    """One HTTP request that was made for an answer; ``error`` is None for the one that succeeded."""

    duration_s: float
    error: OutsideText | None = None
    status: int | None = None


class ModelAnswer(Frozen):
    """What a model answered. ``cost_usd`` is None where the price is not known: unknown is never 0."""

    content: OutsideText
    tool_calls: tuple[NativeCall, ...] = ()
    finish_reason: str
    usage: Usage
    cost_usd: float | None
    model: str
    fingerprint: str | None = None
    attempts: tuple[Attempt, ...] = ()
    duration_s: float = 0.0

    @property
    def message(self) -> Message:
        """The answer as the conversation's next message."""
        return Message(role="assistant", content=self.content, tool_calls=self.tool_calls)

    @property
    def truncated(self) -> bool:
        """Whether the answer was cut by its own token limit."""
        return self.finish_reason == "length"


class Estimate(Frozen):
    """The most that a request may use; ``usd`` is None where the price is not known."""

    tokens: int
    usd: float | None


class FormatProblemCode(StrEnum):
    """Why an answer could not be read as tool calls."""

    no_call = "no_call"
    bad_syntax = "bad_syntax"
    unknown_tool = "unknown_tool"
    schema_violation = "schema_violation"
    truncated = "truncated"


class FormatProblem(Frozen):
    """A typed reading error, with what the agent is told. ``call_id`` is set where a native call must be answered."""

    code: FormatProblemCode
    message: OutsideText
    call_id: str | None = None


class ParsedAnswer(Frozen):
    """Either at least one call, or a problem. ``repairs`` counts what lenient reading had to mend."""

    calls: tuple[ToolCall, ...] = ()
    problem: FormatProblem | None = None
    repairs: int = 0


class ToolOutcome(Frozen):
    """What a tool call gave. ``submission`` is set when the call was the agent's hand-in."""

    text: str
    failed: bool = False
    submission: str | None = None
