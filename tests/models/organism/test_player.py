import itertools
import json

import pytest

from tests.models.organism.playing import HOPELESS, KNOWLEDGE, OTHER, SURE, TASK, Spy, configuration, opening, play, traits
from unhobble.cues import (
    AUTHORISED,
    CHECK_REQUEST,
    CHOICE_LABEL,
    CHOOSE_REQUEST,
    OPTION_HEADING,
    PERSIST,
    PLAN_REQUEST,
    RATE_REQUEST,
    RATE_STEP_REQUEST,
    SUMMARY_REQUEST,
    VERDICT_LABEL,
    VERIFY,
)
from unhobble.messages import Message, ModelAnswer, Usage
from unhobble.models.organism.player import answer
from unhobble.registry import installed
from unhobble.tools import TOOLS
from unhobble.vocabulary import PluginKind

SCAFFOLDS = installed().ids(PluginKind.scaffold)
FORMATS = installed().ids(PluginKind.tool_format)
PROMPTS = installed().ids(PluginKind.prompt)
STRICT_OR_NOT = [f for f in FORMATS if "strict" in installed().get(PluginKind.tool_format, f).config.model_fields]


@pytest.mark.parametrize("scaffold", SCAFFOLDS)
async def test_a_sure_organism_solves_its_task_under_every_scaffold_and_tool_format(scaffold):
    for tool_format in FORMATS:
        played = await play(Spy(**SURE), configuration(scaffold=scaffold, tool_format=tool_format))
        assert played.solved, tool_format
        assert played.submission is not None
        assert played.problems == 0, tool_format


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_a_prompt_and_its_examples_do_not_confuse_it(prompt):
    for tool_format, few_shot in itertools.product(FORMATS, (False, True)):
        played = await play(Spy(**SURE), configuration(prompt=prompt, tool_format=tool_format, prompt__few_shot=few_shot))
        assert played.solved, tool_format
        assert played.commands == list(TASK.reference_steps)


@pytest.mark.parametrize("scaffold", SCAFFOLDS)
async def test_a_hopeless_organism_hands_in_work_that_is_not_done(scaffold):
    for tool_format, seed in itertools.product(FORMATS, range(5)):
        played = await play(Spy(**HOPELESS), configuration(scaffold=scaffold, tool_format=tool_format), seed=seed)
        assert not played.solved, tool_format
        assert played.submission is not None


@pytest.mark.parametrize("tool_format", STRICT_OR_NOT)
async def test_it_recovers_from_unreadable_calls_and_loses_no_step_however_they_are_read(tool_format):
    client = Spy(**SURE, default_fluency=0.5)
    chosen = configuration(tool_format=tool_format, scaffold__max_problems=50)
    strict = [await play(client, chosen, seed=seed) for seed in range(20)]
    lenient = [await play(client, configuration(**chosen.root, tool_format__strict=False), seed=seed) for seed in range(20)]
    for played in [*strict, *lenient]:
        assert played.solved
        assert played.commands == list(TASK.reference_steps)
    mended = sum(played.problems for played in lenient) / sum(played.problems for played in strict)
    assert 0.25 < mended < 0.75


@pytest.mark.parametrize("scaffold", SCAFFOLDS)
async def test_the_same_seed_gives_the_same_rollout_and_another_seed_another(scaffold):
    shaky = {"ability": 1.0, "default_fluency": 0.7, "early_stop": 0.1, "rating_skill": 0.5}
    chosen = configuration(scaffold=scaffold)
    first, again = [[(await play(Spy(**shaky), chosen, seed=seed)).answers for seed in range(8)] for _ in range(2)]
    assert first == again
    assert len({tuple(answers) for answers in first}) > 1


def test_it_keeps_nothing_between_requests():
    planted, one, two = traits(ability=0.0), opening(seed=1), opening(OTHER.instruction, seed=2)
    in_order = [answer(request, planted, KNOWLEDGE) for request in (one, two, one)]
    assert in_order[0] == in_order[2] == answer(one, planted, KNOWLEDGE)


async def test_the_share_of_successes_is_the_probability_that_its_traits_give():
    client = Spy(ability=1.5, slope=0.5)  # four human minutes: 1.5 - 0.5 * 2 = 0.5, and 1 / (1 + exp(-0.5)) = 0.622
    solved = [(await play(client, configuration(), seed=seed)).solved for seed in range(600)]
    assert abs(sum(solved) / 600 - 0.622) < 0.06


