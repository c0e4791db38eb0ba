"""Studies of a service, or of the database on this machine: submit, look, steer, export."""

import time
from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.documents import parse_document, read_text
from service.commands.terminal import FAILED, Database, Json, Server, StudyId, err, hint, out, print_json, warn
from unhobble.errors import BadInput, Issue

if TYPE_CHECKING:
    from rich.table import Table

    from service.api.schemas import StudyOut

app = typer.Typer()
_POLL_S = 1.0


class ExportFormat(StrEnum):
    """Formats of an export."""

    yaml = "yaml"
    json = "json"


@app.command()
def submit(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.yaml", help="The study, as YAML or JSON; - reads standard input.")],
    *,
    server: Server = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="With the same key and the same study, a second submission gives the first one's study.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hand a study to a service, which runs it."""
    text = read_text(spec)
    parse_document(text, str(spec))  # what cannot be read is said here, with its line
    if not server:
        message = (
            f"no service is named; start one with 'unhobble serve' and give its address, or set UNHOBBLE_SERVER; "
            f"without a service: unhobble run {spec}"
        )
        raise BadInput([Issue("--server", message)])
    from unhobble.client import Client

    with Client(server) as client:
        plan = client.validate(text)
        study = client.submit(text, idempotency_key=idempotency_key)
    for warning in plan.get("warnings", ()):  # a service of an older version has none
        warn(warning)
    if as_json:
        print_json(study)
        return
    if told := plan.get("confirmation_tells"):
        rollouts, tasks = plan["confirm_rollouts"], len(plan["held_out_tasks"])
        err().print(f"{rollouts} rollouts are kept for {tasks} held-out tasks, where {told}.", markup=False)
    out().print(f"Study {study['id']} is {study['phase']}. Watch it with:", markup=False)
    hint(f"  unhobble watch {study['id']} --server {server}")


@app.command(name="list")
def list_studies(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Studies to show, newest first.")] = 20,
    server: Server = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show the studies, newest first."""
    from service.commands.sources import open_source

    with open_source(server, database) as source:
        studies = list(islice(source.studies(), limit))
    if as_json:
        print_json({"studies": [study.model_dump() for study in studies]})
    elif studies:
        out().print(_table(studies))
    else:
        out().print("There are no studies yet. Try: unhobble demo")


@app.command()
def show(study_id: StudyId, *, server: Server = None, database: Database = None, as_json: Json = False) -> None:
    """Show what a study has found, with its caveats."""
    from service.commands.sources import open_source

    with open_source(server, database) as source:
        _print(source.study(study_id), as_json=as_json)


@app.command()
def watch(study_id: StudyId, *, server: Server = None, database: Database = None, as_json: Json = False) -> None:
    """Follow a study to its end, then show what it has found. Ctrl-C stops the watching, not the study."""
    from service.commands.progress import Troubles, display
    from service.commands.sources import open_source
    from unhobble.vocabulary import Phase

    with open_source(server, database) as source:
        study = source.study(study_id)
        troubles = Troubles(lambda after: source.events(study_id, after))
        with display(err()) as shown:
            shown.update(study)
            while not Phase(study.phase).is_final:
                time.sleep(_POLL_S)
                study = source.study(study_id)
                shown.update(study, troubles.last())
    _print(study, as_json=as_json)
    if study.phase != Phase.completed:
        raise typer.Exit(FAILED)


@app.command()
def pause(study_id: StudyId, *, server: Server = None, database: Database = None, as_json: Json = False) -> None:
    """Start no further rollouts of a study; those under way are finished."""
    from service.commands.sources import open_source

    with open_source(server, database) as source:
        _print_phase(source.pause(study_id), as_json=as_json)


@app.command()
def resume(study_id: StudyId, *, server: Server = None, database: Database = None, as_json: Json = False) -> None:
    """Let a service go on with a paused study. Without a service: unhobble run --resume ID."""
    from service.commands.sources import open_source

    with open_source(server, database) as source:
        _print_phase(source.resume(study_id), as_json=as_json)
    if not as_json and (database or not server):
        err().print("A service on this database takes it up. Without one, go on with:", markup=False)
        err().print(f"  unhobble run --resume {study_id}" + (f" --database {database}" if database else ""), soft_wrap=True)


@app.command()
def cancel(study_id: StudyId, *, server: Server = None, database: Database = None, as_json: Json = False) -> None:
    """End a study. Its rollouts under way are dropped; what is finished is kept."""
    from service.commands.sources import open_source

    with open_source(server, database) as source:
        _print_phase(source.cancel(study_id), as_json=as_json)


@app.command()
def export(
    study_id: StudyId,
    *,
    kind: Annotated[ExportFormat, typer.Option("--format", help="Format of the file.")] = ExportFormat.yaml,
    track: Annotated[
        str | None,
        typer.Option(metavar="T", help="The best of another track than the headline, as 'show' names it: with-advantage."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; standard output without this.")
    ] = None,
    server: Server = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Write the best confirmed configuration as a file, which 'unhobble replay' runs again."""
    from service.commands.sources import open_source

    with open_source(server, database) as source:
        text = source.export(study_id, ExportFormat.json if as_json else kind, track)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput([Issue("--output", f"{output} cannot be written: {error.strerror or error}")]) from None
    if as_json:
        print_json({"file": str(output)})
    else:
        out().print(f"Written to {output}. Run it again with:", markup=False, soft_wrap=True)
        hint(f"  unhobble replay {output}")


def _print(study: "StudyOut", *, as_json: bool) -> None:
    from service.commands.summary import print_study

    if as_json:
        print_json(study.model_dump())
    else:
        print_study(out(), study)


def _print_phase(study: "StudyOut", *, as_json: bool) -> None:
    if as_json:
        print_json(study.model_dump())
    else:
        out().print(f"Study {study.id} is {study.phase}.", markup=False)


def _table(studies: "Sequence[StudyOut]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from service.commands.status import status_of
    from service.commands.summary import created

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("id", "study", "phase", "rollouts", "best", "created"):
        table.add_column(column, no_wrap=column in ("id", "phase"), justify="right" if column == "rollouts" else "left")
    for study in studies:
        status = status_of(study)
        model = f"{status.model} (SIMULATED)" if status.simulated else status.model
        name = Text.assemble((study.name, "bold"), "\n", (model, "dim"), overflow="fold")
        table.add_row(study.id, name, study.phase, f"{status.finished}/{status.planned}", status.best_short, created(study))
    return table
