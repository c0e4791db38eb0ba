"""A rehearsal tells what each step prints and is worth, and its scoring spoils nothing."""

import pytest

from tests.unhobble.tasks.fakes import FakeProvider, FakeTask, FakeVisible
from unhobble.errors import TaskError
from unhobble.sandboxing import Ending, SandboxSpec
from unhobble.tasks.folder import FolderTask
from unhobble.tasks.rehearsal import LOOKS, rehearse

SPEC = SandboxSpec(backend="bubblewrap")


def staged(commands):
    return sum(step in commands for step in ("one", "two")) / 2


async def test_each_step_is_scored_and_only_finished_work_with_the_reference_submission():
    task, provider = FakeTask(rule=staged), FakeProvider()
    task.visible = FakeVisible(lambda commands: float("two" in commands))
    seen = await rehearse(task, provider, SPEC)
    assert (seen.task, seen.start, seen.start_visible) == ("t", 0, 0)
    assert [(step.score, step.visible, step.exit_code, step.stdout_characters) for step in seen.steps] == [
        (0.5, 0, 1, 4),
        (1, 1, 1, 4),
    ]
    assert task.submissions == [None, None, "done", "done", "done"]
    assert provider.open_now == 0
    assert len(provider.labels) == 1


async def test_what_passing_over_a_step_costs_is_tried_out():
    task = FakeTask(rule=staged)
    task.visible = FakeVisible(lambda commands: float("two" in commands))
    seen = await rehearse(task, FakeProvider(), SPEC)
    assert [(step.without, step.visible_without) for step in seen.steps] == [(0.5, 1), (0.5, 0)]


async def test_looks_are_worth_what_doing_nothing_is():
    seen = await rehearse(FakeTask(rule=staged), FakeProvider(), SPEC)
    assert tuple(seen.looks) == LOOKS
    assert {look.score for look in seen.looks.values()} == {0}


async def test_a_step_that_does_not_end_by_itself_is_a_bug_of_the_task():
    provider = FakeProvider()
    provider.ending = Ending.timed_out
    with pytest.raises(TaskError, match="did not end by itself"):
        await rehearse(FakeTask(), provider, SPEC)
    assert provider.open_now == 0


@pytest.fixture
def spying(tmp_path):
    """A task of two stages whose second step looks for the hidden tests, and leaves what it found."""
    folder = tmp_path / "spying"
    (folder / "tests").mkdir(parents=True)
    (folder / "files").mkdir()
    (folder / "files" / "start").write_text("here")
    (folder / "task.yaml").write_text(
        "family: f\nhuman_minutes: 480\nhuman_minutes_source: estimate\ninstruction: Write one and two.\n"
        "solution:\n- printf 1 > one; echo hello; echo oops >&2; exit 3\n- ls -A /tests > two; printf 123456\n"
    )
    (folder / "tests" / "check.py").write_text(
        "from pathlib import Path\nSTAGES = {'one': 1, 'two': 3}\n"
        "def test_one(): assert Path('one').read_text() == '1'; Path('one').write_text('spoilt')\n"
        "def test_two(): assert Path('two').read_text() == ''; Path('two').unlink()\n"
    )
    return FolderTask(folder)


async def test_in_a_real_sandbox_no_scoring_is_seen_by_the_steps_after_it(bubblewrap, spying):
    seen = await rehearse(spying, bubblewrap, SPEC)
    assert seen.start == 0
    assert [(s.exit_code, s.stdout_characters, s.stderr_characters, s.score) for s in seen.steps] == [(3, 6, 5, 0.25), (0, 6, 0, 1)]
    assert [(s.without, s.changes_files) for s in seen.steps] == [(0.75, True), (0.25, True)]
    assert all(look.exit_code == 0 and look.stdout_characters for look in seen.looks.values())


async def test_in_a_real_sandbox_a_step_that_only_reads_changes_no_files(bubblewrap, spying):
    spying.reference_steps = ("printf 1 > one", "cat one", "printf '' > two", "touch one two; printf 1 > one")
    seen = await rehearse(spying, bubblewrap, SPEC)
    assert [step.changes_files for step in seen.steps] == [True, False, True, False]


async def test_in_a_real_sandbox_a_staged_task_is_sound_and_its_processor_time_is_told(bubblewrap, spying):
    from unhobble.tasks.quality import check_tasks

    (found,) = [task async for task in check_tasks([spying], bubblewrap, SPEC)]
    assert found.faults == ()
    assert found.cpu_s is not None
    assert found.repeatable


async def test_in_a_real_sandbox_a_solution_that_git_has_packed_is_found(bubblewrap, spying):
    """It stands in no file as it is, but in a pack, as a blob that no branch leads to."""
    from unhobble.tasks.quality import check_tasks

    words = "a line of the solution that is long enough to be told apart"
    (spying._folder / "setup.sh").write_text(
        f"set -e; git init -q r; cd r; echo '{words}' > a; git add a\n"
        "git -c user.name=a -c user.email=a@example.org commit -qm a; git repack -adq; rm a\n"
    )
    task = FolderTask(spying._folder)
    task.reference_steps = (f"echo '{words}' > answer; printf 1 > one", "ls -A /tests > two")
    (found,) = [checked async for checked in check_tasks([task], bubblewrap, SPEC)]
    assert found.faults == ("leak: /work/answer of the reference stands in what git packed",)
