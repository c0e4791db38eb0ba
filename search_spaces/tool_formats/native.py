"""Function calling through the provider's own interface, in the shape of OpenAI's chat completions.

https://platform.openai.com/docs/guides/function-calling: an answer has ``tool_calls``, each with an id, a name and a string
that should be a JSON object; each must be answered by a message of role ``tool`` with that id.
"""

from collections.abc import Sequence

from search_spaces.tool_formats._json import read_object
from search_spaces.tool_formats._schema import (
    FormatConfig,
    RawCall,
    ReadingError,
    checked,
    compact,
    example_arguments,
    refuse_truncated,
    single_text_parameter,
)
from unhobble.messages import (
    FormatProblem,
    FormatProblemCode,
    Message,
    ModelAnswer,
    NativeCall,
    ParsedAnswer,
    ToolCall,
    ToolOutcome,
    ToolSpec,
)


class Config(FormatConfig):
    """Parameters of native function calling."""


class NativeFormat:
    """``protocols.ToolFormat`` for function calling. All calls of an answer are read, in order, or none."""

    native: bool = True
    stop: tuple[str, ...] = ()

    def __init__(self, config: Config) -> None:
        self._strict = config.strict

    def instructions(self, tools: Sequence[ToolSpec]) -> str:  # noqa: ARG002  # the provider shows the tools to the model
        """Empty: the tools travel beside the messages."""
        return ""

    def parse(self, answer: ModelAnswer, tools: Sequence[ToolSpec]) -> ParsedAnswer:
        """See ``protocols.ToolFormat``."""
        call_id: str | None = None
        calls, repairs = [], 0
        try:
            refuse_truncated(answer)
            for native in answer.tool_calls:
                call_id = native.id
                call, mended = checked(self._raw(native, tools), tools, native.id, strict=self._strict)
                calls.append(call)
                repairs += mended
            if not calls:
                raise ReadingError(FormatProblemCode.no_call, "Your answer holds no tool call.")
        except ReadingError as fault:
            return ParsedAnswer(problem=fault.problem(_expected(fault.tool or tools[0]), call_id))
        return ParsedAnswer(calls=tuple(calls), repairs=repairs)

    def write_call(self, call: ToolCall, thought: str = "") -> Message:
        """See ``protocols.ToolFormat``."""
        native = NativeCall(id=call.id, name=call.name, arguments=compact(call.arguments))
        return Message(role="assistant", content=thought, tool_calls=(native,))

    def write_outcome(self, call: ToolCall, outcome: ToolOutcome) -> Message:
        """See ``protocols.ToolFormat``."""
        return Message(role="tool", content=outcome.text, tool_call_id=call.id)

    def write_problem(self, problem: FormatProblem) -> Message:
        """See ``protocols.ToolFormat``. Answers the call ``problem.call_id``, if there is one."""
        role = "user" if problem.call_id is None else "tool"
        return Message.model_validate({"role": role, "content": problem.message, "tool_call_id": problem.call_id})

    def _raw(self, call: NativeCall, tools: Sequence[ToolSpec]) -> RawCall:
        text = call.arguments
        if not text.strip():  # what several providers send for a call without arguments
            return RawCall(call.name, {})
        try:
            value, repairs = read_object(text, strict=self._strict)
        except ValueError as error:
            tool = next((tool for tool in tools if tool.name == call.name), None)
            if not self._strict and not text.lstrip().startswith("{") and tool and single_text_parameter(tool):
                return RawCall(call.name, text)
            reason = f"The arguments of {call.name[:80]} cannot be read: {error}."
            raise ReadingError(FormatProblemCode.bad_syntax, reason, tool=tool) from None
        return RawCall(call.name, value, repairs)


def _expected(tool: ToolSpec) -> str:
    return f"a function call, for example of {tool.name} with the arguments {compact(example_arguments(tool))}"


def build(config: Config) -> NativeFormat:
    """The format."""
    return NativeFormat(config)
