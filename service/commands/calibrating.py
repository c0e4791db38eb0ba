"""``calibrate``: how far a search can be trusted, seen on simulated models whose truth is known."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from service.commands.documents import read_space
from service.commands.terminal import Json, err, out, print_json
from unhobble.errors import BadInput, Issue

if TYPE_CHECKING:
    from service.calibration.figures import Calibration

app = typer.Typer()

_HIGHEST_SEED = 2**32 - 2
"""Above it is the luck that the truth is found with."""


@app.command()
def calibrate(
    *,
    strategy: Annotated[str, typer.Option(help="The strategy that is calibrated.")] = "tpe",
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of it; may be given again.")] = None,
    organism: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An organism, or a YAML file of traits; may be given again. Default: all shipped."),
    ] = None,
    space: Annotated[str, typer.Option(help="A preset, or a YAML or JSON file of a space.")] = "default",
    suite: Annotated[str, typer.Option(help="The tasks.")] = "builtin/shell",
    rollouts: Annotated[int, typer.Option(min=1, help="Rollouts of each study, its confirmation included.")] = 400,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Studies of each organism, each with a seed of its own.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The first of those seeds; equal seeds give equal figures.")] = 0,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes at once. Default: one for each core.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all figures to this file, as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw them into this file: .svg, .png or .pdf.")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Put a strategy through whole studies of simulated models, and set what it reports against the truth.

    No sandbox, no database and no money is needed. What the figures mean is in docs/calibration.md.
    """
    from service.calibration.campaign import calibrate as calibrate_all
    from service.calibration.campaign import cores
    from service.calibration.subjects import Course, check_course, read_subjects
    from unhobble.registry import installed

    _check_files(save, plot)
    if seed + seeds - 1 > _HIGHEST_SEED:
        raise BadInput([Issue("--seed", f"the last seed would be {seed + seeds - 1}; {_HIGHEST_SEED} is the highest there is")])
    course = Course(strategy, _options(option or []), read_space(space), suite, rollouts)
    subjects, all_seeds = read_subjects(organism or []), range(seed, seed + seeds)
    check_course(course, subjects, all_seeds, installed())
    with _progress(len(subjects) * seeds) as advance:
        calibration = calibrate_all(course, subjects, all_seeds, jobs=jobs or cores(), advance=advance)
    _write(calibration, save, plot)
    _print(calibration, as_json=as_json, as_markdown=as_markdown)


# --- what is asked for --------------------------------------------------------------------------------------------------
def _options(given: Sequence[str]) -> dict[str, Any]:
    import yaml

    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise BadInput([Issue("--option", f"must be NAME=VALUE, not {text!r}")])
        try:
            options[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadInput([Issue("--option", f"the value of {name} cannot be read: {value!r}")]) from None
    return options


def _check_files(save: Path | None, plot: Path | None) -> None:
    """What would only be found out after minutes is found out now."""
    from service.calibration.picture import KINDS

    issues = [
        Issue(option, f"there is no folder {path.parent}; make it first")
        for option, path in (("--save", save), ("--plot", plot))
        if path and not path.parent.is_dir()
    ]
    if plot and plot.suffix not in KINDS:
        issues.append(Issue("--plot", f"{plot} must end in {' or '.join(KINDS)}, which says how it is drawn"))
    if issues:
        raise BadInput(issues)


# --- while it lasts -----------------------------------------------------------------------------------------------------
class _Advance(Protocol):
    def __call__(self, what: str, weight: int, whole: int, /) -> None: ...


@contextmanager
def _progress(studies: int) -> Iterator[_Advance]:
    """A bar with an estimate in a terminal; else a line at each tenth."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    err().print(f"{studies} studies of SIMULATED models; Ctrl-C ends it.", markup=False)
    if not err().is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), speed_estimate_period=120) as progress:
        bar = progress.add_task("calibrating", total=None)
        yield lambda what, weight, whole: progress.update(bar, total=whole, advance=weight, description=what)


class _Lines:
    def __init__(self) -> None:
        self._done = self._shown = 0

    def __call__(self, what: str, weight: int, whole: int, /) -> None:
        self._done += weight
        tenth = 10 * self._done // whole
        if tenth > self._shown:
            self._shown = tenth
            err().print(f"{10 * tenth} % done ({what})", markup=False)


# --- what came of it ----------------------------------------------------------------------------------------------------
def _write(calibration: "Calibration", save: Path | None, plot: Path | None) -> None:
    from service.calibration.picture import draw

    try:
        if save:
            save.write_text(calibration.to_json(), encoding="utf-8")
        if plot:
            draw(calibration, plot)
    except OSError as error:
        raise BadInput([Issue("", f"{error.filename} cannot be written: {error.strerror}")]) from None


def _print(calibration: "Calibration", *, as_json: bool, as_markdown: bool) -> None:
    from service.calibration.summary import summarise
    from service.calibration.tables import markdown

    if as_json:
        summary = [row.model_dump(mode="json") for row in summarise(calibration)]
        print_json({**calibration.model_dump(mode="json"), "summary": summary})
    elif as_markdown:
        print(markdown(calibration), end="")  # noqa: T201  # this is the output
    else:
        _print_tables(calibration)


def _print_tables(calibration: "Calibration") -> None:
    """For a person: the columns in several tables, because a terminal is narrow."""
    from rich.table import Table
    from rich.text import Text

    from service.calibration.tables import GROUPS, caption, rows_of
    from service.commands.figures import duration

    out().print(Text.assemble((" SIMULATED MODELS ", "black on yellow"), " ", caption(calibration).replace("`", "")))
    heads, rows = rows_of(calibration)
    start = 1
    for width in GROUPS:
        columns = (0, *range(start, start + width))
        start += width
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for place in columns:
            table.add_column(heads[place], justify="right" if place else "left", no_wrap=not place, overflow="fold")
        for row in rows:
            table.add_row(*(Text(row[place].strip("`*")) for place in columns), style="bold" if row is rows[-1] else "")
        out().print()
        out().print(table)
    took = f"{duration(calibration.wall_s)}, {calibration.cores} at once"
    out().print(f"\n{took}. docs/calibration.md explains the columns.", style="dim")
