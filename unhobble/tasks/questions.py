r"""Questions with answers, one JSON object a line: the format of ``builtin/questions``.

::

    {"suite": {"title": "...", "version": "1", "description": "..."}}
    {"id": "calendar_1", "family": "calendar", "question": "...", "answer": "Tuesday", "match": "normalised",
     "human_minutes": 2, "human_minutes_source": "estimate"}

The first line may describe the suite, as ``suite.yaml`` does. A question has ``answer`` or ``answers`` (alternatives, the first of
which is the reference); ``match`` says how a submission is judged (``unhobble.tasks.matching``), with ``tolerance`` and ``unit``
for ``number``, ``choices`` for ``choice`` and ``pattern`` (a regular expression of Python) for ``regex``. ``hints`` are what an
evaluator may tell as an advantage, ``files`` (text by path below /work) what the agent finds. Only the submission is judged,
never the files: doing nothing scores 0. Empty lines are left out.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from unhobble.errors import BadInput, Issue
from unhobble.messages import Frozen
from unhobble.protocols import Sandbox, Scorer, Task, VisibleScorer
from unhobble.registry import validation_issues
from unhobble.sandboxing import WORK_DIR, SandboxFile, SandboxNeeds
from unhobble.tasks import matching
from unhobble.tasks.matching import Key, Match
from unhobble.transcript import VerdictStep

_HAND_IN = "Hand your answer in with `submit`: it must be {how}. Only what is handed in is judged."
_FILES = "Files that you need are in /work: {files}."
_SHOWN_CHARACTERS = 200
_LEAST_CHOICES, _MOST_CHOICES = 2, 26


class Header(Frozen):
    """What the first line may say of the suite."""

    title: str = ""
    version: str = "0"
    description: str = ""
    human_minutes_note: str = ""


class Question(Frozen):
    """One line. What is wrong in several of its fields together is found by ``key_of``."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")
    family: str = Field(min_length=1)
    question: str = Field(min_length=1)
    answer: str | None = None
    answers: tuple[str, ...] | None = Field(None, min_length=1)
    match: Match
    human_minutes: float = Field(gt=0, allow_inf_nan=False)
    human_minutes_source: Literal["estimate", "measured"]
    hints: tuple[str, ...] = ()
    choices: tuple[str, ...] = Field((), max_length=_MOST_CHOICES)
    files: dict[str, str] = Field(default_factory=dict)
    tolerance: float | None = Field(None, ge=0, allow_inf_nan=False)
    unit: str | None = Field(None, min_length=1)
    pattern: str | None = Field(None, min_length=1)


class SubmissionScorer:
    """``protocols.Scorer`` that looks at what was handed in and at nothing else."""

    def __init__(self, key: Key) -> None:
        self._key = key

    async def score(self, sandbox: Sandbox, submission: str | None) -> VerdictStep:  # noqa: ARG002 - the protocol's signature
        """See ``protocols.Scorer``."""
        if self._key.accepts(submission or ""):
            return VerdictStep(score=1.0, passed=("answer",))
        said = "nothing was handed in" if not submission else f"not {submission[:_SHOWN_CHARACTERS]!r}"
        return VerdictStep(score=0.0, failed={"answer": f"{said}; accepted: {', '.join(map(repr, self._key.answers))}"})


class QuestionTask:
    """``protocols.Task`` of one question."""

    visible: VisibleScorer | None = None
    reference_steps: tuple[str, ...] = ()

    def __init__(self, question: Question, key: Key) -> None:
        self.id = question.id
        self.family = question.family
        self.human_minutes = question.human_minutes
        self.hints = question.hints
        self.instruction = _instruction(question, key)
        self.reference_submission = key.answers[0]
        self.needs = SandboxNeeds()
        self.scorer: Scorer = SubmissionScorer(key)
        self._files = [SandboxFile(f"{WORK_DIR}/{path}", text.encode()) for path, text in question.files.items()]

    async def set_up(self, sandbox: Sandbox) -> None:
        """See ``protocols.Task``."""
        if self._files:
            await sandbox.write_files(self._files)


class QuestionSuite:
    """``protocols.TaskSuite`` read from a file. Raises ``BadInput`` with all that is wrong in it, each with its line."""

    def __init__(self, suite_id: str, file: Path) -> None:
        self.id = suite_id
        self.quality_file = file.with_suffix(".quality.json")
        data = file.read_bytes()
        header, questions = _parsed(data, file.name)
        self.title = header.title or file.stem
        self.version = header.version
        self.digest = _digest(data)
        self.description = header.description
        self.human_minutes_note = header.human_minutes_note or _note(questions)
        self.tasks: tuple[Task, ...] = tuple(QuestionTask(question, key) for question, key in questions)


