"""The check of a task can fail, in each way in which a task can be unsound; and what it finds can be kept and read again."""

import json

import pytest

from tests.unhobble.tasks.fakes import FakeProvider, FakeTask, FakeVisible, finished
from unhobble.errors import SandboxError, TaskError
from unhobble.sandboxing import SandboxSpec
from unhobble.tasks.checking import Play
from unhobble.tasks.quality import SuiteQuality, check_tasks, quality_of, rehearsals_of, reported, sandboxes_for
from unhobble.tasks.questions import QuestionSuite
from unhobble.tasks.rehearsal import LOOKS


async def checked(*tasks, provider=None, **options):
    provider = provider or FakeProvider()
    provider.silent = LOOKS
    found = [check async for check in check_tasks(tasks, provider, SandboxSpec(), **options)]
    assert provider.open_now == 0
    return found


async def fault_of(task, **options) -> str:
    (found,) = await checked(task, **options)
    assert found.sound == (not found.faults)
    return "; ".join(found.faults)


async def test_a_sound_task_is_played_in_fresh_sandboxes_and_told_its_times():
    provider = FakeProvider()
    (found,) = await checked(FakeTask(), provider=provider)
    assert found.sound
    assert found.scores == {Play.nothing: (0,), Play.reference: (1,), Play.unfinished: (0,), Play.twice: (1,)}
    assert found.repeatable
    assert not found.flaky
    assert found.cpu_s == 2 * 61.25
    assert len(set(provider.labels)) == len(provider.labels) == 5
    assert provider.memory_bytes == 2**31


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (lambda commands: 1.0, "nothing: score 1 where 0 is expected: every check passed"),
        (lambda commands: 0.0, "reference: score 0 where 1 is expected: test_it: not done"),
        (lambda commands: float(bool(commands)), "unfinished: score 1 where less than 1 is expected: every check passed"),
        (lambda commands: 0.1 if not commands else finished(commands), "nothing: score 0.1 where 0 is expected: test_it: not done"),
    ],
    ids=["passes whatever is done", "cannot be passed", "does not see unfinished work", "gives something for nothing"],
)
async def test_an_unsound_task_is_found_and_the_play_that_shows_it(rule, wrong):
    assert wrong in await fault_of(FakeTask(rule=rule))


async def test_unfinished_work_on_a_task_of_stages_may_have_any_score_below_1():
    (found,) = await checked(FakeTask(rule=lambda commands: len(set(commands)) / 2))
    assert found.sound
    assert found.scores[Play.unfinished] == (0.5,)
    assert [step.score for step in found.rehearsal.steps] == [0.5, 1]


async def test_a_step_of_the_reference_that_lowers_the_score_makes_a_task_unsound():
    def rule(commands):
        return {0: 0.0, 1: 0.5, 2: 0.25, 3: 1.0}[len(set(commands))]

    task = FakeTask(rule=rule)
    task.reference_steps = ("one", "two", "three")
    assert await fault_of(task) == "rehearsal: step 2 takes the score from 0.5 to 0.25"


async def test_steps_that_cannot_be_played_twice_are_told_and_are_no_fault():
    (found,) = await checked(FakeTask(rule=lambda commands: float(commands == ["one", "two"])))
    assert found.sound
    assert found.repeatable is False
    assert found.scores[Play.twice] == (0,)


async def test_the_visible_score_is_checked_and_unfinished_work_may_look_right():
    task = FakeTask()
    task.visible = FakeVisible(lambda commands: float(bool(commands)))
    (found,) = await checked(task)
    assert found.sound
    assert found.rehearsal.start_visible == 0
    assert [step.visible for step in found.rehearsal.steps] == [1, 1]


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (lambda commands: 1.0, "nothing: a visible score of 1 where less than 1 is expected"),
        (lambda commands: len(commands) * 0.49, "reference: a visible score of 0.98 where 1 is expected"),
    ],
    ids=["gives 1 to nothing", "does not give 1 to the reference"],
)
async def test_an_unsound_visible_scorer_makes_a_task_unsound(rule, wrong):
    task = FakeTask()
    task.visible = FakeVisible(rule)
    assert await fault_of(task) == wrong


async def test_a_score_that_differs_between_repeats_makes_a_task_flaky_and_unsound():
    finishes = iter([1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0])

    def rule(commands):
        return next(finishes) if finished(commands) else 0.0

    (found,) = await checked(FakeTask(rule=rule), repeats=4)
    assert found.flaky
    assert not found.sound
    assert found.scores[Play.reference] == (1, 0)


async def test_files_that_differ_between_repeats_are_named_and_are_no_fault():
    states = iter(range(100))

    def files(commands):
        return {"/work/same": b"same", "/work/log": str(next(states)).encode()} if commands else {}

    (found,) = await checked(FakeTask(), provider=FakeProvider(files), repeats=3)
    assert found.sound
    assert found.varying_files == ("/work/log",)
    (once,) = await checked(FakeTask(), provider=FakeProvider(files), repeats=1)
    assert once.varying_files == ()


SOLUTION = b"the one and only solution of this task\n"


def leaking(commands):
    return {"/work/.old/backup": b"before " + SOLUTION + b"after"} | ({"/work/answer": SOLUTION} if "two" in commands else {})


