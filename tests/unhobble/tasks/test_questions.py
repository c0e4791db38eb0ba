"""Files of questions: what a task of one is, and what is said of a file that does not follow the format."""

import json

import pytest

from unhobble.errors import BadInput
from unhobble.tasks.questions import QuestionSuite

LINE = {
    "id": "a",
    "family": "f",
    "question": "How many?",
    "answer": "3",
    "match": "number",
    "human_minutes": 2,
    "human_minutes_source": "estimate",
}


@pytest.fixture
def suite(tmp_path):
    def read(*lines: dict | str) -> QuestionSuite:
        file = tmp_path / "mine.jsonl"
        file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return QuestionSuite("mine", file)

    return read


class Places:
    def __init__(self):
        self.files = []

    async def write_files(self, files):
        self.files += files


async def test_a_line_is_a_task_that_is_judged_by_what_is_handed_in(suite):
    (task,) = suite(LINE | {"hints": ["Count."], "files": {"data/x.csv": "1\n"}}).tasks
    assert (task.id, task.family, task.human_minutes, task.hints) == ("a", "f", 2, ("Count.",))
    assert (task.reference_steps, task.reference_submission) == ((), "3")
    assert task.instruction == (
        "How many?\n\nFiles that you need are in /work: `data/x.csv`.\n\n"
        "Hand your answer in with `submit`: it must be a number and nothing else. Only what is handed in is judged."
    )
    assert [(await task.scorer.score(None, said)).score for said in (None, "", "3", "3.0", "4", "3 or 4")] == [0, 0, 1, 1, 0, 0]
    places = Places()
    await task.set_up(places)
    assert [(file.path, file.data) for file in places.files] == [("/work/data/x.csv", b"1\n")]


async def test_choices_are_listed_with_letters_and_the_reference_is_one(suite):
    (task,) = suite(LINE | {"match": "choice", "choices": ["Two", "Three"], "answer": "Three"}).tasks
    assert "A. Two\nB. Three\n" in task.instruction
    assert task.reference_submission == "B"
    said = await task.scorer.score(None, "A")
    assert said.failed == {"answer": "not 'A'; accepted: 'B'"}


def test_the_first_line_may_describe_the_suite(suite):
    described = suite({"suite": {"title": "T", "version": "7", "description": "D"}}, "", LINE)
    assert (described.title, described.version, described.description, len(described.tasks)) == ("T", "7", "D", 1)
    assert (suite(LINE).title, suite(LINE).version) == ("mine", "0")


@pytest.mark.parametrize(("source", "note"), [("estimate", "1 of 2 questions are estimates"), ("measured", "Measured")])
def test_it_is_said_where_the_minutes_come_from(suite, source, note):
    assert (
        note
        in suite(LINE | {"human_minutes_source": source}, LINE | {"id": "b", "human_minutes_source": "measured"}).human_minutes_note
    )


def test_the_digest_is_of_the_content(suite):
    assert suite(LINE).digest == suite(LINE).digest != suite(LINE | {"answer": "4"}).digest


def test_everything_that_is_wrong_is_told_at_once_with_file_and_line(suite):
    with pytest.raises(BadInput) as caught:
        suite(
            "{not json",
            LINE | {"colour": "red", "human_minutes": -1},
            LINE,
            "[1]",
            LINE | {"answer": "three"},
            LINE | {"id": "no answer", "answer": None},
            {"suite": {}},
        )
    paths = [issue.path for issue in caught.value.issues]
    assert paths[:6] == [
        "mine.jsonl:1",
        "mine.jsonl:2.human_minutes",
        "mine.jsonl:2.colour",
        "mine.jsonl:4",
        "mine.jsonl:5.id",
        "mine.jsonl:5.answer",
    ]
    assert "is the question in line 3 already" in str(caught.value)
    assert "mine.jsonl:6.id" in paths
    assert "mine.jsonl:7.suite" in paths


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"answers": ["3"]}, "answer", "give one of"),
        ({"answer": None}, "answer", "give one of"),
        ({"answers": [], "answer": None}, "answers", "at least 1"),
        ({"match": "fuzzy"}, "match", "exact"),
        ({"answer": "x"}, "answer", "'x' is not a number"),
        ({"answers": ["3", "x"], "answer": None}, "answers", "'x' is not a number"),
        ({"match": "exact", "answer": " "}, "answer", "is empty"),
        ({"match": "exact", "tolerance": 1}, "tolerance", "for match number only"),
        ({"unit": "km", "match": "includes"}, "unit", "for match number only"),
        ({"choices": ["x", "y"]}, "choices", "for match choice only"),
        ({"match": "choice"}, "choices", "two or more"),
        ({"match": "choice", "choices": ["x", "X"], "answer": "A"}, "choices", "differ"),
        ({"match": "choice", "choices": ["b", "a"], "answer": "A"}, "choices", "taken for the letter of another"),
        ({"match": "choice", "choices": ["x", "y"], "answer": "z"}, "answer", "neither one of the choices"),
        ({"match": "regex"}, "pattern", "is missing"),
        ({"match": "regex", "pattern": "("}, "pattern", "not a regular expression"),
        ({"match": "regex", "pattern": "4"}, "answer", "does not match the pattern"),
        ({"files": {"../x": ""}}, "files.../x", "not a path below /work"),
        ({"files": {"/x": ""}}, "files./x", "not a path below /work"),
        ({"tolerance": -1}, "tolerance", "greater than or equal to 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(suite, changes, path, message):
    with pytest.raises(BadInput) as caught:
        suite({key: value for key, value in (LINE | changes).items() if value is not None})
    assert caught.value.issues[0].path == f"mine.jsonl:1.{path}"
    assert message in caught.value.issues[0].message


def test_a_file_without_questions_is_refused(suite):
    with pytest.raises(BadInput, match="has no questions"):
        suite("")
