"""``organism truth``: what a simulated model can really do, and what keeps it from that."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.documents import read_document, read_export, read_space
from service.commands.terminal import Json, err, out, print_json, quiet_stdout
from unhobble.errors import BadInput, Issue
from unhobble.vocabulary import Split

if TYPE_CHECKING:
    from service.calibration.best import TrueBest
    from service.calibration.simulations import Simulations
    from service.calibration.subjects import Subject
    from service.plan import StudyPlan
    from unhobble.configuration import Configuration
    from unhobble.models.organism.truth import Truth
    from unhobble.protocols import Task
    from unhobble.tasks.rehearsal import Rehearsal

_CAUSES_EPOCHS = 2
_FRESH_EPOCHS = 20


@dataclass(frozen=True)
class _Row:
    """A configuration, how well it really does, and the shares of its failures by their true cause."""

    name: str
    configuration: "Configuration"
    truth: "Truth"
    causes: Mapping[str, float]


def truth(
    name: Annotated[str, typer.Argument(metavar="ORGANISM", help="The organism, with or without organism/, or a YAML file.")],
    *,
    space: Annotated[str, typer.Option(help="A preset, or a YAML or JSON file of a space.")] = "default",
    suite: Annotated[str, typer.Option(help="The tasks.")] = "builtin/shell",
    task: Annotated[list[str] | None, typer.Option(metavar="T", help="Only this task; may be given again.")] = None,
    split: Annotated[Split | None, typer.Option(help="Only the tasks that a study would search on, or hold out.")] = None,
    configuration: Annotated[
        Path | None, typer.Option(metavar="best.yaml", help="Tell the truth of the configuration of this export, too.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="... of the baseline with this changed; may be given again."),
    ] = None,
    rollouts: Annotated[
        int, typer.Option(min=100, help="Simulated rollouts for finding the best; an endless space takes more.")
    ] = 14_000,
    best: Annotated[bool, typer.Option("--best/--no-best", help="Look for the best configuration of the space.")] = True,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything that is drawn at random.")] = 0,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes at once. Default: one for each core.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a SIMULATED model really can do, with the error of each figure, and what keeps it from that.

    The real prompts, formats and scaffolds are played against it, without sandboxes: the baseline of the space, the best that is
    in it, and any configuration that is given.
    """
    from service.calibration.campaign import cores
    from service.calibration.rehearsals import shipped_or_rehearsed
    from service.calibration.simulations import Simulations
    from service.calibration.subjects import Course, check_course, read_subjects
    from unhobble.registry import installed

    (subject,) = read_subjects([name])
    course = Course(space=read_space(space), suite=suite)
    check_course(course, [subject], [0], installed())
    plan = course.plan(subject, 0, installed())
    tasks = _wanted(plan, task or [], split)
    named = {"baseline": plan.baseline} | _given(plan, configuration, changes or [])
    rehearsals: dict[str, Rehearsal]
    with _progress("trying the tasks in sandboxes", len(tasks)) as advance, quiet_stdout(quiet=True):
        rehearsals = shipped_or_rehearsed(plan.suite, tasks, advance=lambda: advance(1))
    work = _work(rollouts if best else 0, len(named) + best, len(tasks))
    with (
        _progress("simulating", work) as advance,
        Simulations(subject.traits, tasks, rehearsals, jobs=jobs or cores(), advance=advance) as simulations,
    ):
        found = _best(simulations, plan, seed=seed, rollouts=rollouts) if best else None
        rows = [_row(simulations, one, chosen, seed) for one, chosen in named.items()]
        if found is not None:
            if rows[0].truth.mean > found.truth.mean:  # the baseline is of the space too
                found = replace(found, configuration=plan.baseline, truth=rows[0].truth)
            rows.append(_row(simulations, "best", found.configuration, seed, found.truth))
    if as_json:
        print_json(_document(subject, plan, tasks, rows, found))
    else:
        _print(subject, plan, tasks, rows, found)


# --- what is asked for --------------------------------------------------------------------------------------------------
def _wanted(plan: "StudyPlan", names: Sequence[str], split: Split | None) -> "list[Task]":
    known = {task.id: task for task in plan.chosen}
    if unknown := sorted(set(names) - known.keys()):
        raise BadInput([Issue("--task", f"{plan.suite.id} has no task {', '.join(unknown)}; it has {', '.join(known)}")])
    tasks = [known[name] for name in dict.fromkeys(names or known) if split in (None, plan.splits[name])]
    if not tasks:
        raise BadInput([Issue("--split", f"none of these tasks is in the split {split}")])
    return tasks


def _given(plan: "StudyPlan", export: Path | None, changes: Sequence[str]) -> "dict[str, Configuration]":
    """The configurations that are asked for beside the baseline, by what they are called. Raises ``BadInput``."""
    from unhobble.configuration import Configuration, check_configuration
    from unhobble.registry import installed

    found: dict[str, Configuration] = {}
    if export is not None:
        found["given"] = _of_export(export)
    if changes:
        found["changed"] = Configuration({**plan.baseline.root, **_changes(changes)})
    if issues := [issue for one, chosen in found.items() for issue in check_configuration(chosen, installed(), one)]:
        raise BadInput(issues)
    return found