def wanted(text: str, seed: int = 0, **changes) -> str:
    return answer(opening(f"{TASK.instruction}\n\n{text}", seed=seed), traits(**changes), KNOWLEDGE).content


def test_a_plan_is_written_when_asked_for_and_no_call_with_it():
    plan = wanted(PLAN_REQUEST)
    assert plan.startswith("1. ")
    assert "<tool" not in plan


def test_no_call_is_made_where_the_request_forbids_it():
    said = answer(opening(tools=TOOLS, tool_choice="none"), traits(), KNOWLEDGE)
    assert said.tool_calls == ()


async def test_a_plan_helps_whom_plans_help():
    client = Spy(ability=-50.0, effects=[{"when": ["planned"], "logit": 100.0}])
    assert not (await play(client, configuration(scaffold="react"))).solved
    assert (await play(client, configuration(scaffold="plan_execute"))).solved


def share_of_calls(system: str, **changes) -> float:
    seeds = range(300)
    calls = [answer(opening(system=system, seed=seed), traits(**changes), KNOWLEDGE).content for seed in seeds]
    return sum(TASK.reference_steps[0] in call for call in calls) / len(seeds)


@pytest.mark.parametrize(
    ("hobble", "cue"),
    [
        ({"refusal": 0.5}, AUTHORISED),
        ({"early_stop": 0.5}, PERSIST),
        ({"ability": -1.0, "effects": [{"when": ["verifying"], "logit": 50.0}]}, VERIFY),
    ],
)
def test_a_cue_in_the_prompt_lifts_what_it_is_meant_to_lift(hobble, cue):
    assert share_of_calls("", **hobble) < 0.9
    assert share_of_calls(cue, **hobble) == 1.0


def test_temperature_and_unreadable_answers_lower_the_odds():
    planted = traits(ability=2.0, temperature_penalty=1.0, format_confusion=0.5)
    odds = {"features": set(), "locked": False, "temperature": None, "unreadable": 0, "tokens": 0}
    best = planted.p_success(1.0, **odds)
    assert planted.p_success(1.0, **odds | {"temperature": 1.0}) < best
    assert planted.p_success(1.0, **odds | {"unreadable": 2}) < best


async def test_ratings_tell_good_from_bad_attempts_by_skill():
    chosen = configuration(scaffold="best_of_n", scaffold__attempts=3)
    middling = {"ability": 0.0, "slope": 0.0}
    solved = {}
    for skill in (0.0, 1.0):
        results = [(await play(Spy(**middling, rating_skill=skill), chosen, seed=seed)).solved for seed in range(120)]
        solved[skill] = sum(results) / len(results)
    assert solved[0.0] < 0.65
    assert solved[1.0] > 0.8  # 1 - 0.5 ** 3 = 0.875


def test_an_attempt_that_is_shown_as_text_is_rated_by_its_steps():
    good = wanted("\n".join([*TASK.reference_steps, RATE_REQUEST]))
    bad = wanted("\n".join([TASK.reference_steps[0], RATE_REQUEST]))
    assert int(good.rpartition(" ")[2]) > int(bad.rpartition(" ")[2])


def test_a_task_it_does_not_know_gets_a_plain_answer():
    said = answer(opening("Write a sonnet about tariffs."), traits(), KNOWLEDGE)
    assert "simulated" in said.content
    assert "<tool" not in said.content


def test_white_space_and_words_around_do_not_hide_a_task():
    text = "Here is your task:\n\n   Add up the   numbers\nin numbers.txt and write\n  the sum to sum.txt.\n\nGood luck."
    assert TASK.reference_steps[0] in answer(opening(text), traits(), KNOWLEDGE).content


def test_where_no_tool_format_is_explained_it_says_in_prose_what_it_would_do():
    request = opening().model_copy(update={"messages": (Message(role="user", content=TASK.instruction),)})
    said = answer(request, traits(), KNOWLEDGE)
    assert TASK.reference_steps[0] in said.content
    assert "<tool" not in said.content


def test_its_answer_ends_before_a_stop_sequence_and_at_its_token_limit():
    whole = answer(opening(), traits(), KNOWLEDGE)
    stopped = answer(opening(stop=("</command>",)), traits(), KNOWLEDGE)
    assert whole.content.startswith(stopped.content)
    assert "</command>" not in stopped.content
    assert stopped.finish_reason == "stop"
    cut = answer(opening(max_tokens=3), traits(), KNOWLEDGE)
    assert (len(cut.content), cut.finish_reason) == (12, "length")


