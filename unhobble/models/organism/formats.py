"""The installed tool formats, as an organism sees them: recognised by their instructions, read strictly and leniently."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from unhobble.messages import Message, ModelAnswer, ToolCall, ToolSpec, Usage
from unhobble.protocols import ToolFormat
from unhobble.registry import installed
from unhobble.tools import TOOLS
from unhobble.vocabulary import PluginKind

CHARACTERS_PER_TOKEN = 4
"""The organisms' tokenizer: a token is four characters, and what is left over."""


@dataclass(frozen=True)
class KnownFormat:
    """A tool format: ``variants`` are its readings from the strictest to the most lenient, ``instructions`` its words."""

    id: str
    variants: tuple[ToolFormat, ...]
    instructions: str

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


@cache
def known_formats() -> tuple[KnownFormat, ...]:
    """Every installed tool format, by id. Formats with a parameter ``strict`` are read both ways."""
    found = []
    for plugin in installed().all(PluginKind.tool_format):
        settings = [{"strict": True}, {"strict": False}] if "strict" in plugin.config.model_fields else [{}]
        variants = tuple(plugin.build(plugin.config.model_validate(setting)) for setting in settings)
        found.append(KnownFormat(plugin.id, variants, variants[0].instructions(TOOLS)))
    return tuple(found)


def format_of(texts: Sequence[str], tools: Sequence[ToolSpec]) -> KnownFormat | None:
    """The format a request asks for: native where it carries tools, else the one whose instructions stand in ``texts``."""
    if tools:
        return next((known for known in known_formats() if known.native), None)
    return next((known for text in texts if (known := _format_in(text))), None)


@lru_cache(maxsize=512)
def _format_in(text: str) -> KnownFormat | None:
    fits = [known for known in known_formats() if not known.native and known.instructions in text]
    return max(fits, key=lambda known: len(known.instructions), default=None)


@lru_cache(maxsize=4096)
def read_own(known: KnownFormat, message: Message, *, cut: bool) -> Reading:
    """What an own earlier answer was, read as its scaffold may have read it."""
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
        parsed = variant.parse(answer, TOOLS)
        if parsed.calls:
            return Reading(parsed.calls[0], tuple(problems))
        problems += [parsed.problem.message] if parsed.problem else []
    return Reading(None, tuple(problems))