def _of_export(export: Path) -> "Configuration":
    """The configuration of an export, or of a file that holds nothing else."""
    from pydantic import ValidationError

    from unhobble.configuration import Configuration
    from unhobble.registry import validation_issues

    document = read_document(export)
    if isinstance(document, dict) and "configuration" in document:
        return read_export(export).configuration
    try:
        return Configuration.model_validate(document)
    except ValidationError as error:
        raise BadInput(validation_issues(error, str(export))) from None


def _changes(given: Sequence[str]) -> dict[str, Any]:
    import yaml

    changes: dict[str, Any] = {}
    for text in given:
        path, equals, value = text.partition("=")
        if not path or not equals:
            raise BadInput([Issue("--set", f"must be PATH=VALUE, not {text!r}")])
        try:
            changes[path] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadInput([Issue("--set", f"the value of {path} cannot be read: {value!r}")]) from None
    return changes


# --- while it lasts -----------------------------------------------------------------------------------------------------
def _work(rollouts: int, rows: int, tasks: int) -> int:
    """About how many rollouts all of it takes."""
    return rollouts + rows * tasks * (_FRESH_EPOCHS + _CAUSES_EPOCHS)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.progress import Progress

    with Progress(console=err(), disable=not err().is_terminal, transient=True) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda count: progress.advance(bar, count)


def _best(simulations: "Simulations", plan: "StudyPlan", *, seed: int, rollouts: int) -> "TrueBest":
    from service.calibration.best import best_of

    return best_of(simulations, plan.space, objective=plan.spec.objective, seed=seed, rollouts=rollouts)


def _row(simulations: "Simulations", name: str, configuration: "Configuration", seed: int, known: "Truth | None" = None) -> _Row:
    from service.calibration.best import measured
    from service.calibration.simulations import draws

    places = range(len(simulations.tasks))
    looked_at = draws(simulations.tasks, places, _CAUSES_EPOCHS, seed=seed, purpose="causes")
    causes = Counter(cause.first.value for cause in simulations.causes(configuration, looked_at) if cause)
    shares = {cause: count / causes.total() for cause, count in causes.most_common()}
    return _Row(name, configuration, known or measured(simulations, configuration, seed=seed, epochs=_FRESH_EPOCHS), shares)


# --- what is shown ------------------------------------------------------------------------------------------------------
def _document(
    subject: "Subject", plan: "StudyPlan", tasks: "Sequence[Task]", rows: Sequence[_Row], found: "TrueBest | None"
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "organism": subject.name,
        "simulated": True,
        "fingerprint": subject.traits.fingerprint,
        "suite": {"id": plan.suite.id, "version": plan.suite.version, "digest": plan.suite.digest},
        "tasks": [task.id for task in tasks],
        "space": plan.space.name,
        "configurations": {
            row.name: {
                "configuration": row.configuration.root,
                "success": row.truth.mean,
                "success_error": row.truth.standard_error,
                "score": row.truth.score,
                "score_error": row.truth.score_error,
                "rollouts": row.truth.rollouts,
                "causes": dict(row.causes),
            }
            for row in rows
        },
    }
    if found is not None:
        document["search_for_the_best"] = {
            "how": found.how,
            "rollouts": found.rollouts,
            "finalists": found.finalists,
            "exhaustive": found.exhaustive,
            "another_finalist_at_most_above": found.above,
        }
    return document


def _print(subject: "Subject", plan: "StudyPlan", tasks: "Sequence[Task]", rows: Sequence[_Row], found: "TrueBest | None") -> None:
    from rich.table import Table

    out().print(f"[black on yellow] SIMULATED MODEL [/] {subject.name}: {subject.traits.summary}\n")
    out().print(f"{len(tasks)} tasks of {plan.suite.id} {plan.suite.version}; space {plan.space.name}\n", markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("", "success", "± error", "score", "± error", "rollouts"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for row in rows:
        figures = (row.truth.mean, row.truth.standard_error, row.truth.score, row.truth.score_error)
        table.add_row(row.name, *(f"{figure:.3f}" for figure in figures), f"{row.truth.rollouts:,}")
    out().print(table)
    out().print(
        "Success: rollouts with the full score. Score: with the parts of what is not finished. Standard errors.", style="dim"
    )
    if found is not None:
        _print_best(plan, found)
    out().print("\n[bold]What keeps it[/] (true causes of failures, by playing them again without each)")
    for row in rows:
        shares = ", ".join(f"{cause} {share:.0%}" for cause, share in row.causes.items())
        out().print(f"  {row.name}: {shares or 'nothing, it did not fail'}", markup=False)


def _print_best(plan: "StudyPlan", found: "TrueBest") -> None:
    from unhobble.configuration import NO_VARIANT

    baseline = plan.baseline.root
    changed = {path: value for path, value in found.configuration.root.items() if baseline.get(path, NO_VARIANT) != value}
    out().print("\n[bold]The best[/]", "is the baseline itself" if not changed else "differs from the baseline in")
    for path, value in changed.items():
        out().print(f"  {path}: {value}", markup=False)
    out().print(f"Found among {found.how}; {found.rollouts:,} rollouts.", style="dim")
    above = f"with 95 % confidence none of the {found.finalists} that came last lies more than {found.above:.3f} above it"
    out().print(above + ("." if found.exhaustive else ", and what was dropped before was dropped on a guess."), style="dim")
