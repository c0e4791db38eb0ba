"""``sandbox``: whether a backend keeps its promises on this machine, and the removal of what dead workers left behind."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.terminal import FAILED, Json, err, load_settings, out, print_json, quiet_stdout

if TYPE_CHECKING:
    from unhobble.protocols import SandboxProvider
    from unhobble.sandboxing import Availability

app = typer.Typer()
sandbox = typer.Typer(no_args_is_help=True, help="Sandbox backends: what holds on this machine, and what was left behind.")
app.add_typer(sandbox, name="sandbox")

_VERDICTS = {True: "[green]held[/]", False: "[bold red]BREACHED[/]", None: "[yellow]not tried[/]"}


_EVIDENCE_CHARACTERS = 300


@dataclass(frozen=True)
class _Row:
    """One promise or attack, as it is shown. ``control`` is what holds it; ``held`` is None where it could not be tried."""

    part: str
    name: str
    what: str
    control: str
    held: bool | None
    evidence: str
    duration_s: float


@sandbox.command()
def check(
    backend: Annotated[str, typer.Argument(metavar="BACKEND", help="A sandbox backend, such as docker or bubblewrap.")],
    *,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this attack; may be given again.")] = None,
    as_json: Json = False,
) -> None:
    """Try the backend's promises and attack it, here and now. Fails unless everything holds.

    Attacks are bounded: they fill the sandbox that they are in, and nothing else.
    """
    with quiet_stdout(quiet=True):
        found, rows = asyncio.run(_checked(backend, only or []))
    counts = {
        name: sum(row.held is held for row in rows) for name, held in (("held", True), ("breached", False), ("not_tried", None))
    }
    if as_json:
        seen = {"available": found.available, "reason": found.reason, "not_enforced": found.not_enforced}
        print_json({"backend": backend, **seen, **counts, "tried": [vars(row) for row in rows]})
    else:
        _print(backend, found, rows)
    if not found.available or counts["held"] < len(rows):
        raise typer.Exit(FAILED)


@sandbox.command()
def sweep(
    backend: Annotated[str | None, typer.Argument(metavar="BACKEND", help="Only this backend.")] = None, *, as_json: Json = False
) -> None:
    """Remove what workers that live no more have left on this machine: containers, control groups, directories.

    Workers do this themselves when they open a sandbox. What a living worker owns is not touched.
    """
    with err().status("sweeping"), quiet_stdout(quiet=True):
        removed, failed = asyncio.run(_swept(backend))
    if as_json:
        print_json({"removed": removed, "failed": failed})
    else:
        for name, things in removed.items():
            out().print(f"{name}: {len(things)} removed" if things else f"{name}: nothing was left behind")
            for thing in things:
                out().print(f"  {thing}", markup=False, soft_wrap=True)
        for name, why in failed.items():
            err().print(f"{name} could not be swept: {why}", markup=False)
    if failed:
        raise typer.Exit(FAILED)


async def _checked(backend: str, only: Sequence[str]) -> "tuple[Availability, list[_Row]]":
    """Whether the backend can be used, and everything that was tried. Raises ``NotFound`` or ``BadInput``."""
    from unhobble.vocabulary import PluginKind

    provider = load_settings().registry().build(PluginKind.sandbox, backend)
    try:
        found: Availability = await provider.check()
        return found, await _tried(provider, only) if found.available else []
    finally:
        await provider.close()


async def _tried(provider: "SandboxProvider", only: Sequence[str]) -> list[_Row]:
    from rich.progress import Progress

    from sandboxes._attacks import ATTACKS, run_battery
    from sandboxes._self_check import CHECKS, run_self_check
    from unhobble.errors import BadInput, Issue, SandboxError

    names = [attack.name for attack in ATTACKS]
    if unknown := sorted(set(only) - set(names)):
        raise BadInput([Issue("--only", f"there is no attack {', '.join(unknown)}; there are {', '.join(names)}")])
    rows: list[_Row] = []
    with Progress(console=err(), disable=not err().is_terminal) as progress:
        bar = progress.add_task(f"attacking {provider.name}", total=len(only or names) + (0 if only else len(CHECKS)))

        def seen(part: str) -> Callable[[Any], None]:
            def show(result: Any) -> None:
                control = ", ".join(sorted(control.name for control in getattr(result, "controls", ())))
                rows.append(_Row(part, result.name, result.what, control, result.held, result.evidence, result.duration_s))
                progress.update(bar, advance=1, description=f"attacking {provider.name}: {result.name}")

            return show

        if not only:
            await run_self_check(provider, on_result=seen("promise"))
        try:
            await run_battery(provider, only=only or None, on_result=seen("attack"))
        except OSError as error:
            raise SandboxError(f"what the attacks reach for cannot be laid out on this machine: {error}") from error
    return rows


async def _swept(backend: str | None) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What was removed by each backend that works here, and why another could not. Raises ``NotFound`` or ``BadInput``."""
    from unhobble.errors import SandboxError
    from unhobble.vocabulary import PluginKind

    registry = load_settings().registry()
    removed: dict[str, list[str]] = {}
    failed: dict[str, str] = {}
    for name in registry.ids(PluginKind.sandbox) if backend is None else [backend]:
        provider: SandboxProvider = registry.build(PluginKind.sandbox, name)
        try:
            # Before anything else: a provider that is used sweeps by itself, and does not say what.
            removed[name] = await provider.sweep()
        except SandboxError as error:
            if backend is not None or (await provider.check()).available:
                failed[name] = str(error)
        finally:
            await provider.close()
    return removed, failed


def _shown(evidence: str) -> str:
    """What was seen, which an attack may have written: no control characters for the terminal, and not without end."""
    return "".join(character if character.isprintable() else "\ufffd" for character in evidence[:_EVIDENCE_CHARACTERS])


def _print(backend: str, found: "Availability", rows: Sequence[_Row]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not found.available:
        out().print(f"[red]{backend} cannot be used here:[/] {escape(found.reason)}")
        return
    out().print(found.reason, markup=False)
    if found.not_enforced:
        out().print(f"not enforced here: {', '.join(found.not_enforced)}", style="yellow", markup=False)
    out().print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("tried", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("held by", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        what = row.what if row.held else f"{row.what}\n{_shown(row.evidence)}"
        table.add_row(row.name, escape(what), row.control or row.part, _VERDICTS[row.held])
    out().print(table)
    held, breached = sum(row.held is True for row in rows), sum(row.held is False for row in rows)
    out().print(f"\n{held} of {len(rows)} held, {breached} breached, {len(rows) - held - breached} not tried.")
