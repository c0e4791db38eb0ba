"""The common part of the formats that write calls into the text of an answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from search_spaces.tool_formats._schema import (
    FormatConfig,
    RawCall,
    ReadingError,
    checked,
    describe,
    example_arguments,
    refuse_truncated,
)
from unhobble.messages import (
    FormatProblem,
    FormatProblemCode,
    Message,
    ModelAnswer,
    ParsedAnswer,
    ToolCall,
    ToolOutcome,
    ToolSpec,
)


class TextFormat(ABC):
    """``protocols.ToolFormat`` for calls in text. All calls of an answer are read, in order, or none.

    Calls have no ids of their own here: they are numbered ``call_1``, ``call_2``, ... within their answer.
    """

    native: bool = False
    stop: tuple[str, ...] = ()

    def __init__(self, config: FormatConfig) -> None:
        self._strict = config.strict

    @abstractmethod
    def rules(self) -> str:
        """How a call is written, in words; begins with a heading that no other format has."""

    @abstractmethod
    def raw_calls(self, content: str, tools: Sequence[ToolSpec]) -> Iterable[RawCall]:
        """The calls in ``content``. Raises ``ReadingError``; takes time linear in its length."""

    @abstractmethod
    def write(self, name: str, arguments: Mapping[str, object]) -> str:
        """A call as text that ``raw_calls`` reads back."""

    def harmless(self, thought: str) -> str:
        """``thought`` so that nothing in it can be read as a call."""
        return thought

    def instructions(self, tools: Sequence[ToolSpec]) -> str:
        """See ``protocols.ToolFormat``."""
        examples = "\n\n".join(self._expected(tool) for tool in tools)
        return f"{self.rules()}\n\nThe tools:\n{describe(tools)}\n\nFor example:\n\n{examples}"

    def parse(self, answer: ModelAnswer, tools: Sequence[ToolSpec]) -> ParsedAnswer:
        """See ``protocols.ToolFormat``."""
        try:
            refuse_truncated(answer)
            calls, repairs = [], 0
            for place, raw in enumerate(self.raw_calls(answer.content, tools), start=1):
                call, mended = checked(raw, tools, f"call_{place}", strict=self._strict)
                calls.append(call)
                repairs += mended
            if not calls:
                raise ReadingError(FormatProblemCode.no_call, "Your answer holds no tool call.")
        except ReadingError as fault:
            return ParsedAnswer(problem=fault.problem(self._expected(fault.tool or tools[0])))
        return ParsedAnswer(calls=tuple(calls), repairs=repairs)

    def write_call(self, call: ToolCall, thought: str = "") -> Message:
        """See ``protocols.ToolFormat``."""
        parts = [self.harmless(thought), self.write(call.name, call.arguments)]
        return Message(role="assistant", content="\n\n".join(part for part in parts if part))

    def write_outcome(self, call: ToolCall, outcome: ToolOutcome) -> Message:
        """See ``protocols.ToolFormat``."""
        return Message(role="user", content=f"Result of {call.name}:\n{outcome.text}")

    def write_problem(self, problem: FormatProblem) -> Message:
        """See ``protocols.ToolFormat``."""
        return Message(role="user", content=problem.message)

    def _expected(self, tool: ToolSpec) -> str:
        return self.write(tool.name, example_arguments(tool))
