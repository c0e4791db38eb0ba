"""What the traits of an organism say, and what they come to."""

import math
from statistics import pstdev

import pytest

from tests.models.organism.playing import traits
from unhobble.errors import BadInput
from unhobble.models.organism.traits import (
    Cue,
    Effect,
    Hobble,
    Provider,
    SlipKind,
    Traits,
    load_traits,
    organism_names,
)
from unhobble.registry import installed

PLAIN = {"features": frozenset(), "locked": False, "temperature": None, "unreadable": 0, "tokens": 0}


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def odds(planted: Traits, **circumstances: object) -> float:
    return logit(planted.p_success(0.0, **PLAIN | circumstances))


def test_success_falls_by_the_slope_with_each_doubling_of_the_minutes():
    planted = Traits(ability=3.0, slope=0.5)
    assert planted.aptitude("t", "f", 1.0) == 3.0
    assert planted.aptitude("t", "f", 16.0) == 1.0


def test_families_and_tasks_have_effects_of_their_own_with_the_stated_spread():
    planted = Traits(ability=0.0, slope=0.0, families={"git": 1.5}, family_spread=2.0, task_spread=0.5, individuality=4)
    one_task = [planted.aptitude("same", f"family {n}", 1.0) for n in range(800)]
    one_family = [planted.aptitude(f"task {n}", "same", 1.0) for n in range(800)]
    assert abs(pstdev(one_task) - 2.0) < 0.2
    assert abs(pstdev(one_family) - 0.5) < 0.05
    bare = Traits(ability=0.0, slope=0.0, families={"git": 1.5})
    assert bare.aptitude("t", "git", 1.0) - bare.aptitude("t", "sqlite", 1.0) == 1.5


def test_another_individuality_has_other_strengths_and_the_same_spread():
    one, two = ([traits(family_spread=1.0, individuality=n).aptitude("t", f"f{i}", 1) for i in range(50)] for n in (1, 2))
    assert one != two
    assert one == [traits(family_spread=1.0, individuality=1).aptitude("t", f"f{i}", 1) for i in range(50)]


def test_an_effect_counts_where_all_of_its_conditions_hold():
    planted = Traits(
        ability=0.0,
        effects=(
            Effect(when=("planned",), logit=-1.0),
            Effect(when=("planned", "tool_format=xml_tags"), logit=3.0),
            Effect(when=("not verifying", "tool=bash"), logit=0.5),
        ),
    )
    cases = {
        (): 0.0,
        ("planned",): -1.0,
        ("tool_format=xml_tags",): 0.0,
        ("planned", "tool_format=xml_tags"): 2.0,
        ("tool=bash",): 0.5,
        ("tool=bash", "verifying"): 0.0,
    }
    for features, expected in cases.items():
        assert odds(planted, features=frozenset(features)) == pytest.approx(expected)


@pytest.mark.parametrize("condition", ["planed", "not", "tool_format=", "temperature=1", "not not planned", "planned "])
def test_a_condition_that_nothing_can_fulfil_is_refused_with_what_is_allowed(condition):
    with pytest.raises(ValueError, match=r"one of planned, .*tool_format=") as refused:
        Effect(when=(condition,), logit=1.0)
    assert repr(condition) in str(refused.value)


def test_what_is_lost_is_lost_by_the_stated_amount():
    planted = Traits(
        ability=0.0,
        password="sesame",
        sandbagging=4.0,
        temperature_penalty=1.5,
        format_confusion=0.5,
        attention_tokens=1000,
        forgetting=2.0,
    )
    assert odds(planted, locked=True) == pytest.approx(-4.0)
    assert odds(planted, temperature=1.0) == pytest.approx(-1.5)
    assert odds(planted, unreadable=3) == pytest.approx(-1.5)
    assert odds(planted, tokens=1000) == pytest.approx(0.0)
    assert odds(planted, tokens=4000) == pytest.approx(-4.0)


def test_slips_follow_the_weights_of_their_format_or_those_of_any():
    planted = Traits(ability=0, slips={"*": {"prose": 1.0}, "hermes": {"unfinished": 1.0, "wrong_tool": 3.0}})
    assert {kind for kind, weight in planted.slip_weights("native").items() if weight} == {SlipKind.prose}
    assert planted.slip_weights("hermes")[SlipKind.wrong_tool] == 3.0
    assert set(Traits(ability=0).slip_weights("native").values()) == {1.0}


