"""``demo`` and ``run``: a study in this process, without a service."""

import asyncio
import contextlib
import secrets
import shlex
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.documents import parse_document, read_document, read_export
from service.commands.terminal import (
    FAILED,
    INTERRUPTED,
    Database,
    Json,
    err,
    hint,
    load_settings,
    out,
    print_json,
    quiet_stdout,
    warn,
)
from unhobble.errors import BadInput, Conflict

if TYPE_CHECKING:
    from service.api.schemas import StudyOut
    from service.commands.progress import Display
    from service.settings import Settings
    from service.studies import Studies
    from unhobble.protocols import SandboxProvider

app = typer.Typer()
_POLL_S = 0.5


@app.command()
def demo(
    *,
    backend: Annotated[str, typer.Option(help="Sandbox backend: auto, bubblewrap or docker.")] = "bubblewrap",
    rollouts: Annotated[int | None, typer.Option(min=1, help="Rollouts of the study, instead of the demo's own.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of everything that is drawn at random.")] = None,
    as_json: Json = False,
) -> None:
    """Search on a SIMULATED model, from nothing to a report, in about a minute and a half.

    The model is an organism that is able, but fluent in one tool format only. The search has to find that out, with real
    sandboxes, real tasks and real scoring. Everything is kept in a database of its own.
    """
    from service.settings import data_directory

    document = demo_document()
    document["sandbox"]["backend"] = backend
    if rollouts is not None:
        document["budget"]["rollouts"] = rollouts
    if seed is not None:
        document["search"]["seed"] = seed
    err().print("[black on yellow] SIMULATED MODEL [/] The demo searches on an organism: a simulated model, no language model.")
    file = data_directory() / f"demo-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}.db"
    database = f"sqlite:///{file}"
    try:
        play = _Play(asyncio.run(_for_the_demo(load_settings(database))), named=database, as_json=as_json)
        play.run(lambda studies: _submitted(studies, document))
    except BadInput:
        file.unlink(missing_ok=True)  # no study was stored
        raise


