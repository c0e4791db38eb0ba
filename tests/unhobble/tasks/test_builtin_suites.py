"""Every built-in suite is what it says: checked in real sandboxes, and against what a suite must have."""

import asyncio
from collections import Counter

import pytest

from unhobble.registry import installed
from unhobble.sandboxing import SandboxSpec
from unhobble.tasks.quality import check_tasks, quality_of, rehearsals_of
from unhobble.vocabulary import PluginKind

SHELL = installed().build(PluginKind.suite, "builtin/shell")


SUITES = [installed().build(PluginKind.suite, suite) for suite in installed().ids(PluginKind.suite) if suite.startswith("builtin/")]


@pytest.mark.slow
@pytest.mark.timeout(900)  # seconds, against a hang: it has some four hundred sandboxes to go through
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.id)
@pytest.mark.parametrize("backend", ["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def test_every_task_is_sound(backend, suite):
    async def faults() -> dict[str, tuple[str, ...]]:
        provider = installed().build(PluginKind.sandbox, backend)
        try:
            spec = SandboxSpec(backend=backend)
            # What each step is worth stands in the shipped report, which is of the same digest.
            checks = [check async for check in check_tasks(suite.tasks, provider, spec, jobs=3, rehearsing=False)]
        finally:
            await provider.close()
        assert len(checks) == len(suite.tasks)
        return {check.task: check.faults for check in checks if not check.sound}

    assert asyncio.run(faults()) == {}


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.id)
def test_the_shipped_quality_report_is_of_this_digest_and_finds_every_task_sound(suite):
    """Made anew by ``unhobble suite check SUITE --repeats 20 --report unhobble/tasks/builtin/NAME.quality.json``."""
    report = quality_of(suite)
    assert report is not None, f"the report of {suite.id} is not of digest {suite.digest}"
    assert (report.suite, report.version) == (suite.id, suite.version)
    assert [task.task for task in report.tasks] == [task.id for task in suite.tasks]
    assert {task.task: task.faults for task in report.tasks if not task.sound or task.flaky} == {}
    steps = {task: len(rehearsal.steps) for task, rehearsal in (rehearsals_of(suite) or {}).items()}
    assert steps == {task.id: len(task.reference_steps) for task in suite.tasks}


def test_there_are_at_least_60_tasks_in_at_least_10_families_from_a_minute_to_eight_hours():
    minutes = [task.human_minutes for task in SHELL.tasks]
    families = Counter(task.family for task in SHELL.tasks)
    assert len(SHELL.tasks) >= 60
    assert len(families) >= 10
    assert min(families.values()) >= 3
    assert min(minutes) == 1
    assert max(minutes) == 480


def test_no_two_tasks_can_be_taken_for_one_another():
    instructions = [" ".join(task.instruction.split()) for task in SHELL.tasks]
    assert not [a for a in instructions for b in instructions if a is not b and a in b]


def test_at_least_four_tasks_have_a_visible_scorer_for_searches_that_go_by_one():
    assert sum(task.visible is not None for task in SHELL.tasks) >= 4


def test_a_reference_solution_has_several_steps():
    assert all(len(task.reference_steps) >= 2 for task in SHELL.tasks)


def test_the_digest_is_of_the_content(tmp_path):
    import shutil
    from pathlib import Path

    from unhobble.tasks import builtin
    from unhobble.tasks.folder import FolderSuite

    copy = tmp_path / "shell"
    shutil.copytree(Path(builtin.__file__).parent / "shell", copy)
    assert FolderSuite("x", copy).digest == SHELL.digest
    check = copy / "log_count_503" / "tests" / "check.py"
    check.write_text(check.read_text() + "\n")
    assert FolderSuite("x", copy).digest != SHELL.digest


def test_every_task_has_hints_that_an_evaluator_could_give():
    assert {task.id: len(task.hints) for task in SHELL.tasks if not 1 <= len(task.hints) <= 2} == {}
    assert {hint for task in SHELL.tasks for hint in task.hints if not 60 <= len(hint) <= 320} == set()


def test_no_hint_gives_a_line_of_the_solution_away():
    """A line of fewer than 10 characters (``esac``, ``git log``) is a word and no solution."""
    given = [
        (task.id, line)
        for task in SHELL.tasks
        for line in {line.strip() for step in task.reference_steps for line in step.splitlines()}
        if len(line) >= 10 and line in " ".join(task.hints)
    ]
    assert given == []
