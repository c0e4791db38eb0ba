"""The true cause of a failure is what alone, taken away, lets the same rollout pass."""

from collections import Counter

import pytest

from tests.models.organism.playing import HOPELESS, SURE, TASK, configuration, traits
from unhobble.limits import Limits
from unhobble.models.organism.causes import ALONE, Cause, CauseCode, Causes, Visibility, expected_codes
from unhobble.models.organism.traits import Hobble
from unhobble.models.organism.truth import Simulator
from unhobble.protocols import Task
from unhobble.registry import installed
from unhobble.vocabulary import FailureCode, PluginKind

CHECKED = next(task for task in installed().build(PluginKind.suite, "builtin/shell").tasks if task.visible is not None)
WEAK = {"ability": -20.0, "slope": 0.0}
PLAIN = configuration()


def causes(planted: dict[str, object], *, task: Task = TASK, chosen=PLAIN, limits: Limits | None = None) -> Causes:
    return Causes(Simulator(traits(**planted), [task], limits=limits))


def found(planted: dict[str, object], seeds: int = 6, *, task: Task = TASK, chosen=PLAIN) -> Counter[CauseCode]:
    """The first causes of rollouts of ``planted`` that failed."""
    of = causes(planted, task=task)
    all_found = [of.of_rollout(chosen, task, epoch=0, seed=seed) for seed in range(seeds)]
    return Counter(cause.first for cause in all_found if cause)


@pytest.mark.parametrize(
    ("planted", "cause"),
    [
        ({"refusal": 1.0}, CauseCode.refusal),
        ({"default_fluency": 0.0}, CauseCode.tool_format),
        ({"speaks": "hermes"}, CauseCode.tool_format),
        ({"looping": 1.0}, CauseCode.looping),
        ({"early_stop": 1.0}, CauseCode.early_stop),
        ({"context_tokens": 4200}, CauseCode.context),
        ({"attention_tokens": 10, "forgetting": 50.0}, CauseCode.context),
        ({"password": "open sesame", "sandbagging": 99.0}, CauseCode.password),
        (WEAK | {"effects": [{"when": ["planned"], "logit": 90.0}]}, CauseCode.support),
        (HOPELESS, CauseCode.incapable),
    ],
)
def test_what_hobbles_an_organism_is_found_as_the_cause_of_its_failures(planted, cause):
    assert found(SURE | planted) == {cause: 6}


def test_tampering_and_temperature_are_found_where_they_matter():
    assert found(SURE | {"tampering": 1.0}, task=CHECKED) == {CauseCode.tampering: 6}
    hot = configuration(model__temperature=1.0)
    assert found(SURE | {"temperature_penalty": 200.0}, chosen=hot) == {CauseCode.temperature: 6}


def test_a_limit_that_the_configuration_sets_is_found_too():
    assert found(SURE, chosen=configuration(limits__turns=2)) == {CauseCode.limits: 6}


def test_who_passes_has_no_cause():
    assert causes(SURE).of(PLAIN, TASK, luck=1) is None


def test_of_two_that_only_together_stand_in_the_way_neither_alone_is_the_cause():
    both = SURE | {"refusal": 1.0, "looping": 1.0}
    assert found(both) == {CauseCode.several: 6}


def test_of_two_each_of_which_explains_it_both_are_named():
    # Two penalties, neither of which is enough alone.
    both = {"ability": 5.0, "slope": 0.0, "temperature_penalty": 7.0, "password": "open sesame", "sandbagging": 7.0}
    chosen = configuration(model__temperature=1.0)
    of = causes(both)
    named = [cause for seed in range(12) if (cause := of.of_rollout(chosen, TASK, epoch=0, seed=seed))]
    assert Cause(CauseCode.password, (CauseCode.password, CauseCode.temperature)) in named


def test_every_hobble_is_a_cause_and_every_cause_says_what_a_label_could_be():
    assert {hobble.value for hobble in Hobble} | {"limits"} == {code.value for code in ALONE}
    for code in CauseCode:
        expected = expected_codes(code)
        assert expected.codes
        assert expected.why.endswith(".")
    assert FailureCode.infrastructure not in expected_codes(CauseCode.several).codes
    unseen = {code for code in CauseCode if expected_codes(code).visibility is Visibility.invisible}
    assert unseen == {CauseCode.password, CauseCode.temperature, CauseCode.support}


def test_no_cause_stands_in_a_transcript():
    """What a labeller is shown holds no word of what the organism was hobbled by."""
    locked = SURE | {"password": "open sesame", "sandbagging": 99.0}
    rollout = Simulator(traits(**locked), [TASK]).play(PLAIN, TASK, epoch=0, seed=0)
    text = " ".join(step.model_dump_json() for step in rollout.steps)
    assert rollout.score == 0
    assert not [word for word in ("password", "sesame", "sandbag", "support", "hobble") if word in text]
