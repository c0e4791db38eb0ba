"""A suite of one's own is found in a folder, and by its path."""

import json
from pathlib import Path

import pytest
import yaml

from tests.unhobble.tasks.test_folder import SUITE, TASK
from tests.unhobble.tasks.test_questions import LINE
from unhobble.errors import BadInput, NotFound
from unhobble.registry import Registry
from unhobble.tasks.plugins import suite_at
from unhobble.vocabulary import PluginKind


@pytest.fixture
def mine(tmp_path):
    suites = tmp_path / "suites"
    task = suites / "workshop" / "first"
    task.mkdir(parents=True)
    (task / "task.yaml").write_text(yaml.safe_dump(TASK))
    (suites / "workshop" / "suite.yaml").write_text(yaml.safe_dump(SUITE))
    (suites / "quiz.jsonl").write_text(json.dumps(LINE))
    (suites / "_draft.jsonl").write_text("nothing yet")
    (suites / "workshop.quality.json").write_text("{}")
    return suites


def test_folders_and_files_in_a_plugin_folder_are_suites_beside_the_built_in_ones(mine):
    registry = Registry([mine.parent])
    assert registry.ids(PluginKind.suite) == sorted([*Registry().ids(PluginKind.suite), "quiz", "workshop"])
    quiz, workshop = registry.build(PluginKind.suite, "quiz"), registry.build(PluginKind.suite, "workshop")
    assert [task.id for task in quiz.tasks] == ["a"]
    assert [task.id for task in workshop.tasks] == ["first"]
    assert workshop.human_minutes_note == SUITE["human_minutes_note"]


def test_a_suite_is_found_by_its_path(mine):
    assert suite_at(mine / "quiz.jsonl").id == "quiz"
    assert suite_at(mine / "workshop").id == "workshop"
    for nothing in (mine, mine / "none.jsonl", Path("/nowhere")):
        with pytest.raises(NotFound):
            suite_at(nothing)


def test_a_broken_suite_breaks_no_other_and_tells_all_that_is_wrong_in_any_of_its_tasks(mine):
    second = mine / "workshop" / "second"
    second.mkdir()
    (second / "task.yaml").write_text("family: [")
    (mine / "workshop" / "first" / "task.yaml").write_text(yaml.safe_dump(TASK | {"human_minutes": 0, "colour": "red"}))
    registry = Registry([mine.parent])
    assert registry.build(PluginKind.suite, "quiz").tasks
    with pytest.raises(BadInput) as caught:
        registry.build(PluginKind.suite, "workshop")
    assert [issue.path for issue in caught.value.issues] == [
        "first/task.yaml.human_minutes",
        "first/task.yaml.colour",
        "second/task.yaml",
    ]


def test_a_folder_without_tasks_is_refused(mine):
    (mine / "workshop" / "first" / "task.yaml").unlink()
    with pytest.raises(BadInput, match="has no tasks"):
        suite_at(mine / "workshop")