async def test_a_solution_that_stands_in_a_file_already_makes_a_task_unsound():
    assert await fault_of(FakeTask(), provider=FakeProvider(leaking)) == (
        "leak: /work/answer of the reference stands in /work/.old/backup"
    )


async def test_a_file_may_stand_already_where_the_task_says_why():
    task = FakeTask()
    task.stands_already = {"answer": "it is to be found"}
    assert await fault_of(task, provider=FakeProvider(leaking)) == ""


async def test_a_hidden_test_that_stands_in_a_file_of_the_agent_makes_a_task_unsound():
    task = FakeTask(tests={"/tests/check.py": SOLUTION})
    assert await fault_of(task, provider=FakeProvider(lambda commands: {"/work/notes": SOLUTION})) == (
        "leak: /tests/check.py stands in /work/notes"
    )


async def test_files_that_cannot_be_searched_are_a_fault():
    provider = FakeProvider()
    provider.too_much = True
    assert "too many or too large" in await fault_of(FakeTask(), provider=provider)


@pytest.mark.parametrize("error", [SandboxError("the engine is gone"), TaskError("no verdict"), ZeroDivisionError("oh")])
async def test_a_play_that_breaks_has_no_score_and_does_not_stop_the_others(error):
    def rule(commands):
        if finished(commands):
            raise error
        return 0.0

    found = {task.task: task for task in await checked(FakeTask("broken", rule), FakeTask("sound"))}
    assert found["broken"].scores[Play.reference] == (None,)
    assert found["broken"].rehearsal is None
    assert all(str(error) in fault for fault in found["broken"].faults)
    assert found["sound"].sound


async def test_no_more_sandboxes_are_open_than_there_are_jobs():
    provider = FakeProvider()
    await checked(*[FakeTask(str(i)) for i in range(6)], provider=provider, jobs=2)
    assert provider.most_open == 2


async def test_leaving_early_closes_what_is_open():
    provider = FakeProvider()
    checks = check_tasks([FakeTask(str(i)) for i in range(6)], provider, SandboxSpec(), jobs=2)
    await anext(checks)
    await checks.aclose()
    assert provider.open_now == 0


@pytest.mark.parametrize("repeats", [1, 3])
async def test_as_many_sandboxes_are_told_of_as_were_said_before(repeats):
    question = FakeTask("question", rule=lambda commands: 0.0)
    question.reference_steps = ()
    told = []
    await checked(FakeTask(), question, repeats=repeats, advance=lambda: told.append(1))
    assert len(told) == sandboxes_for(FakeTask(), repeats) + sandboxes_for(question, repeats)


def questions(tmp_path, *answers, match="normalised"):
    file = tmp_path / "some.jsonl"
    common = {"family": "f", "match": match, "human_minutes": 1, "human_minutes_source": "estimate"}
    lines = [{"id": f"q{i}", "question": f"What is {i}?", "answer": answer} | common for i, answer in enumerate(answers)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return QuestionSuite("some", file)


async def test_a_question_is_sound_when_its_answer_passes_and_an_empty_one_does_not(tmp_path):
    found = await checked(*questions(tmp_path, "red", "blue", "red").tasks)
    assert [task.sound for task in found] == [True] * 3
    assert found[0].scores == {Play.nothing: (0,), Play.reference: (1,), Play.unfinished: (0,)}
    assert (found[0].repeatable, found[0].cpu_s, found[0].rehearsal.steps) == (None, None, ())


async def test_a_question_that_takes_the_answer_to_another_of_its_family_is_unsound(tmp_path):
    found = await checked(*questions(tmp_path, "red", "dark red", match="includes").tasks)
    faults = {task.task: task.faults for task in found}
    assert faults == {"q0": ("the answer to q1 is taken: 'dark red'",), "q1": ()}


async def report_of(suite) -> SuiteQuality:
    return reported(suite, (await checked(*suite.tasks))[::-1], backend="fake", repeats=1)


async def test_a_report_beside_its_suite_is_read_again_and_gives_the_rehearsals(tmp_path):
    suite = questions(tmp_path, "red", "blue")
    assert quality_of(suite) is rehearsals_of(suite) is None
    report = await report_of(suite)
    (tmp_path / "some.quality.json").write_text(report.to_json())
    assert quality_of(suite) == report
    assert [task.task for task in report.tasks] == ["q0", "q1"]
    assert rehearsals_of(suite) == {task.task: task.rehearsal for task in report.tasks}
    assert "estimates" in report.human_minutes_note


async def test_a_report_of_another_digest_says_nothing(tmp_path):
    suite = questions(tmp_path, "red")
    (tmp_path / "some.quality.json").write_text((await report_of(suite)).to_json())
    changed = questions(tmp_path, "reddish")
    assert quality_of(changed) is rehearsals_of(changed) is None


async def test_a_report_without_every_rehearsal_gives_none(tmp_path):
    suite = questions(tmp_path, "red", "blue")
    report = await report_of(suite)
    some = report.model_copy(update={"tasks": report.tasks[:1]})
    (tmp_path / "some.quality.json").write_text(some.to_json())
    assert quality_of(suite) == some
    assert rehearsals_of(suite) is None


def test_a_file_that_is_no_report_says_nothing(tmp_path):
    suite = questions(tmp_path, "red")
    (tmp_path / "some.quality.json").write_text('{"suite": 3}')
    assert quality_of(suite) is None
