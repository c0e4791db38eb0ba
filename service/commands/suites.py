"""``suite``: the tasks, and the proof that they measure what they claim to."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from service.commands.terminal import FAILED, Json, err, load_settings, out, print_json, quiet_stdout
from unhobble.errors import BadInput, Issue

if TYPE_CHECKING:
    from rich.table import Table

    from unhobble.protocols import Task, TaskSuite
    from unhobble.tasks.quality import SuiteQuality, TaskQuality

app = typer.Typer()
suite = typer.Typer(no_args_is_help=True, help="Suites of tasks: what there is, and whether it is sound.")
app.add_typer(suite, name="suite")

SuiteId = Annotated[
    str,
    typer.Argument(metavar="SUITE", help="A suite, for example builtin/shell; or the path of a folder or file (.jsonl) of one."),
]
_NO_REPORT = "It has no quality report of this digest; 'unhobble suite check' makes one."


@suite.command(name="list")
def list_suites(*, as_json: Json = False) -> None:
    """Show the suites that are installed."""
    from unhobble.registry import installed
    from unhobble.vocabulary import PluginKind

    suites = [_built(plugin_id) for plugin_id in installed().ids(PluginKind.suite)]
    if as_json:
        rows = [{"id": s.id, "version": s.version, "digest": s.digest, "tasks": len(s.tasks)} for s in suites]
        print_json({"suites": rows})
        return
    table = _table("suite", "version", "tasks", "digest", "families")
    for one in suites:
        families = ", ".join(dict.fromkeys(task.family for task in one.tasks))
        table.add_row(one.id, one.version, str(len(one.tasks)), one.digest, families)
    out().print(table)


@suite.command()
def show(
    suite_id: SuiteId,
    *,
    held_out_fraction: Annotated[float, typer.Option(min=0.01, max=0.99, help="Share that a study holds out.")] = 0.4,
    as_json: Json = False,
) -> None:
    """Show the tasks of a suite, how a study would divide them, and what its quality report says of them."""
    from unhobble.tasks.quality import quality_of
    from unhobble.tasks.splits import split_tasks

    found = _built(suite_id)
    splits = split_tasks(found.tasks, held_out_fraction)
    report = quality_of(found)
    if as_json:
        print_json(_shown(found, report, {task: split.value for task, split in splits.items()}))
        return
    out().print(f"{found.id} {found.version}, digest {found.digest}\n", markup=False)
    quality = {task.task: task for task in report.tasks} if report else {}
    table = _table("task", "family", "minutes", "split", *(("verdict", "seconds") if report else ()))
    for task in sorted(found.tasks, key=lambda task: (task.family, task.human_minutes)):
        checked = quality.get(task.id)
        cells = (_verdict(checked), f"{checked.wall_s:.1f}") if checked else ()
        table.add_row(task.id, task.family, f"{task.human_minutes:g}", splits[task.id].value, *cells)
    out().print(table)
    out().print(f"\nMinutes are what the task takes a skilled person. {found.human_minutes_note}", style="dim")
    out().print(_of_report(report) if report else _NO_REPORT, style="dim")


@suite.command()
def check(
    suite_id: SuiteId,
    *,
    task: Annotated[list[str] | None, typer.Option(metavar="T", help="Only this task; may be given again.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often nothing and the reference are played, to see what varies.")] = 1,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the quality report to this JSON file.")] = None,
    backend: Annotated[str, typer.Option(help="Sandbox backend: auto, bubblewrap or docker.")] = "bubblewrap",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Tasks checked at once.")] = 2,
    as_json: Json = False,
) -> None:
    """Prove in real sandboxes that nothing scores 0, the reference scores 1, and the unfinished reference scores less.

    No step of the reference may lower the score. Where a task has a visible scorer, that must give 1 to the reference and less to
    nothing. Nothing that the reference makes, and no hidden test, may stand in a file that the agent starts with.
    """
    from unhobble.tasks.quality import reported

    if report and task:
        raise BadInput([Issue("--report", "is of a whole suite; leave --task out")])
    found = _built(suite_id)
    tasks = _wanted(found, task or [])
    with quiet_stdout(quiet=True):
        used, checked = asyncio.run(_checked(tasks, backend, repeats=repeats, jobs=jobs))
    made = reported(found, checked, backend=used, repeats=repeats)
    if report:
        report.write_text(made.to_json())
    sound = sum(task.sound for task in made.tasks)
    if as_json:
        print_json(made.model_dump(mode="json") | {"sound": sound})
    else:
        _print_report(made)
        out().print(f"\n{sound} of {len(made.tasks)} tasks are sound.")
    if sound < len(made.tasks):
        raise typer.Exit(FAILED)


def _built(suite_id: str) -> "TaskSuite":
    from unhobble.registry import installed
    from unhobble.tasks.plugins import suite_at
    from unhobble.vocabulary import PluginKind

    if suite_id not in installed().ids(PluginKind.suite) and Path(suite_id).exists():
        return suite_at(Path(suite_id))
    found: TaskSuite = installed().build(PluginKind.suite, suite_id)
    return found


def _wanted(found: "TaskSuite", names: Sequence[str]) -> "list[Task]":
    known = {task.id: task for task in found.tasks}
    if unknown := sorted(set(names) - known.keys()):
        raise BadInput([Issue("--task", f"{found.id} has no task {', '.join(unknown)}; it has {', '.join(known)}")])
    return [known[name] for name in dict.fromkeys(names or known)]


async def _checked(tasks: "Sequence[Task]", backend: str, *, repeats: int, jobs: int) -> "tuple[str, list[TaskQuality]]":
    """The backend that was chosen, and what was found."""
    from rich.progress import Progress

    from sandboxes import choose
    from unhobble.sandboxing import SandboxSpec
    from unhobble.tasks.quality import check_tasks, sandboxes_for
    from unhobble.vocabulary import PluginKind

    registry = load_settings().registry()
    # A suite that is checked is trusted with the hosts that its tasks declare.
    spec = SandboxSpec(backend=backend, network="allowlist")
    choice = await choose(spec, registry, tasks)
    provider = registry.build(PluginKind.sandbox, choice.backend)
    spec = spec.model_copy(update={"backend": choice.backend})
    try:
        with Progress(console=err(), disable=not err().is_terminal) as progress:
            total = sum(sandboxes_for(task, repeats) for task in tasks)
            bar = progress.add_task(f"checking {len(tasks)} tasks in {choice.backend}", total=total)
            checks = check_tasks(tasks, provider, spec, repeats=repeats, jobs=jobs, advance=lambda: progress.advance(bar))
            return choice.backend, [checked async for checked in checks]
    finally:
        await provider.close()


def _shown(found: "TaskSuite", report: "SuiteQuality | None", splits: dict[str, str]) -> dict[str, Any]:
    quality = {task.task: task for task in report.tasks} if report else {}
    tasks = []
    for task in found.tasks:
        row = {"id": task.id, "family": task.family, "human_minutes": task.human_minutes, "split": splits[task.id]}
        checked = quality.get(task.id)
        said = {"sound": checked.sound, "flaky": checked.flaky, "seconds": checked.wall_s} if checked else {}
        tasks.append(row | said | {"instruction": task.instruction})
    head = {"id": found.id, "version": found.version, "digest": found.digest, "human_minutes_note": found.human_minutes_note}
    return head | {"tasks": tasks}


def _of_report(report: "SuiteQuality") -> str:
    sound, flaky = sum(task.sound for task in report.tasks), sum(task.flaky for task in report.tasks)
    return (
        f"Checked {report.made_at} in {report.backend}, {report.repeats} times: {sound} of {len(report.tasks)} tasks are sound, "
        f"{flaky} flaky. Seconds are those of the reference, from an open sandbox to the verdict."
    )


def _print_report(report: "SuiteQuality") -> None:
    table = _table("task", "minutes", "scores", "seconds", "cpu", "again", "verdict")
    for task in report.tasks:
        table.add_row(
            task.task,
            f"{task.human_minutes:g}",
            " ".join("/".join(map(_number, scores)) for scores in task.scores.values()),
            f"{task.wall_s:.1f}",
            "" if task.cpu_s is None else f"{task.cpu_s:.2f}",
            {True: "yes", False: "no", None: ""}[task.repeatable],
            _verdict(task),
        )
    out().print(table)
    out().print(
        "Scores: of doing nothing, of the reference, of the unfinished reference, of its steps played twice (again: whether that "
        "is 1). Seconds: from an open sandbox to the verdict; cpu: of the reference's commands.",
        style="dim",
    )
    out().print(f"Minutes are what the task takes a skilled person. {report.human_minutes_note}", style="dim")
    for task in report.tasks:
        scores = [_number(step.score) for step in task.rehearsal.steps] if task.rehearsal else []
        if set(scores) - {"0", "1"}:
            out().print(f"{task.task}: after each step {' '.join(scores)}", style="dim", markup=False)
        for fault in task.faults:
            out().print(f"{task.task}: {fault}", markup=False)
        if task.varying_files:
            out().print(f"{task.task}: files differ between repeats: {', '.join(task.varying_files)}", markup=False, style="dim")


def _verdict(task: "TaskQuality") -> str:
    return ("[green]sound[/]" if task.sound else "[red]NOT SOUND[/]") + (" [red]flaky[/]" if task.flaky else "")


def _number(score: float | None) -> str:
    return "none" if score is None else f"{score:.3g}"


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in ("minutes", "tasks", "seconds", "cpu") else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column in ("task", "verdict", "scores", "minutes"))
    return table
