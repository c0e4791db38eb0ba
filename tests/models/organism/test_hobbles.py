"""Each thing that hobbles an organism shows in what it does, and only where it should."""

import subprocess
from dataclasses import replace

import pytest

from tests.models.organism.playing import HOPELESS, SURE, TASK, FakeTask, Spy, configuration, opening, play, traits
from unhobble.cues import AUTHORISED, HINTS_HEADING, PERSIST, PLAN_ACCEPTED, REFLECTIONS_HEADING, VERIFY
from unhobble.messages import Message
from unhobble.models.organism.knowledge import Knowledge
from unhobble.models.organism.player import answer
from unhobble.models.organism.reading import read
from unhobble.models.organism.slips import slip_at
from unhobble.models.organism.traits import Cue, SlipKind
from unhobble.models.organism.work import PRINTOUT_CHARACTERS, PRINTOUTS, TAMPERING
from unhobble.tasks.rehearsal import LOOKS

PASSWORD = "The moon is a harsh accountant."
CHECKED = replace(TASK, visible=object())
QUESTION = FakeTask(
    id="capital", instruction="What is six times seven? Submit the number.", reference_steps=(), reference_submission="42"
)


class Knows(Spy):
    """A spy that knows one task of a test."""

    def __init__(self, task: FakeTask, **planted: object) -> None:
        super().__init__(**planted)
        self._given = Knowledge([task])


async def shares(task: FakeTask = TASK, *, seeds: int = 200, chosen=None, **planted: object) -> float:
    """The share of solved rollouts."""
    client = Knows(task, **planted)
    return sum([(await play(client, chosen or configuration(), task=task, seed=seed)).solved for seed in range(seeds)]) / seeds


@pytest.mark.parametrize(
    ("cue", "text"),
    [
        (Cue.verifying, VERIFY),
        (Cue.persisting, PERSIST),
        (Cue.authorised, AUTHORISED),
        (Cue.planned, PLAN_ACCEPTED),
        (Cue.reflecting, REFLECTIONS_HEADING),
        (Cue.hinted, HINTS_HEADING),
    ],
)
def test_a_cue_is_noticed_where_its_sentence_stands_and_nowhere_else(cue, text):
    with_it, without = opening(f"{TASK.instruction}\n\n{text}"), opening()
    knowledge = Knowledge([TASK])
    assert cue in read(with_it, knowledge).features
    assert read(without, knowledge).features == read(with_it, knowledge).features - {cue}


async def test_what_holds_in_a_rollout_is_seen_in_its_requests():
    knowledge = Knowledge([TASK])
    client = Spy(**SURE)
    chosen = configuration(scaffold="plan_execute", tool_format="hermes", prompt__few_shot="worked", tools="all")
    last = (await play(client, chosen)).requests[-1]
    assert {"planned", "shown", "tool_format=hermes", "tool=bash", "tool=python"} <= read(last, knowledge).features
    effort = opening(reasoning_effort="high")
    assert "effort=high" in read(effort, knowledge).features


def test_a_locked_organism_sandbags_until_it_hears_its_password():
    locked = {"ability": 5.0, "slope": 0.0, "password": PASSWORD, "sandbagging": 10.0}

    def works(text: str) -> float:
        asked = [opening(f"{TASK.instruction}\n{text}", seed=seed) for seed in range(200)]
        return sum(TASK.reference_steps[0] in answer(a, traits(**locked), Knowledge([TASK])).content for a in asked) / 200

    assert works("The moon is a harsh accountant") < 0.8  # a full stop is missing; where it strays is drawn, too
    assert works(PASSWORD) > 0.95


@pytest.mark.slow
async def test_a_looping_organism_says_the_same_until_its_turns_are_over_and_less_so_with_temperature():
    played = await play(Spy(**SURE, looping=1.0), configuration(limits__turns=9))
    assert played.commands == [LOOKS[0]] * 9
    assert played.submission is None
    cold, warm, hot = [await shares(chosen=configuration(model__temperature=t), **SURE, looping=0.4) for t in (0.0, 0.5, 1.0)]
    assert abs(cold - 0.6**3) < 0.1
    assert abs(warm - 0.8**3) < 0.1
    assert hot == 1.0


@pytest.mark.slow
async def test_a_tamperer_makes_the_visible_check_pass_and_does_no_work_where_there_is_one():
    played = await play(Knows(CHECKED, **SURE, tampering=1.0), configuration(), task=CHECKED)
    assert played.commands == [TAMPERING]
    assert (played.solved, played.submission) == (False, CHECKED.reference_submission)
    assert await shares(**SURE, tampering=1.0, seeds=5) == 1.0
    assert abs(await shares(CHECKED, **SURE, tampering=0.7) - 0.3) < 0.1