def _digest(data: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 over the file, how it is judged, and what is told beside each question."""
    judging = Path(matching.__file__).read_bytes()
    return hashlib.sha256(b"\0".join([judging, _HAND_IN.encode(), _FILES.encode(), data])).hexdigest()[:16]


def _parsed(data: bytes, name: str) -> tuple[Header, list[tuple[Question, Key]]]:
    header, questions, issues = Header(), [], []
    lines: dict[str, int] = {}
    for number, line in enumerate(data.decode("utf-8", errors="replace").split("\n"), start=1):
        if not line.strip():
            continue
        at = f"{name}:{number}"
        try:
            values = _object(line, at)
            if "suite" in values and number == 1:
                header = _validated(values["suite"], Header, f"{at}.suite")
                continue
            question = _validated(values, Question, at)
            if (first := lines.setdefault(question.id, number)) != number:
                issues.append(Issue(f"{at}.id", f"{question.id!r} is the question in line {first} already"))
            questions.append((question, key_of(question, at)))
        except BadInput as error:
            issues += error.issues
    if not questions and not issues:
        issues.append(Issue(name, "has no questions; write one JSON object a line"))
    if issues:
        raise BadInput(issues)
    return header, questions


def key_of(question: Question, at: str) -> Key:
    """What is accepted as an answer. Raises ``BadInput`` with all that does not fit together; its paths start at ``at``."""
    if issues := [Issue(f"{at}.{field}", message) for field, message in _misfits(question)]:
        raise BadInput(issues)
    answers = question.answers or (question.answer or "",)
    if question.match is Match.choice:
        by_words = dict(zip(question.choices, matching.letters(question.choices), strict=True))
        answers = tuple(by_words.get(answer, answer) for answer in answers)
    key = Key(
        match=question.match,
        answers=answers,
        tolerance=Fraction(str(question.tolerance or 0)),
        unit=question.unit or "",
        pattern=question.pattern or "",
        choices=question.choices,
    )
    if wrong := [answer for answer in answers if not key.accepts(answer)]:
        field = "answer" if question.answers is None else "answers"
        raise BadInput([Issue(f"{at}.{field}", f"{answer!r} {_UNFIT[question.match]}") for answer in wrong])
    return key


_UNFIT = {
    Match.exact: "is empty, or has white space around it",
    Match.normalised: "is empty",
    Match.number: "is not a number, such as -1234.5",
    Match.choice: "is neither one of the choices nor the letter of one",
    Match.regex: "does not match the pattern",
    Match.includes: "is empty",
}
_FIELD_OF = {"tolerance": Match.number, "unit": Match.number, "choices": Match.choice, "pattern": Match.regex}


def _misfits(question: Question) -> Iterator[tuple[str, str]]:
    """Fields that do not go with one another, and what is wrong with each."""
    if (question.answer is None) == (question.answers is None):
        yield "answer", "give one of answer and answers"
    for field, match in _FIELD_OF.items():
        if getattr(question, field) not in (None, ()) and question.match is not match:
            yield field, f"is for match {match.value} only, not {question.match.value}"
    if question.match is Match.choice:
        words = [matching.normalised(choice) for choice in question.choices]
        if len(words) < _LEAST_CHOICES or len(set(words)) < len(words) or any(len(word) < 1 for word in words):
            yield "choices", "give two or more that differ, and none that is empty"
        elif any(word.upper() in matching.letters(words) for word in words):
            yield "choices", "one of them can be taken for the letter of another"
    if question.match is Match.regex:
        try:
            re.compile(question.pattern or "")
        except re.error as error:
            yield "pattern", f"{question.pattern!r} is not a regular expression: {error}"
        if question.pattern is None:
            yield "pattern", "is missing"
    for path in question.files:
        if {"", ".", ".."} & set(path.split("/")) or "\0" in path:
            yield f"files.{path}", "is not a path below /work, such as data/table.csv"


def _instruction(question: Question, key: Key) -> str:
    listed = "\n".join(f"{letter}. {text}" for letter, text in zip(matching.letters(key.choices), key.choices, strict=True))
    files = _FILES.format(files=", ".join(f"`{path}`" for path in question.files)) if question.files else ""
    return "\n\n".join(filter(None, [question.question.strip(), listed, files, _HAND_IN.format(how=key.told)]))


def _note(questions: Sequence[tuple[Question, Key]]) -> str:
    estimated = sum(question.human_minutes_source == "estimate" for question, _ in questions)
    return f"The human minutes of {estimated} of {len(questions)} questions are estimates." if estimated else "Measured."


def _object(line: str, at: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise BadInput([Issue(at, f"is not JSON: {error}")]) from None
    if not isinstance(values, dict):
        raise BadInput([Issue(at, f"is not a JSON object: {line[:60]}")])
    return values


def _validated(values: Any, model: type[Any], at: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise BadInput(validation_issues(error, at)) from None
