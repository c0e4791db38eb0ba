import pytest

from unhobble.configuration import Configuration, check_configuration
from unhobble.limits import Limits
from unhobble.registry import installed

GOOD = {"prompt": "plain", "tool_format": "json_fence", "scaffold": "react", "model.temperature": 0.5, "limits.turns": 7}


def issues(**changes):
    values = {k: v for k, v in (GOOD | {k.replace("__", "."): v for k, v in changes.items()}).items() if v is not None}
    return {issue.path: issue.message for issue in check_configuration(Configuration(values), installed())}


def test_equal_content_has_one_hash_whatever_the_order_and_the_spelling_of_numbers():
    one = Configuration({"a": 1.0, "b": True})
    assert one.hash == Configuration({"b": True, "a": 1}).hash
    assert one.hash != Configuration({"a": 1, "b": 1}).hash
    assert one.hash != Configuration({"a": 1.5, "b": True}).hash


def test_a_good_configuration_has_no_issues():
    assert issues() == {}


def test_everything_wrong_is_found_at_once():
    found = issues(
        scaffold="magic", tool_format__strict="perhaps", prompt__volume=11, model__temperature=9, limits__turns=0, weather="fine"
    )
    assert set(found) == {"scaffold", "tool_format.strict", "prompt.volume", "model.temperature", "limits.turns", "weather"}
    assert "no scaffold 'magic'; there are" in found["scaffold"]
    assert "react" in found["scaffold"]
    assert "prompt plain has no parameter 'volume'; it has few_shot" in found["prompt.volume"]


def test_a_missing_slot_is_named():
    assert "is missing" in issues(prompt=None)["prompt"]


def test_limits_of_a_configuration_override_the_study_s_and_leave_the_rest():
    limits = Configuration(GOOD).limits(Limits(turns=50, tokens=123))
    assert (limits.turns, limits.tokens) == (7, 123)


def test_a_difference_names_what_changed_on_both_sides():
    here, there = Configuration({"a": 1, "b": 2}), Configuration({"a": 1, "b": 3, "c": True})
    assert here.difference(there) == {"b": (2, 3), "c": (None, True)}


def test_a_configuration_is_immutable():
    with pytest.raises(ValueError, match="frozen"):
        Configuration(GOOD).root = {}
