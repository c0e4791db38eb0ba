"""``unhobble organism truth``, as a person and as a program see it."""

import pytest

SMALL = [*("--task", "log_count_503", "--task", "text_first_seen", "--space", "quick"), "--rollouts", "200", "--jobs", "1"]


def test_it_tells_the_truth_of_baseline_and_best_and_what_keeps_them_from_more(unhobble):
    said = unhobble("organism", "truth", "format-bound", *SMALL, "--set", "tool_format=xml_tags", "--json")
    assert said.code == 0, said.err
    found = said.json["configurations"]
    assert said.json["simulated"] is True
    assert list(found) == ["baseline", "changed", "best"]
    assert found["baseline"]["success"] < 0.7 < found["changed"]["success"] <= 1
    assert found["best"]["success"] >= found["changed"]["success"] - 0.1
    assert found["best"]["configuration"]["tool_format"] == "xml_tags"
    assert max(found["baseline"]["causes"], key=found["baseline"]["causes"].get) == "tool_format"
    assert sum(found["baseline"]["causes"].values()) == pytest.approx(1)
    assert said.json["search_for_the_best"]["exhaustive"] is True  # 16 configurations are all played out


def test_a_person_is_told_that_it_is_simulated_and_where_the_best_differs(unhobble):
    said = unhobble("organism", "truth", "format-bound", *SMALL)
    assert said.code == 0, said.err
    assert "SIMULATED MODEL" in said.out
    assert "tool_format: xml_tags" in said.out
    assert "± error" in said.out
    assert "tool_format" in said.out.partition("What keeps it")[2]


def test_equal_seeds_tell_equal_truths(unhobble):
    asked = ["organism", "truth", "plan-bound", *SMALL, "--no-best", "--json"]
    first, again, other = unhobble(*asked).json, unhobble(*asked).json, unhobble(*asked, "--seed", "5").json
    assert first == again
    assert first != other
    assert "search_for_the_best" not in first


def test_the_configuration_of_an_export_and_a_bare_one_are_both_read(unhobble, tmp_path):
    bare = tmp_path / "bare.yaml"
    bare.write_text("prompt: plain\ntool_format: xml_tags\nscaffold: react\n")
    said = unhobble("organism", "truth", "format-bound", *SMALL, "--no-best", "--configuration", str(bare), "--json")
    assert said.json["configurations"]["given"]["success"] > 0.7


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody"], "neither a shipped organism nor a file"),
        (["flat", "--suite", "builtin/none"], "builtin/none"),
        (["flat", "--space", "none"], "none"),
        (["flat", "--task", "no_such_task"], "has no task no_such_task"),
        (["flat", "--task", "text_first_seen", "--split", "held_out"], "none of these tasks"),
        (["flat", "--split", "both"], "both"),
        (["flat", "--set", "temperature"], "PATH=VALUE"),
        (["flat", "--set", "tool_format=xlm_tags"], "xlm_tags"),
        (["flat", "--set", "model.temprature=1"], "temprature"),
        (["flat", "--configuration", "none.yaml"], "cannot be read"),
        (["flat", "--rollouts", "3"], "100"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(unhobble, arguments, told):
    said = unhobble("organism", "truth", *arguments)
    assert said.code == 2
    assert told in " ".join(said.err.split())
    assert "Traceback" not in said.err