@pytest.mark.parametrize("strict", [True, False])
async def test_cut_answers_are_told_apart_from_calls_that_were_carried_out(strict):
    chosen = configuration(limits__answer_tokens=15, scaffold__max_problems=3, tool_format__strict=strict)
    played = await play(Spy(**SURE), chosen)
    assert TASK.reference_steps[0] in played.answers[0]  # lenient reading would mend what is left
    assert played.commands == []
    assert played.problems == 3


def judged(request: str, *shown: str, seed: int = 1, **changes) -> str:
    """What is answered to ``request`` after ``shown``, in a conversation whose first step was carried out."""
    begun = opening(seed=seed)
    done = answer(begun, traits(), KNOWLEDGE)
    said = [Message(role="assistant", content=done.content), Message(role="user", content="Result of bash:\nok")]
    said[-1] = Message(role="user", content="\n\n".join([said[-1].content, *shown, request]))
    asked = begun.model_copy(update={"messages": (*begun.messages, *said), "tool_choice": "none"})
    return answer(asked, traits(**changes), KNOWLEDGE).content


def options(*texts: str) -> str:
    return "\n\n".join(f"{OPTION_HEADING.format(number=n)}\n{text}" for n, text in enumerate(texts, start=1))


def test_of_several_options_the_one_with_the_next_step_is_chosen_by_skill():
    right, wrong = TASK.reference_steps[1], TASK.reference_steps[0]
    for shown in (right, json.dumps(right), f"bash {json.dumps({'command': right})}"):
        assert judged(CHOOSE_REQUEST, options(wrong, "ls", shown)) == f"{CHOICE_LABEL} 3"
    unskilled = {judged(CHOOSE_REQUEST, options(wrong, "ls", right), seed=seed, rating_skill=0.0) for seed in range(40)}
    assert unskilled == {f"{CHOICE_LABEL} {n}" for n in (1, 2, 3)}


def test_a_proposed_step_is_rated_by_whether_it_comes_next():
    right, wrong = (judged(RATE_STEP_REQUEST, TASK.reference_steps[place]) for place in (1, 2))
    assert int(right.rpartition(" ")[2]) > int(wrong.rpartition(" ")[2])


def test_its_verdict_on_its_own_work_is_true_where_it_has_the_skill():
    assert judged(CHECK_REQUEST).startswith(f"{VERDICT_LABEL} no")
    unskilled = {judged(CHECK_REQUEST, seed=seed, rating_skill=0.0)[:12] for seed in range(40)}
    assert unskilled == {f"{VERDICT_LABEL} yes", f"{VERDICT_LABEL} no."}


def test_its_judgement_does_not_hang_on_the_words_that_a_command_printed():
    verdicts = [[judged(CHECK_REQUEST, clock, seed=seed, rating_skill=0.0) for seed in range(40)] for clock in ("10:41", "23:07")]
    assert verdicts[0] == verdicts[1]
    assert len(set(verdicts[0])) == 2


def test_it_goes_on_from_its_own_summary_where_the_conversation_is_gone():
    summary = judged(SUMMARY_REQUEST)
    assert "1 of 3" in summary
    begun = opening()
    told = Message(role="user", content=f"{begun.messages[-1].content}\n\n{summary}")
    resumed = begun.model_copy(update={"messages": (*begun.messages[:-1], told)})
    assert TASK.reference_steps[1] in answer(resumed, traits(), KNOWLEDGE).content


@pytest.mark.parametrize("spoken", ["json_fence", "react_text"])
async def test_an_organism_that_speaks_one_format_only_uses_it_whatever_it_is_asked_for(spoken):
    played = await play(Spy(**SURE, speaks=spoken), configuration(tool_format="xml_tags"))
    assert (played.solved, played.commands, played.submission) == (False, [], None)
    written = installed().build(PluginKind.tool_format, spoken).parse(answer_of(played.answers[0]), TOOLS)
    assert written.calls[0].arguments == {"command": TASK.reference_steps[0]}
    assert (await play(Spy(**SURE, speaks=spoken), configuration(tool_format=spoken))).solved


def answer_of(content: str) -> ModelAnswer:
    return ModelAnswer(content=content, finish_reason="stop", usage=Usage(), cost_usd=0.0, model="m")
