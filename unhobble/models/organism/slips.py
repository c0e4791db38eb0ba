"""How a model that is not fluent in a tool format gets a call wrong."""

from collections.abc import Mapping

from unhobble.messages import Message, NativeCall, ToolCall
from unhobble.models.organism.formats import KnownFormat
from unhobble.models.organism.traits import SlipKind

_SHORT_LINE = 12
_WRONG_NAMES = {"bash": "run_shell", "python": "run_code", "submit": "finish_task"}


def slipped(kind: SlipKind, tool_format: KnownFormat, call: ToolCall, thought: str) -> Message:
    """``call`` as it comes out wrong in the way of ``kind``."""
    match kind:
        case SlipKind.unfinished:
            return _unfinished(tool_format.write(call, thought))
        case SlipKind.bare:
            return _unfinished(tool_format.write(call, ""))
        case SlipKind.capitalised:
            return _renamed(tool_format.write(call, thought), call.name, call.name.capitalize())
        case SlipKind.wrong_tool:
            return _renamed(tool_format.write(call, thought), call.name, _WRONG_NAMES[call.name])
        case SlipKind.no_arguments:
            return tool_format.write(call.model_copy(update={"arguments": {}}), thought)
        case SlipKind.prose:
            return Message(role="assistant", content=f"{thought} I will do that with the tool now and then go on.")


def slip_at(share: float, weights: Mapping[SlipKind, float]) -> SlipKind:
    """The kind that ``share``, a number in [0, 1), falls on where each kind has a part of the line as long as its weight."""
    kinds = [kind for kind, weight in weights.items() if weight]
    left = share * sum(weights.values())
    for kind in kinds:
        left -= weights[kind]
        if left < 0:
            return kind
    return kinds[-1]


def _unfinished(message: Message) -> Message:
    """Without its very end: the closing tag or fence, where that has a line of its own, else the last character."""
    if message.tool_calls:
        return _with_call(message, arguments=message.tool_calls[0].arguments[:-1])
    rest, _, last = message.content.rpartition("\n")
    content = rest if rest and len(last) <= _SHORT_LINE else message.content[:-1]
    return message.model_copy(update={"content": content})


def _renamed(message: Message, name: str, other: str) -> Message:
    if message.tool_calls:
        return _with_call(message, name=other)
    return message.model_copy(update={"content": message.content.replace(name, other, 1)})


def _with_call(message: Message, **changes: str) -> Message:
    call: NativeCall = message.tool_calls[0]
    return message.model_copy(update={"tool_calls": (call.model_copy(update=changes),)})
