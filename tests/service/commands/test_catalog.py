"""What is installed can be looked up: plug-ins, suites, organisms, and the schema of a study."""

import jsonschema
import pytest
import yaml

from unhobble.models.organism.traits import organism_names
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind


def test_every_plugin_is_in_the_catalog_with_its_parameters(unhobble):
    words, found = unhobble("catalog").words, unhobble("catalog", "--json").json
    for kind in PluginKind:
        assert [plugin["id"] for plugin in found[kind.value]] == installed().ids(kind)
        for plugin in installed().all(kind):
            assert plugin.id in words
            assert all(parameter in words for parameter in plugin.config.model_fields)


def test_one_kind_alone_can_be_asked_for(unhobble):
    assert list(unhobble("catalog", "scaffolds", "--json").json) == ["scaffolds"]
    said = unhobble("catalog", "nonsense", "--json")
    assert said.code == 2
    assert "scaffolds" in said.json["error"]


def test_the_schema_accepts_what_is_packaged_and_refuses_an_unknown_field(unhobble):
    from service.commands.running import demo_document

    schema = unhobble("config", "schema").json
    jsonschema.validate(demo_document(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(demo_document() | {"colour": "red"}, schema)
    assert yaml.safe_load(unhobble("config", "schema", "--json").out) == schema


def test_every_organism_is_shown_and_called_simulated(unhobble):
    assert [o["id"] for o in unhobble("organism", "list", "--json").json["organisms"]] == [
        f"organism/{n}" for n in organism_names()
    ]
    assert "SIMULATED" in unhobble("organism", "list").out
    for name in organism_names():
        assert "SIMULATED" in unhobble("organism", "show", name).out
        assert unhobble("organism", "show", f"organism/{name}", "--json").json["ability"]


def test_an_organism_that_does_not_exist_is_bad_input(unhobble):
    assert unhobble("organism", "show", "nobody").code == 2


def test_suites_and_their_tasks_are_shown_with_their_split(unhobble):
    (suite,) = [suite for suite in unhobble("suite", "list", "--json").json["suites"] if suite["id"] == "builtin/shell"]
    shown = unhobble("suite", "show", suite["id"], "--json").json
    assert shown["digest"] == suite["digest"]
    assert len(shown["tasks"]) == suite["tasks"]
    assert {task["split"] for task in shown["tasks"]} == {"search", "held_out"}
    words = unhobble("suite", "show", suite["id"]).words
    assert all(task["id"] in words for task in shown["tasks"])
    assert "estimates" in words
    assert "estimates" in shown["human_minutes_note"]


def test_a_suite_that_does_not_exist_is_bad_input(unhobble):
    assert unhobble("suite", "show", "nothing").code == 2
    assert unhobble("suite", "check", "nothing").code == 2


def test_a_sound_task_passes_the_check_in_real_sandboxes(unhobble, bubblewrap):
    said = unhobble("suite", "check", "builtin/shell", "--task", "algo_cell_references", "--backend", bubblewrap, "--json")
    assert said.code == 0
    assert said.json["sound"] == 1
    (task,) = said.json["tasks"]
    assert task["scores"] == {"nothing": [0], "reference": [1], "unfinished": [0], "twice": [1]}
    assert [step["visible"] for step in task["rehearsal"]["steps"]] == [0, 1]
    assert unhobble("suite", "check", "builtin/shell", "--task", "nothing").code == 2


COMMON = '"family": "f", "human_minutes": 1, "human_minutes_source"'
QUESTION = f"""\
{{"id": "one", "question": "1?", "answer": "1", "match": "number", {COMMON}: "estimate"}}
{{"id": "two", "question": "2?", "answer": "2", "match": "MATCH", {COMMON}: "measured"}}
"""


def test_a_suite_is_checked_by_its_path_and_its_report_is_shown(unhobble, bubblewrap, tmp_path):
    file, report = tmp_path / "mine.jsonl", tmp_path / "mine.quality.json"
    file.write_text(QUESTION.replace("MATCH", "exact"))
    assert "no quality report" in unhobble("suite", "show", str(file)).words
    checked = unhobble("suite", "check", str(file), "--report", str(report), "--repeats", "2", "--backend", bubblewrap)
    assert checked.code == 0
    for said in (checked, unhobble("suite", "show", str(file))):
        assert "2 of 2 tasks are sound" in said.words
        assert "The human minutes of 1 of 2 questions are estimates." in said.words
    assert {task["sound"] for task in unhobble("suite", "show", str(file), "--json").json["tasks"]} == {True}
    file.write_text(QUESTION.replace("MATCH", "normalised"))
    assert "no quality report" in unhobble("suite", "show", str(file)).words


def test_an_unsound_suite_fails_the_check_and_its_faults_are_told(unhobble, bubblewrap, tmp_path):
    file = tmp_path / "mine.jsonl"
    file.write_text(QUESTION.replace('"MATCH"', '"regex", "pattern": "[0-9]"'))
    said = unhobble("suite", "check", str(file), "--backend", bubblewrap)
    assert said.code == 1
    assert "two: the answer to one is taken: '1'" in said.words
    assert "NOT SOUND" in said.words
    assert "1 of 2 tasks are sound" in said.words


def test_a_report_is_of_a_whole_suite(unhobble, tmp_path):
    said = unhobble("suite", "check", "builtin/shell", "--task", "log_count_503", "--report", str(tmp_path / "r.json"))
    assert said.code == 2
    assert "leave --task out" in said.words


def test_a_path_without_a_suite_is_bad_input(unhobble, tmp_path):
    assert "neither a folder with a suite.yaml nor a file of questions" in unhobble("suite", "show", str(tmp_path)).words
