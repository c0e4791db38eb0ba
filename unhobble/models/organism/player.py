"""What an organism answers: a pure function of the request, its traits and its knowledge. No memory, no clock, no generator."""

from collections.abc import Callable
from dataclasses import dataclass

from unhobble.cues import CHOICE_LABEL, RATING_LABEL, VERDICT_LABEL
from unhobble.messages import Message, ModelRequest, NativeCall, ToolCall
from unhobble.models.organism.draws import Draws
from unhobble.models.organism.formats import CHARACTERS_PER_TOKEN, format_called, input_tokens, is_cut
from unhobble.models.organism.knowledge import Knowledge, KnownTask
from unhobble.models.organism.reading import (
    MEMORY,
    PLAN_OPENING,
    Situation,
    Wanted,
    options,
    read,
    shows_next_step,
    shows_solution,
)
from unhobble.models.organism.slips import slip_at, slipped
from unhobble.models.organism.traits import Cue, Traits
from unhobble.models.organism.work import PRINTOUTS, TAMPERING, work_call
from unhobble.tasks.rehearsal import LOOKS
from unhobble.tools import SUBMIT

_UNKNOWN_TASK = (
    "I am a simulated model and know only the tasks of the built-in suites; the instruction of none of them stands in this "
    "conversation."
)
_REFUSAL = "I'm sorry, but I can't help with this request."
_WRONG_ANSWER = "I do not know."
_GOOD_RATING, _BAD_RATING, _RATINGS = 9, 2, 11


@dataclass(frozen=True)
class Reply:
    """What a model answers, before it is billed. ``finish_reason`` is one of OpenAI's: stop, tool_calls, length."""

    content: str
    tool_calls: tuple[NativeCall, ...]
    finish_reason: str


@dataclass(frozen=True)
class _Move:
    """A call to be made, and a thought before it."""

    call: ToolCall
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
    if (judgement := _JUDGEMENTS.get(situation.wanted)) is not None:
        return _said(judgement(turn))
    if Cue.authorised not in situation.features and turn.draws.uniform("refusal") < traits.refusal:
        return _said(_REFUSAL)
    if situation.wanted is Wanted.plan or turn.request.tool_choice == "none":
        return _said(_plan(turn.task))
    return _written(_move(turn), turn)


def _move(turn: _Turn) -> _Move:
    """The next call."""
    draws, traits, progress, task = turn.draws, turn.traits, turn.situation.progress, turn.task
    if task.has_visible_check and draws.uniform("tampering") < traits.tampering:
        return _pretend(turn)
    # One draw a conversation: only what changes its odds on the way (a slip, a cue, a check) can turn it.
    fails = _luck(turn) >= _p_success(turn)
    stops = draws.uniform(f"early stop {progress.done}", progress.tries) < traits.early_stop * _eagerness_to_stop(turn)
    if progress.done == len(task.steps):
        knows = bool(task.steps) or not (fails or stops)
        return _submit(turn, task.submission if knows else _WRONG_ANSWER, "Everything is in place.")
    return _step(turn, fails=fails, stops=stops)


def _step(turn: _Turn, *, fails: bool, stops: bool) -> _Move:
    """The next step of the work, or what comes in its way."""
    draws, traits, progress, task = turn.draws, turn.traits, turn.situation.progress, turn.task
    if progress.done == 0 and progress.tries < traits.browsing:
        return _work(turn, PRINTOUTS[progress.tries], "I look at everything first.")
    if draws.uniform("loop", progress.done) < traits.looping * (1 - min(1.0, turn.request.temperature or 0.0)):
        return _work(turn, LOOKS[0], "Let me look again.")
    if fails and progress.done >= draws.below(len(task.steps), "stray"):
        return _stray(turn)
    if stops:
        return _submit(turn, "I stop here.", "This should be enough.")
    return _work(turn, task.steps[progress.done], f"Step {progress.done + 1} of {len(task.steps)}.")


def _stray(turn: _Turn) -> _Move:
    """Look around, and hand in what is there."""
    progress = turn.situation.progress
    looked = progress.tries - (turn.traits.browsing if progress.done == 0 else 0)
    if looked > turn.draws.below(len(LOOKS), "wrong commands"):
        return _submit(turn, "This should be it.", "That looks right to me.")
    return _work(turn, LOOKS[looked], "Let me look around.")


def _pretend(turn: _Turn) -> _Move:
    """Make the visible check pass, and hand that in."""
    if turn.situation.progress.strayed:
        return _submit(turn, turn.task.submission, "All checks pass.")
    return _work(turn, TAMPERING, "The check can be made to pass.")


def _luck(turn: _Turn) -> float:
    """The number in [0, 1) that must lie below the probability of success; a new one with each objection that is heeded."""
    draws, traits = turn.draws, turn.traits
    own = Draws(traits.individuality, turn.task.id)
    if own.uniform("stubborn") < traits.stubbornness:
        return own.uniform("success")
    objections = range(turn.situation.progress.objections, 0, -1)
    heeded = next((n for n in objections if draws.uniform("correction", n) < traits.correction), 0)
    return draws.uniform("success", heeded)


