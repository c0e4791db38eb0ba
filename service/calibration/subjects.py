"""What is calibrated: organisms, and the study that each of them is put through. Bad input is found here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from service.plan import StudyPlan, plan_study
from unhobble.errors import BadInput, Issue
from unhobble.models.organism.client import PREFIX
from unhobble.models.organism.traits import Traits, load_traits, organism_names
from unhobble.registry import Registry, validation_issues
from unhobble.spec import BudgetSpec, SearchSpec, StudyModel, StudySpec, SuiteSpec

_OPTION_OF = {
    "budget.rollouts": "--rollouts",
    "search.strategy": "--strategy",
    "search.options": "--option",
    "suite": "--suite",
    "space": "--space",
    "model": "--organism",
}
"""Which option of the command line a place in a study's document comes from."""

_STANDS_FOR_ANY = "compliant"
"""The organism whose name a study carries for traits that came from a file: a study can only name those that are shipped."""


@dataclass(frozen=True)
class Subject:
    """An organism under calibration."""

    name: str
    traits: Traits


@dataclass(frozen=True)
class Course:
    """The study that every organism is put through, once for each seed.

    ``rollouts_for_the_best`` are those by which the true best of the space is looked for, and no study's.
    """

    strategy: str = "tpe"
    options: dict[str, Any] = field(default_factory=dict)
    space: str | dict[str, Any] = "default"
    suite: str = "builtin/shell"
    rollouts: int = 400
    rollouts_for_the_best: int = 5_000

    def plan(self, subject: Subject, seed: int, registry: Registry) -> StudyPlan:
        """The study of ``subject`` with ``seed``. Raises ``BadInput`` with every issue, by the options of the command line."""
        shipped = subject.name in organism_names() and load_traits(subject.name) == subject.traits
        spec = StudySpec(
            name=f"calibration of {subject.name}"[:200],
            model=StudyModel(
                id=PREFIX + (subject.name if shipped else _STANDS_FOR_ANY),
                params={} if shipped else {"traits": subject.traits.model_dump(mode="json")},
            ),
            suite=SuiteSpec(id=self.suite),
            space=self.space,
            budget=BudgetSpec(rollouts=self.rollouts),
            search=SearchSpec(strategy=self.strategy, options=self.options, seed=seed),
        )
        try:
            return plan_study(spec, registry)
        except BadInput as error:
            raise BadInput([_by_option(issue) for issue in error.issues]) from None


def read_subjects(names: Sequence[str]) -> list[Subject]:
    """The organisms called ``names``, shipped ones or files of traits; all shipped ones where there are no names.

    Raises ``BadInput`` for names of neither, and for files that are not of traits.
    """
    issues: list[Issue] = []
    found: dict[str, Subject] = {}
    for name in names or organism_names():
        try:
            subject = _subject(name)
        except BadInput as error:
            issues += error.issues
            continue
        if subject.name in found:
            issues.append(Issue("--organism", f"{subject.name!r} is given twice; give each organism once, and files other names"))
        found[subject.name] = subject
    if issues:
        raise BadInput(issues)
    if not found:
        raise BadInput([Issue("--organism", "there is no organism to calibrate with; give a YAML file of traits")])
    return list(found.values())


def check_course(course: Course, subjects: Iterable[Subject], seeds: Sequence[int], registry: Registry) -> None:
    """Raises ``BadInput`` where the studies cannot be done, each thing that is wrong once."""
    issues: dict[Issue, None] = {}
    for subject in subjects:
        try:
            plan = course.plan(subject, seeds[0], registry)
        except BadInput as error:
            issues |= dict.fromkeys(error.issues)
        else:
            issues |= dict.fromkeys(_unplayable(plan))
    if issues:
        raise BadInput(list(issues))


def _unplayable(plan: StudyPlan) -> list[Issue]:
    """What only real rollouts can do."""
    without = [task.id for task in plan.chosen if not task.reference_steps and not task.reference_submission]
    if without:
        said = f"{plan.suite.id} has no reference solution of {', '.join(without)}, and a simulated model solves tasks by those"
        return [Issue("--suite", said)]
    return []


def _subject(name: str) -> Subject:
    plain = name.removeprefix(PREFIX)
    if plain in organism_names():
        return Subject(plain, load_traits(plain))
    path = Path(name)
    if not path.is_file():
        said = f"{name!r} is neither a shipped organism nor a file; there are {', '.join(organism_names())}"
        raise BadInput([Issue("--organism", said)])
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Subject(path.stem, Traits.model_validate(document))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        said = " ".join(str(error).split())
        raise BadInput([Issue("--organism", f"{path} cannot be read as YAML: {said}")]) from None
    except ValidationError as error:
        raise BadInput(validation_issues(error, f"{path}")) from None


def _by_option(issue: Issue) -> Issue:
    for place, option in _OPTION_OF.items():
        if issue.path == place or issue.path.startswith(f"{place}."):
            rest = issue.path.removeprefix(place).removeprefix(".")
            return Issue(option, f"{rest}: {issue.message}" if rest and option in ("--space", "--option") else issue.message)
    return issue
