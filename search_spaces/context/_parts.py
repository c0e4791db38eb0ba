"""What context strategies share: the parts of a conversation, and how something is left out of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from unhobble.cues import NOT_SHOWN
from unhobble.messages import Message


@dataclass(frozen=True)
class Parts:
    """A conversation: what it was opened with, up to the task, then exchanges.

    An exchange is an answer of the model and all that it was told of it. Native calls and their answers are in one exchange, so
    that whatever consists of whole exchanges is a conversation that providers take.
    """

    opening: tuple[Message, ...]
    exchanges: tuple[tuple[Message, ...], ...]


def split(messages: Sequence[Message], opening: int) -> Parts:
    """The parts of ``messages``. An ``opening`` that ends within an exchange is extended to that exchange's end."""
    while opening < len(messages) and messages[opening].role != "assistant":
        opening += 1
    exchanges: list[list[Message]] = []
    for message in messages[opening:]:
        if message.role == "assistant":
            exchanges.append([])
        exchanges[-1].append(message)
    return Parts(tuple(messages[:opening]), tuple(tuple(exchange) for exchange in exchanges))


def noted(opening: Sequence[Message], text: str) -> list[Message]:
    """``opening`` with ``text`` after it: in the message that sets the task, so that roles alternate as they did."""
    if opening and opening[-1].role == "user":
        last = opening[-1]
        return [*opening[:-1], last.model_copy(update={"content": f"{last.content}\n\n{text}"})]
    return [*opening, Message(role="user", content=text)]


def joined(exchanges: Sequence[Sequence[Message]]) -> list[Message]:
    """The messages of ``exchanges``."""
    return [message for exchange in exchanges for message in exchange]


def not_shown(count: int) -> str:
    """The words that stand for ``count`` messages after the opening."""
    return f"[{count} {NOT_SHOWN} The conversation goes on after them.]"


def window(parts: Parts, turns: int) -> tuple[list[Message], list[Message]]:
    """The messages of the last ``turns`` exchanges, and those of the exchanges before them."""
    return joined(parts.exchanges[-turns:]), joined(parts.exchanges[:-turns])


def cut(text: str, head: int, tail: int) -> str:
    """The first ``head`` and the last ``tail`` characters of ``text`` and how many are left out, where that is shorter."""
    left_out = f"\n[{len(text) - head - tail} characters are left out here]\n"
    if len(text) <= head + tail + len(left_out):
        return text
    return text[:head] + left_out + text[len(text) - tail :]


def characters(messages: Sequence[Message]) -> int:
    """Characters of all that the model reads in ``messages``."""
    calls = sum(len(call.name) + len(call.arguments) for message in messages for call in message.tool_calls)
    return calls + sum(len(message.content) for message in messages)
