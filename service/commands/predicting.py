"""``predict``: what a study's rollouts say of configurations, those that were never tried included."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.documents import read_document
from service.commands.terminal import Database, Json, Server, StudyId, out, print_json
from unhobble.errors import BadInput, Issue

if TYPE_CHECKING:
    from rich.console import Console

    from service.api.schemas import PredictedOut, PredictionOut

app = typer.Typer()


@app.command()
def predict(
    study_id: StudyId,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.yaml",
            help="A configuration, a list of up to 100, or what 'unhobble export' wrote, as YAML or JSON; - reads standard input.",
        ),
    ],
    *,
    server: Server = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Say what success is believed of configurations of a study's space, tried or not, on the search tasks."""
    from service.commands.sources import open_source

    configurations = configurations_in(read_document(file), str(file))
    with open_source(server, database) as source:
        predicted = source.predict(study_id, configurations)
    if as_json:
        print_json(predicted.model_dump())
    else:
        _print(out(), predicted)


def configurations_in(document: Any, name: str) -> list[Any]:
    """The configurations that a document holds. Raises ``BadInput`` where it is none of the shapes that hold some."""
    match document:
        case list():
            return document
        case {"configurations": list(configurations)}:
            return configurations
        case {"configuration": dict(configuration)}:  # an export
            return [configuration]
        case dict() if document:
            return [document]
    raise BadInput([Issue("", f"{name} must hold a configuration or a list of them, not {document!r:.100}")])


def _print(console: "Console", predicted: "PredictedOut") -> None:
    from rich.table import Table
    from rich.text import Text

    if predicted.simulated:
        mark = (" SIMULATED MODEL ", "black on yellow")
        console.print(Text.assemble(mark, " The figures are of an organism, not of a language model."))
    table = Table(title="Believed success on the search tasks", title_justify="left", title_style="bold", box=None, padding=(0, 2))
    several = len({one.track for one in predicted.predictions}) > 1
    for column in ("", "mean", "90 % interval", "tried", "beats the recommended", *(["track"] if several else [])):
        table.add_column(column, justify="left" if column == "track" else "right")
    for place, one in enumerate(predicted.predictions, start=1):
        cells = (str(place), f"{one.mean:.2f}", f"{one.low:.2f} to {one.high:.2f}", _tried(one), _better(one))
        table.add_row(*cells, *([one.track] if several else []))
    console.print(table)
    if several:
        console.print("What is of different tracks is not to be ranked together.")
    console.print(predicted.words, markup=False, style="dim")


def _tried(one: "PredictionOut") -> str:
    return "no" if one.trial is None else f"trial {one.trial}, {one.rollouts} rollouts"


def _better(one: "PredictionOut") -> str:
    if one.better_than is None or one.probability_better is None:
        return "nothing to compare with"
    if one.trial == one.better_than:
        return "it is recommended"
    return f"{100 * one.probability_better:.0f} % (trial {one.better_than})"
