"""What an organism answers: a pure function of the request, its traits and its knowledge. No memory, no clock, no generator."""

from dataclasses import dataclass

from unhobble.cues import RATING_LABEL
from unhobble.messages import Message, ModelRequest, NativeCall, ToolCall
from unhobble.models.organism.draws import Draws
from unhobble.models.organism.formats import CHARACTERS_PER_TOKEN, is_cut
from unhobble.models.organism.knowledge import Knowledge, KnownTask
from unhobble.models.organism.reading import Situation, Wanted, read, shows_all_steps
from unhobble.models.organism.slips import slips
from unhobble.models.organism.traits import Traits
from unhobble.tools import BASH, SUBMIT

_UNKNOWN_TASK = (
    "I am a simulated model and know only the tasks of the built-in suites; the instruction of none of them stands in this "
    "conversation."
)
_REFUSAL = "I'm sorry, but I can't help with this request."
_WRONG_COMMANDS = ("ls -la", "pwd; id", "ls /usr/local/bin | head")
_GOOD_RATING, _BAD_RATING, _RATINGS = 9, 2, 11


@dataclass(frozen=True)
class Reply:
    """What a model answers, before it is billed. ``finish_reason`` is one of OpenAI's: stop, tool_calls, length."""

    content: str
    tool_calls: tuple[NativeCall, ...]
    finish_reason: str


@dataclass(frozen=True)
class _Move:
    """A call to be made: the tool, its only argument, and a thought before it."""

    tool: str
    argument: str
    thought: str


@dataclass(frozen=True)
class _Turn:
    """One answer in the making."""

    request: ModelRequest
    situation: Situation
    task: KnownTask
    traits: Traits
    draws: Draws


def answer(request: ModelRequest, traits: Traits, knowledge: Knowledge) -> Reply:
    """The organism's answer to ``request``; the same answer whenever it is asked."""
    situation = read(request, knowledge)
    if situation.task is None:
        return _finished(_said(_UNKNOWN_TASK), request)
    turn = _Turn(request, situation, situation.task, traits, Draws(request.seed, situation.task.id))
    return _finished(_message(turn), request)


def _message(turn: _Turn) -> Message:
    situation, traits = turn.situation, turn.traits
    if situation.wanted is Wanted.rating:
        return _said(_rating(turn))
    if not situation.authorised and turn.draws.uniform("refusal") < traits.refusal:
        return _said(_REFUSAL)
    if situation.wanted is Wanted.plan or turn.request.tool_choice == "none":
        return _said(_plan(turn.task))
    return _written(_move(turn), turn)


def _move(turn: _Turn) -> _Move:
    """The next call."""
    draws, progress, steps = turn.draws, turn.situation.progress, turn.task.steps
    if progress.done == len(steps):
        return _Move(SUBMIT.name, "The work is done.", "Everything is in place.")
    # One draw a conversation: only what changes its odds on the way (a slip, a cue) can turn it.
    fails = draws.uniform("success") >= _p_success(turn)
    if fails and progress.done >= draws.below(len(steps), "stray"):
        if progress.strayed > draws.below(len(_WRONG_COMMANDS), "wrong commands"):
            return _Move(SUBMIT.name, "This should be it.", "That looks right to me.")
        return _Move(BASH.name, _WRONG_COMMANDS[progress.strayed], "Let me look around.")
    share = turn.traits.persistence if turn.situation.persisting else 1.0
    if draws.uniform("early stop", progress.answers) < turn.traits.early_stop * share:
        return _Move(SUBMIT.name, "I stop here.", "This should be enough.")
    return _Move(BASH.name, steps[progress.done], f"Step {progress.done + 1} of {len(steps)}.")


def _p_success(turn: _Turn) -> float:
    """Probability that the conversation as it stands leads to a solution, unreadable calls and early ends to come aside."""
    return turn.traits.p_success(
        turn.task.human_minutes,
        planned=turn.situation.planned,
        verifying=turn.situation.verifying,
        temperature=turn.request.temperature,
        unreadable=turn.situation.progress.unreadable,
    )


def _written(move: _Move, turn: _Turn) -> Message:
    """The call as a message: well-formed, or with a slip, or as prose where no tool format is recognised."""
    tool_format, number = turn.situation.tool_format, turn.situation.progress.answers
    if tool_format is None:
        return _said(f"{move.thought} I would use {move.tool}:\n\n    {move.argument}")
    parameter = next(iter((BASH if move.tool == BASH.name else SUBMIT).parameters["properties"]))
    call = ToolCall(id=f"call_{number + 1}", name=move.tool, arguments={parameter: move.argument})
    if turn.draws.uniform("fluency", number) < turn.traits.fluency(tool_format.id):
        return tool_format.write(call, move.thought)
    return turn.draws.choose(slips(tool_format, call, move.thought), "slip", number)()


def _plan(task: KnownTask) -> str:
    steps = [f"{number}. Carry out part {number} and look at what it gives." for number in range(1, len(task.steps) + 1)]
    return "\n".join([*steps, f"{len(steps) + 1}. Check the result and hand it in."])


def _rating(turn: _Turn) -> str:
    """A rating of the attempt in the conversation, which tells its quality with probability ``rating_skill``."""
    messages, progress = turn.request.messages, turn.situation.progress
    seen = "\0".join(message.content for message in messages)  # attempts rated under one seed are still judged one by one
    if progress.answers and turn.situation.tool_format is not None:
        good = progress.done == len(turn.task.steps)
    else:
        good = shows_all_steps(messages, turn.task)
    rating = _GOOD_RATING if good else _BAD_RATING
    if turn.draws.uniform(f"skill in rating {seen}") >= turn.traits.rating_skill:
        rating = turn.draws.below(_RATINGS, f"rating {seen}")
    return f"{RATING_LABEL} {rating}"


def _said(text: str) -> Message:
    return Message(role="assistant", content=text)


def _finished(message: Message, request: ModelRequest) -> Reply:
    """The message as far as stop sequences and the token limit let it come."""
    content, calls = message.content, message.tool_calls
    for stop in request.stop:
        content = content.partition(stop)[0]
    if not is_cut(len(content) + sum(len(call.arguments) for call in calls), request.max_tokens):
        return Reply(content, calls, "tool_calls" if calls else "stop")
    room = request.max_tokens * CHARACTERS_PER_TOKEN
    content, kept = content[:room], list[NativeCall]()
    room -= len(content)
    for call in calls:
        kept.append(call.model_copy(update={"arguments": call.arguments[:room]}))
        room -= len(kept[-1].arguments)
    return Reply(content, tuple(kept), "length")
