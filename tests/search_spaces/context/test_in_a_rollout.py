"""Strategies in the real rollout context, with organisms: what the view tells, and what is forgotten."""

import pytest

from tests.models.organism.playing import SURE, TASK, FakeTask, Spy, configuration, play
from unhobble.cues import SUMMARY_REQUEST
from unhobble.models.organism.knowledge import Knowledge
from unhobble.models.organism.reading import MEMORY
from unhobble.models.organism.traits import load_traits
from unhobble.models.organism.truth import Simulator
from unhobble.registry import installed
from unhobble.transcript import AnswerStep, MessageStep, NoteStep
from unhobble.vocabulary import PluginKind

IDS = installed().ids(PluginKind.context)
FORMATS = ["native", "xml_tags"]
LONG = FakeTask(id="long", instruction="Do the long task.", reference_steps=tuple(f"step {n} {'x' * 400}" for n in range(8)))


class Knowing(Spy):
    """An organism that knows the long task as well."""

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge([TASK, LONG])


@pytest.mark.parametrize("tool_format", FORMATS)
@pytest.mark.parametrize("few_shot", [False, True])
async def test_the_opening_ends_with_the_task_whatever_examples_stand_before_it(tool_format, few_shot) -> None:
    chosen = configuration(tool_format=tool_format, prompt__few_shot=few_shot, context="sliding_window", context__turns=1)
    played = await play(Spy(**SURE), chosen)
    first, last = played.requests[0].messages, played.requests[-1].messages
    assert TASK.instruction in first[-1].content
    assert last[: len(first) - 1] == first[:-1]
    assert last[len(first) - 1].content.startswith(first[-1].content)
    assert "messages that came next are not shown" in last[len(first) - 1].content


@pytest.mark.parametrize("tool_format", FORMATS)
async def test_only_what_tools_gave_counts_as_output(tool_format) -> None:
    settings = {"context__keep_last": 0, "context__head_chars": 1, "context__tail_chars": 0}
    chosen = configuration(tool_format=tool_format, prompt__few_shot=True, context="truncate_outputs", **settings)
    played = await play(Spy(**SURE), chosen)
    assert played.solved
    assert played.requests[-1].messages[: len(played.requests[0].messages)] == played.requests[0].messages


@pytest.mark.parametrize("tool_format", FORMATS)
async def test_an_organism_goes_on_from_its_summary(tool_format) -> None:
    chosen = configuration(tool_format=tool_format, context="summarise", context__above_tokens=400, context__keep_turns=1)
    played = await play(Knowing(**SURE), chosen, task=LONG)
    assert played.solved
    assert played.submission is not None
    assert played.commands == list(LONG.reference_steps)
    summaries = [s.answer.content for s in played.steps if isinstance(s, AnswerStep) and s.purpose == "summarise"]
    assert len(summaries) > 1
    assert summaries[0] == MEMORY.format(done=int(summaries[0].split(": ")[1].split()[0]), total=8)
    asked = [request for request in played.requests if SUMMARY_REQUEST in request.messages[-1].content]
    assert len(asked) == len(summaries)
    assert all(request.tool_choice == "none" for request in asked)
    shown = [step.text for step in played.steps if isinstance(step, NoteStep)]
    assert any("the model was shown" in text for text in shown)


@pytest.mark.parametrize("scaffold", ["react", "plan_execute", "best_of_n"])
async def test_a_summary_serves_every_scaffold(scaffold) -> None:
    chosen = configuration(scaffold=scaffold, context="summarise", context__above_tokens=600, context__keep_turns=1)
    assert (await play(Knowing(**SURE), chosen, task=LONG)).solved


@pytest.mark.parametrize("context", ["sliding_window", "notes_file"])
async def test_an_organism_goes_on_from_the_first_step_that_it_is_shown(context) -> None:
    narrow = await play(Knowing(**SURE), configuration(context=context, context__turns=1), task=LONG)
    assert narrow.solved
    assert narrow.commands == list(LONG.reference_steps)


@pytest.mark.parametrize("context", ["sliding_window", "notes_file"])
async def test_an_organism_that_has_to_see_it_all_fails_where_it_does_not(context) -> None:
    needy = SURE | {"effects": [{"when": ["abridged"], "logit": -100.0}]}
    assert (await play(Knowing(**needy), configuration(context=context, context__turns=8), task=LONG)).solved
    assert not (await play(Knowing(**needy), configuration(context=context, context__turns=3), task=LONG)).solved


async def test_a_plan_that_is_not_shown_any_more_is_not_taken_for_the_first_call() -> None:
    turns = len(TASK.reference_steps)
    chosen = configuration(scaffold="plan_execute", context="sliding_window", context__turns=turns)
    assert (await play(Spy(**SURE), chosen)).commands == list(TASK.reference_steps)


async def test_a_summary_counts_as_a_turn() -> None:
    settings = {"context": "summarise", "context__above_tokens": 600, "context__keep_turns": 1}
    played = await play(Knowing(**SURE), configuration(limits__turns=9, **settings), task=LONG)
    assert len(played.requests) == 9
    assert not played.solved


async def test_the_transcript_holds_each_message_once_whatever_was_shown() -> None:
    whole = await play(Spy(**SURE), configuration())
    windowed = await play(Spy(**SURE), configuration(context="sliding_window", context__turns=2))
    said = [[step.message for step in played.steps if isinstance(step, MessageStep)] for played in (whole, windowed)]
    assert said[0] == said[1]
    assert max(len(request.messages) for request in windowed.requests) < len(whole.requests[-1].messages)


@pytest.mark.parametrize("context", IDS)
def test_the_compliant_organism_solves_the_shell_suite_under_every_strategy(context) -> None:
    tasks = installed().build(PluginKind.suite, "builtin/shell").tasks
    simulator = Simulator(load_traits("compliant"), tasks)
    assert simulator.true_success(configuration(context=context), epochs=1).mean > 0.95
