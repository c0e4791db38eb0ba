"""What a request tells an organism, which has no memory: all it knows is in the messages, as for any model."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from unhobble.cues import (
    ADVISE_REQUEST,
    AUTHORISED,
    CHECK_REQUEST,
    CHOOSE_REQUEST,
    HINTS_HEADING,
    NOT_SHOWN,
    OPTION_HEADING,
    PERSIST,
    PLAN_ACCEPTED,
    PLAN_REQUEST,
    RATE_REQUEST,
    RATE_STEP_REQUEST,
    REFLECT_REQUEST,
    REFLECTIONS_HEADING,
    SUMMARY_REQUEST,
    VERDICT_LABEL,
    VERIFY,
)
from unhobble.messages import Message, ModelRequest, ToolSpec
from unhobble.models.organism.formats import KnownFormat, format_of, is_cut, read_own, tools_of
from unhobble.models.organism.knowledge import Knowledge, KnownTask
from unhobble.models.organism.traits import Cue
from unhobble.models.organism.work import shows, work_call
from unhobble.tools import SUBMIT

MEMORY = "Steps carried out so far: {done} of {total}."
"""What an organism writes into a summary, and goes by where the messages before it are gone."""

PLAN_OPENING = "1. Carry out part 1"
"""How its plans begin, by which it knows that one was written."""

_REMEMBERED = re.compile(re.escape(MEMORY).replace(r"\{done\}", r"(\d+)").replace(r"\{total\}", r"\d+"))
_HIDDEN = re.compile(r"(\d+) " + re.escape(NOT_SHOWN))
_OBJECTION = f"{VERDICT_LABEL} no"
_CUES = {
    Cue.verifying: VERIFY,
    Cue.persisting: PERSIST,
    Cue.authorised: AUTHORISED,
    Cue.reflecting: REFLECTIONS_HEADING,
    Cue.hinted: HINTS_HEADING,
    Cue.planned: PLAN_ACCEPTED,
    Cue.abridged: NOT_SHOWN,
}
_OPTION = re.compile("^" + re.escape(OPTION_HEADING).replace(r"\{number\}", r"(\d+)") + "$", re.MULTILINE)


class Wanted(StrEnum):
    """What is asked for."""

    act = "act"
    plan = "plan"
    rating = "rating"
    step_rating = "step_rating"
    choice = "choice"
    verdict = "verdict"
    summary = "summary"


_REQUESTS = {
    RATE_REQUEST: Wanted.rating,
    RATE_STEP_REQUEST: Wanted.step_rating,
    CHOOSE_REQUEST: Wanted.choice,
    CHECK_REQUEST: Wanted.verdict,
    SUMMARY_REQUEST: Wanted.summary,
    PLAN_REQUEST: Wanted.plan,
}
_ANSWERED_IN_WORDS = (*_REQUESTS, REFLECT_REQUEST, ADVISE_REQUEST)
"""Requests whose answers are no calls, and no failed ones either."""


@dataclass(frozen=True)
class Progress:
    """What came of the own answers since the task was set.

    ``done`` counts the reference steps that were carried out, in order; ``tries`` the answers since the last of them, and
    ``strayed`` those of them that made other commands; ``unreadable`` the answers that were meant as calls and not carried out;
    ``objections`` how often the work was found wanting by its own check; ``answers`` all answers.

    Where earlier messages are not shown any more, ``done`` goes by the first step that is shown, else by its own summary; ``tries``
    counts each message that is missing, so that no two answers have the same number; the rest counts what is shown.
    """

    done: int = 0
    tries: int = 0
    strayed: int = 0
    unreadable: int = 0
    objections: int = 0
    answers: int = 0


@dataclass(frozen=True)
class Situation:
    """All that an organism goes by. ``task`` and ``tool_format`` are None where it does not recognise them.

    ``features`` are the conditions that hold, in the words of ``traits.Effect``.
    """

    wanted: Wanted
    task: KnownTask | None
    tool_format: KnownFormat | None
    tools: tuple[ToolSpec, ...]
    progress: Progress
    features: frozenset[str]


def read(request: ModelRequest, knowledge: Knowledge) -> Situation:
    """What ``request`` tells. Pure."""
    messages = request.messages
    place, task = _task(messages, knowledge)
    opening = [message.content for message in messages[: place + 1] if message.role in ("system", "user")]
    tool_format, tools = format_of(opening, request.tools), tools_of(opening, request.tools)
    return Situation(
        wanted=_wanted(messages),
        task=task,
        tool_format=tool_format,
        tools=tools,
        progress=_progress(messages, place + 1, task, tool_format, tools, request.max_tokens),
        features=frozenset(_features(request, place, tool_format, tools)),
    )


def shows_solution(messages: Sequence[Message], task: KnownTask) -> bool:
    """Whether the solution stands somewhere in ``messages``, as it is or in JSON: for attempts shown as text.

    That is every reference step; of a question, what is to be handed in.
    """
    text = "\n".join(message.content for message in messages)
    return all(shows(part, text) for part in task.steps or (task.submission,))


def shows_next_step(text: str, situation: Situation) -> bool:
    """Whether ``text``, a proposal, does what is to be done next."""
    assert situation.task is not None
    steps, done = situation.task.steps, situation.progress.done
    if done < len(steps):
        return shows(steps[done], text)
    return SUBMIT.name in text and (bool(steps) or shows(situation.task.submission, text))


def options(text: str) -> list[str]:
    """The numbered proposals in ``text``, in order."""
    parts = _OPTION.split(text.partition(CHOOSE_REQUEST)[0])
    return parts[2::2]


def _task(messages: Sequence[Message], knowledge: Knowledge) -> tuple[int, KnownTask | None]:
    """The last user message that sets a known task, and the task; the last message and None where there is none."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].role == "user" and (task := knowledge.find(messages[place].content)):
            return place, task
    return len(messages) - 1, None