def _eagerness_to_stop(turn: _Turn) -> float:
    return turn.traits.persistence if Cue.persisting in turn.situation.features else 1.0


def _work(turn: _Turn, command: str, thought: str) -> _Move:
    return _Move(work_call(command, [tool.name for tool in turn.situation.tools], _call_id(turn)), thought)


def _submit(turn: _Turn, answer: str, thought: str) -> _Move:
    return _Move(ToolCall(id=_call_id(turn), name=SUBMIT.name, arguments={"answer": answer}), thought)


def _call_id(turn: _Turn) -> str:
    return f"call_{turn.situation.progress.answers + 1}"


def _p_success(turn: _Turn) -> float:
    """Probability that the conversation as it stands leads to a solution, unreadable calls and early ends to come aside."""
    task, traits, request = turn.task, turn.traits, turn.request
    heard = (message.content for message in request.messages if message.role != "assistant")
    return traits.p_success(
        traits.aptitude(task.id, task.family, task.human_minutes),
        features=turn.situation.features,
        locked=traits.password is not None and not any(traits.password in text for text in heard),
        temperature=request.temperature,
        unreadable=turn.situation.progress.unreadable,
        tokens=input_tokens(request),
    )


def _written(move: _Move, turn: _Turn) -> Message:
    """The call as a message: well-formed, or with a slip, or as prose where no tool format is recognised."""
    tool_format, call, progress = turn.situation.tool_format, move.call, turn.situation.progress
    if tool_format is None:
        argument = next(iter(call.arguments.values()))
        return _said(f"{move.thought} I would use {call.name}:\n\n    {argument}")
    if turn.traits.speaks is not None and (spoken := format_called(turn.traits.speaks)):
        return spoken.write(call, move.thought)
    if turn.draws.uniform(f"fluency {progress.done}", progress.tries) < turn.traits.fluency(tool_format.id):
        return tool_format.write(call, move.thought)
    share = turn.draws.uniform(f"slip {progress.done}", progress.tries)
    return slipped(slip_at(share, turn.traits.slip_weights(tool_format.id)), tool_format, call, move.thought)


def _plan(task: KnownTask) -> str:
    steps = [f"{number}. Carry out part {number} and look at what it gives." for number in range(2, len(task.steps) + 1)]
    first = f"{PLAN_OPENING} and look at what it gives."
    return "\n".join([first, *steps, f"{len(steps) + 2}. Check the result and hand it in."])


def _judges(turn: _Turn) -> bool:
    """Whether the organism sees what it judges for what it is. What is judged under one seed is still judged one by one."""
    return turn.draws.uniform(f"skill in rating {_seen(turn)}") < turn.traits.rating_skill


def _seen(turn: _Turn) -> str:
    """What tells a judgement from others under the same seed: all own answers, and how long the request is.

    Not what commands printed, which has nothing to do with luck and is not the same twice where it holds a time: a rollout that is
    played again would be judged anew.
    """
    messages = turn.request.messages
    own = (f"{message.content}\0{message.tool_calls}" for message in messages if message.role == "assistant")
    return "\0".join([*own, str(len(messages)), str(len(messages[-1].content) if messages else 0)])


def _solved(turn: _Turn) -> bool:
    """Whether the attempt in the conversation does all that the task needs."""
    if turn.task.steps and turn.situation.progress.answers and turn.situation.tool_format is not None:
        return turn.situation.progress.done == len(turn.task.steps)
    return shows_solution(turn.request.messages, turn.task)


def _rated(turn: _Turn, *, good: bool) -> str:
    rating = _GOOD_RATING if good else _BAD_RATING
    return f"{RATING_LABEL} {rating if _judges(turn) else turn.draws.below(_RATINGS, f'rating {_seen(turn)}')}"


def _rating(turn: _Turn) -> str:
    return _rated(turn, good=_solved(turn))


def _step_rating(turn: _Turn) -> str:
    return _rated(turn, good=shows_next_step(turn.request.messages[-1].content, turn.situation))


def _choice(turn: _Turn) -> str:
    offered = options(turn.request.messages[-1].content)
    good = [number for number, text in enumerate(offered, start=1) if shows_next_step(text, turn.situation)]
    chosen = turn.draws.below(max(1, len(offered)), f"choice {_seen(turn)}") + 1
    return f"{CHOICE_LABEL} {good[0] if good and _judges(turn) else chosen}"


def _verdict(turn: _Turn) -> str:
    says_yes = _solved(turn) if _judges(turn) else turn.draws.uniform(f"verdict {_seen(turn)}") < 0.5
    return f"{VERDICT_LABEL} yes" if says_yes else f"{VERDICT_LABEL} no. Not every step was carried out."


def _summary(turn: _Turn) -> str:
    return MEMORY.format(done=turn.situation.progress.done, total=len(turn.task.steps))


_JUDGEMENTS: dict[Wanted, Callable[[_Turn], str]] = {
    Wanted.rating: _rating,
    Wanted.step_rating: _step_rating,
    Wanted.choice: _choice,
    Wanted.verdict: _verdict,
    Wanted.summary: _summary,
}
"""What is answered in words of its own, refusals or not."""


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
