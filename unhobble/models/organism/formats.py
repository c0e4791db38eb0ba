"""The installed tool formats and tools, as an organism sees them: recognised by their words, read strictly and leniently."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from unhobble.messages import Message, ModelAnswer, ModelRequest, ToolCall, ToolSpec, Usage
from unhobble.protocols import ToolFormat
from unhobble.registry import installed
from unhobble.tools import SUBMIT, TOOLS
from unhobble.vocabulary import PluginKind

CHARACTERS_PER_TOKEN = 4
"""The organisms' tokenizer: a token is four characters, and what is left over."""


@dataclass(frozen=True)
class KnownFormat:
    """A tool format: ``variants`` are its readings from the strictest to the most lenient, ``heading`` its first words."""

    id: str
    variants: tuple[ToolFormat, ...]
    heading: str

    @property
    def native(self) -> bool:
        """Whether calls travel beside the text."""
        return self.variants[0].native

    def write(self, call: ToolCall, thought: str) -> Message:
        """``call`` as it should be written."""
        return self.variants[0].write_call(call, thought)


@dataclass(frozen=True)
class Reading:
    """What an own answer was: the call it made in any reading, and the problems that stricter readings have with it."""

    call: ToolCall | None
    problems: tuple[str, ...]


def is_cut(characters: int, max_tokens: int) -> bool:
    """Whether an answer of so many characters was cut by its token limit."""
    return characters >= max_tokens * CHARACTERS_PER_TOKEN


def input_tokens(request: ModelRequest) -> int:
    """Tokens of a request: its messages and calls, and the tools that it carries."""
    characters = sum(len(message.content) for message in request.messages)
    characters += sum(len(call.name) + len(call.arguments) for message in request.messages for call in message.tool_calls)
    characters += sum(len(json.dumps(tool.parameters)) + len(tool.description) for tool in request.tools)
    return characters // CHARACTERS_PER_TOKEN + 4 * len(request.messages) + 1


@cache
def known_formats() -> tuple[KnownFormat, ...]:
    """Every installed tool format, by id. Formats with a parameter ``strict`` are read both ways."""
    found = []
    for plugin in installed().all(PluginKind.tool_format):
        settings = [{"strict": True}, {"strict": False}] if "strict" in plugin.config.model_fields else [{}]
        variants = tuple(plugin.build(plugin.config.model_validate(setting)) for setting in settings)
        found.append(KnownFormat(plugin.id, variants, variants[0].instructions(TOOLS).partition("\n")[0]))
    return tuple(found)


@cache
def known_tools() -> dict[str, ToolSpec]:
    """Every tool of the installed tool sets, and ``submit``, by name."""
    sets = [plugin.build(plugin.config()) for plugin in installed().all(PluginKind.tool_set)]
    return {SUBMIT.name: SUBMIT} | {tool.spec.name: tool.spec for one in sets for tool in one.tools}


def format_called(name: str) -> KnownFormat | None:
    """The installed format with that id."""
    return next((known for known in known_formats() if known.id == name), None)


def format_of(texts: Sequence[str], tools: Sequence[ToolSpec]) -> KnownFormat | None:
    """The format a request asks for: the native one that presents its tools so, else the one whose heading is in ``texts``."""
    if tools:
        natives = [known for known in known_formats() if known.native]
        alike = (known for known in natives if known.variants[0].present(_by_name(tools)) == tuple(tools))
        return next(alike, next(iter(natives), None))
    return next((known for text in texts if (known := _format_in(text))), None)


def tools_of(texts: Sequence[str], tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    """The known tools that a request offers, in its order: those it carries, else those described in ``texts``."""
    if tools:
        return _by_name(tools)
    everything = "\n".join(texts)
    places = {name: everything.find(tool.description) for name, tool in known_tools().items()}
    return tuple(known_tools()[name] for name in sorted(places, key=places.__getitem__) if places[name] >= 0)


def _by_name(tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    return tuple(known for tool in tools if (known := known_tools().get(tool.name)))


@lru_cache(maxsize=512)
def _format_in(text: str) -> KnownFormat | None:
    lines = set(text.split("\n"))
    return next((known for known in known_formats() if known.heading and known.heading in lines), None)


@lru_cache(maxsize=4096)
def read_own(known: KnownFormat, message: Message, tools: tuple[str, ...], *, cut: bool) -> Reading:
    """What an own earlier answer was, read as its scaffold may have read it; ``tools`` are the names of those it had."""
    offered = [known_tools()[name] for name in tools]
    answer = ModelAnswer(
        content=message.content,
        tool_calls=message.tool_calls,
        finish_reason="length" if cut else "stop",
        usage=Usage(),
        cost_usd=None,
        model="",
    )
    problems: list[str] = []
    for variant in known.variants:
        parsed = variant.parse(answer, offered)
        if parsed.calls:
            return Reading(parsed.calls[0], tuple(problems))
        problems += [parsed.problem.message] if parsed.problem else []
    return Reading(None, tuple(problems))