@pytest.mark.parametrize("weights", [{"prose": 0.0}, {}])
def test_slips_of_no_kind_are_refused(weights):
    with pytest.raises(ValueError, match=r"hermes.*above 0"):
        Traits(ability=0, slips={"hermes": weights})


@pytest.mark.parametrize(
    ("hobble", "planted", "circumstances"),
    [
        (Hobble.password, {"password": "sesame", "sandbagging": 9.0}, {"locked": True}),
        (Hobble.temperature, {"temperature_penalty": 9.0}, {"temperature": 1.0}),
        (Hobble.context, {"attention_tokens": 10, "forgetting": 9.0}, {"tokens": 5000}),
        (Hobble.tool_format, {"format_confusion": 9.0}, {"unreadable": 1}),
        (Hobble.support, {"effects": [{"when": ["verifying"], "logit": 9.0}], "ability": -9.0}, {}),
    ],
)
def test_an_organism_that_is_freed_from_what_hobbles_it_does_what_it_can(hobble, planted, circumstances):
    hobbled = Traits.model_validate({"ability": 0.0, "slope": 0.0} | planted)
    able = hobbled.p_success(hobbled.aptitude("t", "f", 1), **PLAIN | circumstances)
    free = hobbled.freed_from(hobble)
    assert able < 0.001
    assert free.p_success(free.aptitude("t", "f", 1), **PLAIN | circumstances) == pytest.approx(0.5)
    others = [other for other in Hobble if other is not hobble]
    bound = hobbled.freed_from(*others)
    assert bound.p_success(bound.aptitude("t", "f", 1), **PLAIN | circumstances) < 0.001


def test_freed_from_everything_nothing_hobbles_it():
    planted = traits(
        refusal=1.0, looping=1.0, early_stop=1.0, tampering=1.0, default_fluency=0.0, speaks="hermes", context_tokens=9
    )
    free = planted.freed_from(*Hobble)
    assert (free.refusal, free.looping, free.early_stop, free.tampering, free.speaks) == (0, 0, 0, 0, None)
    assert free.fluency("native") == 1.0
    assert free.context_tokens > 10**9


def test_the_fingerprint_tells_organisms_apart_and_each_from_what_it_was():
    prints = [load_traits(name).fingerprint for name in organism_names()]
    assert len(set(prints)) == len(prints)
    assert traits().fingerprint == traits().fingerprint
    assert traits(provider=Provider(server_error=0.1)).fingerprint != traits().fingerprint


def test_an_organism_of_ones_own_is_a_file_in_a_folder_of_plug_ins(tmp_path, monkeypatch):
    (tmp_path / "organisms").mkdir()
    (tmp_path / "organisms" / "mine.yaml").write_text("summary: Mine.\nability: 1.0\n")
    (tmp_path / "organisms" / "wrong.yaml").write_text("ability: strong\nslop: 1\n")
    (tmp_path / "organisms" / "broken.yaml").write_text("ability: [1\n")
    monkeypatch.setenv("UNHOBBLE_PLUGINS", str(tmp_path))
    installed.cache_clear()
    load_traits.cache_clear()
    try:
        assert load_traits("mine") == Traits(summary="Mine.", ability=1.0)
        with pytest.raises(BadInput) as wrong:
            load_traits("wrong")
        assert {issue.path for issue in wrong.value.issues} == {"organisms/wrong.yaml.ability", "organisms/wrong.yaml.slop"}
        with pytest.raises(BadInput, match="is no YAML"):
            load_traits("broken")
        with pytest.raises(BadInput, match=r"no organism 'yours'; there are .*mine"):
            load_traits("yours")
    finally:
        installed.cache_clear()
        load_traits.cache_clear()


def test_a_provider_cannot_do_more_than_always_misbehave():
    Provider(rate_limited=0.5, truncated=0.5)
    with pytest.raises(ValueError, match=r"more than 1, and they do: 1\.2"):
        Provider(rate_limited=0.6, truncated=0.6)


def test_every_cue_is_one_that_an_effect_can_name():
    assert [Effect(when=(cue.value,), logit=1.0).when for cue in Cue] == [(cue.value,) for cue in Cue]