@app.command()
def run(
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC.yaml", help="The study, as YAML or JSON; - reads standard input.")
    ] = None,
    *,
    resume: Annotated[str | None, typer.Option(metavar="ID", help="Go on with a study that was interrupted or paused.")] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="best.yaml", help="Compare with the configuration of this export.")
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Run a study here, without a service. What is finished is kept, whatever happens."""
    if (spec is None) == (resume is None):
        raise typer.BadParameter("give either the file of a study, or --resume ID to go on with one")
    if resume is not None and baseline is not None:
        raise typer.BadParameter("the baseline of a study that has begun cannot be changed; leave --baseline out")
    play = _Play(load_settings(database), named=database, as_json=as_json)
    if spec is None:
        play.run(lambda studies: _taken_up(studies, str(resume)))
    else:
        document = _with_baseline(read_document(spec), baseline)
        play.run(lambda studies: _submitted(studies, document))


def demo_document() -> dict[str, Any]:
    """The demo's study, as it is packaged."""
    text = files("service.commands").joinpath("demo.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = parse_document(text, "demo.yaml")
    return document


async def _for_the_demo(settings: "Settings") -> "Settings":
    """The operator's settings; where bubblewrap cannot keep its limits here, and the operator has not decided that, without those.

    The demo's model is simulated and its tasks are ours: nothing in it reaches for a limit that is not enforced.
    """
    from unhobble.vocabulary import PluginKind

    provider: SandboxProvider = settings.registry().build(PluginKind.sandbox, "bubblewrap")
    try:
        if (await provider.check()).available:
            return settings
    finally:
        await provider.close()
    lenient = {"require_cgroups": False} | settings.sandboxes.get("bubblewrap", {})
    return settings.model_copy(update={"sandboxes": settings.sandboxes | {"bubblewrap": lenient}})


def _with_baseline(document: Any, export: Path | None) -> Any:
    """The study with the configuration of an export as its baseline. Raises ``BadInput``."""
    if export is None or not isinstance(document, dict):
        return document
    return document | {"baseline": dict(read_export(export).configuration.root)}


async def _submitted(studies: "Studies", document: Any) -> str:
    """Check and store a study; its id. Raises ``BadInput``."""
    spec, plan = await studies.validate(document)
    search, held_out = len(plan.search_tasks), len(plan.held_out_tasks)
    size = "without end" if plan.space_size is None else f"of {plan.space_size} configurations"
    said = (
        f"{plan.search_rollouts} rollouts on {search} tasks to search a space {size}, "
        f"then {plan.confirm_rollouts} on {held_out} held-out tasks, where {plan.confirmation_tells}; sandbox: {plan.sandbox}"
    )
    if plan.sandboxes_at_once is not None and plan.sandboxes_at_once < spec.search.concurrency:
        said += f"; this machine has room for {plan.sandboxes_at_once} at once, the rest waits"
    err().print(said, markup=False)
    for warning in plan.warnings:
        warn(warning)
    if plan.sandbox_not_enforced:
        warn(f"not enforced on this machine: {', '.join(plan.sandbox_not_enforced)}")
    return studies.store.create_study(spec).id


async def _taken_up(studies: "Studies", study_id: str) -> str:
    """Make a study ready to be run on; its id. Raises ``NotFound`` or ``Conflict``."""
    from unhobble.vocabulary import Phase

    phase = studies.store.study(study_id).phase
    if phase.is_final:
        raise Conflict(f"study {study_id} is {phase.value}: there is nothing to go on with; see it with: unhobble show {study_id}")
    if phase is Phase.paused:
        studies.resume(study_id)
    return study_id


@dataclass(frozen=True)
class _Play:
    """A study that is run in this process. ``named`` is the URL of its database where it is not the default one."""

    settings: "Settings"
    named: str | None
    as_json: bool

    def run(self, prepare: Callable[["Studies"], Awaitable[str]]) -> None:
        """Run the study that ``prepare`` gives to its end, show it, and leave with the exit code that tells of its end."""
        with err().status("reading the study"), quiet_stdout(quiet=True):
            from service.api.schemas import StudyOut
            from service.commands.progress import display
            from service.commands.status import STARTING
            from service.db import open_store
            from service.studies import Studies
            from service.workers.waiting_room import this_machine

        registry = self.settings.registry()
        room = None if self.settings.ray_address else this_machine()
        with open_store(self.settings.database_url) as store:
            studies = Studies(store, registry, room)
            study_id = asyncio.run(_prepared(prepare, studies))
            interrupted = False
            try:
                with quiet_stdout(quiet=True), display(err(), queued=STARTING) as shown:
                    asyncio.run(_run_to_its_end(studies, self.settings, study_id, shown))
            except KeyboardInterrupt:
                interrupted = True
            self._finish(StudyOut.of(store.study(study_id)), interrupted=interrupted)

    def _finish(self, study: "StudyOut", *, interrupted: bool) -> None:
        from service.commands.summary import print_study
        from unhobble.vocabulary import Phase

        phase = Phase(study.phase)
        if self.as_json:
            print_json(study.model_dump())
        elif phase.is_final:
            out().print()
            print_study(out(), study)
            self._say_where_to_read_on(study, exportable=phase is Phase.completed)
        if not phase.is_final:
            stopped = "Interrupted." if interrupted else f"The study is {phase.value}."
            err().print(f"{stopped} What is finished is kept. Go on with:", markup=False)
            err().print(self._sandboxed(self._command(f"run --resume {study.id}")), soft_wrap=True, markup=False)
        if interrupted:
            raise typer.Exit(INTERRUPTED)
        if phase not in (Phase.completed, Phase.paused):
            raise typer.Exit(FAILED)

    def _say_where_to_read_on(self, study: "StudyOut", *, exportable: bool) -> None:
        out().print("\n[bold]Read on[/]")
        hint(self._command(f"show {study.id}"))
        if exportable:
            hint(self._command(f"export {study.id} -o best.yaml"))
            hint(self._sandboxed("  unhobble replay best.yaml"))

    def _command(self, words: str) -> str:
        database = f" --database {shlex.quote(self.named)}" if self.named else ""
        return f"  unhobble {words}{database}"

    def _sandboxed(self, command: str) -> str:
        """``command`` with the parameters of sandboxes that this study had, where the operator's own are others."""
        if self.settings.sandboxes == load_settings().sandboxes:
            return command
        return f"  UNHOBBLE_SANDBOXES={shlex.quote(self.settings.environment()['UNHOBBLE_SANDBOXES'])} {command.strip()}"


async def _prepared(prepare: Callable[["Studies"], Awaitable[str]], studies: "Studies") -> str:
    with err().status("checking the study"):
        return await prepare(studies)


async def _run_to_its_end(studies: "Studies", settings: "Settings", study_id: str, shown: "Display") -> None:
    """Run a study and show it meanwhile. Raises ``Conflict`` where another controller has it."""
    from service.commands.progress import Troubles
    from service.commands.sources import DatabaseSource
    from service.controller import Controller
    from service.workers import ray_pools

    source = DatabaseSource(studies)
    troubles = Troubles(lambda after: source.events(study_id, after))

    def show() -> None:
        shown.update(source.study(study_id), troubles.last())

    show()
    following = asyncio.create_task(_repeat(show))
    try:
        await Controller(studies.store, studies.registry, ray_pools(settings)).run_one(study_id)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        show()


async def _repeat(show: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_POLL_S)
        show()