def _wanted(messages: Sequence[Message]) -> Wanted:
    """What the last message asks for; of several requests in it, the one that stands last."""
    last = messages[-1].content if messages else ""
    places = {wanted: last.rfind(request) for request, wanted in _REQUESTS.items()}
    latest = max(places, key=places.__getitem__)
    return latest if places[latest] >= 0 else Wanted.act


def _features(request: ModelRequest, place: int, tool_format: KnownFormat | None, tools: Sequence[ToolSpec]) -> Iterator[str]:
    """The conditions that hold in ``request``, whose task stands in the message at ``place``."""
    heard = [message.content for message in request.messages if message.role != "assistant"]
    own = [message.content for message in request.messages if message.role == "assistant"]
    yield from (cue for cue, sentence in _CUES.items() if any(sentence in text for text in heard))
    if any(PLAN_OPENING in text for text in own):
        yield Cue.planned
    if any(message.role == "assistant" for message in request.messages[:place]):
        yield Cue.shown
    if tool_format is not None:
        yield f"tool_format={tool_format.id}"
    yield from (f"tool={tool.name}" for tool in tools)
    if request.reasoning_effort is not None:
        yield f"effort={request.reasoning_effort}"


def _progress(
    messages: Sequence[Message],
    start: int,
    task: KnownTask | None,
    tool_format: KnownFormat | None,
    tools: Sequence[ToolSpec],
    max_tokens: int,
) -> Progress:
    """Walk the own answers in ``messages`` from ``start`` on, which is after the task."""
    own = [place for place in range(start, len(messages)) if messages[place].role == "assistant"]
    objections = sum(_OBJECTION in messages[place].content for place in own)
    if task is None or tool_format is None or not tools:
        return Progress(objections=objections, answers=len(own))
    names = tuple(tool.name for tool in tools)
    calls = _step_arguments(task.steps, names)
    done = min(_remembered(messages), len(calls))
    first_shown = True
    tries = strayed = unreadable = 0
    for place, following in pairwise([*own, len(messages)]):
        message = messages[place]
        size = len(message.content) + sum(len(call.arguments) for call in message.tool_calls)
        reading = read_own(tool_format, message, names, cut=is_cut(size, max_tokens))
        if reading.call is None and any(request in messages[place - 1].content for request in _ANSWERED_IN_WORDS):
            continue  # words; what follows the request may also be a call, where the words themselves are not shown any more
        told = [reply.content for reply in messages[place + 1 : following]]
        # A stricter reader than the one that found the call has said so, in the words that the strict reading gives here.
        refused = any(problem in text for problem in reading.problems for text in told)
        tries += 1
        if reading.call is None or refused:
            unreadable += 1
        elif reading.call.arguments in (calls if first_shown else calls[done : done + 1]):
            # Those before the first that is shown must have been done, though they are not shown any more.
            done, tries, strayed, first_shown = calls.index(reading.call.arguments) + 1, 0, 0, False
        elif reading.call.name != SUBMIT.name:
            strayed += 1
    notices = (message.content for message in messages[:start] if NOT_SHOWN in message.content)
    hidden = [int(found[1]) for notice in notices for found in _HIDDEN.finditer(notice)]
    return Progress(done, tries + sum(hidden), strayed, unreadable, objections, len(own))


@lru_cache(maxsize=1024)
def _step_arguments(steps: tuple[str, ...], tools: tuple[str, ...]) -> list[Mapping[str, object]]:
    """The arguments of the calls that carry ``steps`` out, with the tools of those names."""
    return [work_call(step, tools).arguments for step in steps]


def _remembered(messages: Sequence[Message]) -> int:
    """How many steps a summary of an earlier part of the conversation says were done."""
    told = [found[1] for message in messages if message.role == "user" for found in _REMEMBERED.finditer(message.content)]
    return int(told[-1]) if told else 0