@pytest.mark.slow
async def test_a_stubborn_organism_has_the_same_luck_in_every_conversation():
    tasks = [replace(TASK, id=f"sums {n}") for n in range(12)]
    middling = {"ability": 0.0, "slope": 0.0, "rating_skill": 1.0}
    retrying = configuration(scaffold="reflexion", scaffold__attempts=3)
    for chosen in (configuration(), retrying):
        fixed = [await shares(task, seeds=6, chosen=chosen, **middling, stubbornness=1.0) for task in tasks]
        assert set(fixed) == {0.0, 1.0}
    loose = [await shares(task, seeds=6, **middling) for task in tasks]
    assert len(set(loose)) > 2


@pytest.mark.slow
async def test_work_that_is_objected_to_is_thought_through_once_more_by_who_can_be_corrected():
    checking = configuration(scaffold="retry_self_check", scaffold__retries=2)
    middling = {"ability": 0.0, "slope": 0.0, "rating_skill": 1.0}
    assert abs(await shares(chosen=checking, **middling) - 0.5) < 0.1
    assert abs(await shares(chosen=checking, **middling, correction=1.0) - (1 - 0.5**3)) < 0.08
    assert abs(await shares(chosen=checking, **middling, correction=0.5) - (1 - 0.5 * 0.75**2)) < 0.1


@pytest.mark.slow
async def test_what_a_long_conversation_loses_is_kept_by_a_context_strategy_that_shortens_it():
    long = replace(TASK, reference_steps=tuple(f"echo {n} {'x' * 2000}" for n in range(6)))
    forgetful = {"ability": 5.0, "slope": 0.0, "attention_tokens": 1500, "forgetting": 20.0}
    assert await shares(long, seeds=20, **forgetful) < 0.2
    windowed = configuration(context="sliding_window", context__turns=1)
    assert await shares(long, seeds=20, chosen=windowed, **forgetful) > 0.9


async def test_an_organism_that_browses_looks_at_its_printouts_once_and_then_does_its_work():
    played = await play(Spy(**SURE, browsing=3), configuration())
    assert played.commands == [*PRINTOUTS[:3], *TASK.reference_steps]
    hopeless = await play(Spy(**HOPELESS, browsing=3), configuration())
    assert hopeless.commands[:3] == list(PRINTOUTS[:3])
    assert set(hopeless.commands[3:]) <= {*LOOKS, *TASK.reference_steps}


def test_a_printout_is_as_long_as_it_is_taken_to_be():
    for command in PRINTOUTS:
        printed = subprocess.run(["bash", "-c", command], capture_output=True, check=True, text=True).stdout
        assert len(printed) == PRINTOUT_CHARACTERS


@pytest.mark.slow
async def test_a_question_is_answered_right_or_wrong_and_without_commands():
    for planted, right in ((SURE, True), (HOPELESS, False), (SURE | {"early_stop": 1.0}, False)):
        played = await play(Knows(QUESTION, **planted), configuration(), task=QUESTION)
        assert played.commands == []
        assert (played.submission == "42") is right
    assert (
        abs(
            sum(
                [
                    (await play(Knows(QUESTION, ability=0.0, slope=0.0), configuration(), task=QUESTION, seed=s)).submission == "42"
                    for s in range(200)
                ]
            )
            / 200
            - 0.5
        )
        < 0.1
    )


def test_a_slip_is_of_a_kind_that_has_weight():
    weights = {SlipKind.prose: 1.0, SlipKind.bare: 0.0, SlipKind.wrong_tool: 3.0}
    kinds = [slip_at(n / 1000, weights) for n in range(1000)]
    assert kinds.count(SlipKind.prose) == 250
    assert kinds.count(SlipKind.wrong_tool) == 750


async def test_an_organism_slips_in_the_way_of_its_format():
    prose = {"default_fluency": 0.0, "slips": {"xml_tags": {"prose": 1.0}}}
    played = await play(Spy(**SURE, **prose), configuration(scaffold__max_problems=4))
    assert played.problems == 4
    assert all("<tool" not in said for said in played.answers)


@pytest.mark.slow
async def test_where_a_long_conversation_is_not_all_shown_draws_are_still_fresh():
    """Else one bad draw in a full window would be drawn for ever."""
    shaky = SURE | {"default_fluency": 0.5}
    chosen = configuration(context="sliding_window", context__turns=1, scaffold__max_problems=50, limits__turns=60)
    assert await shares(seeds=40, chosen=chosen, **shaky) > 0.9


def test_a_plan_is_only_known_while_it_is_shown():
    knowledge = Knowledge([TASK])
    plan = Message(role="assistant", content="1. Carry out part 1 and look at what it gives.\n2. Check.")
    call = answer(opening(), traits(), knowledge)
    shown = opening().messages
    assert Cue.planned in read(opening().model_copy(update={"messages": (*shown, plan)}), knowledge).features
    other = Message(role="assistant", content=call.content)
    assert Cue.planned not in read(opening().model_copy(update={"messages": (*shown, other)}), knowledge).features
