"""``doctor``: what this machine can do, and what to do where it cannot."""

import asyncio
import importlib
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING

import typer

from service.commands.terminal import FAILED, Database, Json, err, load_settings, out, print_json, quiet_stdout
from unhobble.errors import BadInput, UnhobbleError

if TYPE_CHECKING:
    from unhobble.protocols import SandboxProvider
    from unhobble.registry import Registry

app = typer.Typer()
_LOW_BYTES, _TOO_LOW_BYTES = 4 * 2**30, 256 * 2**20
_TOOLS = ("git", "python3", "sqlite3")


class Light(StrEnum):
    """How a finding is to be taken."""

    green = "green"
    yellow = "yellow"
    red = "red"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``needed`` says that nothing works where its light is red."""

    what: str
    light: Light
    said: str
    needed: bool = False


@app.command()
def doctor(*, database: Database = None, as_json: Json = False) -> None:
    """Check what this machine can do. Fails unless a sandbox backend works and the database can be written to."""
    with err().status("looking around"), quiet_stdout(quiet=True):
        findings = list(_look_around(database))
    ok = is_ok(findings)
    if as_json:
        print_json({"ok": ok, "findings": [asdict(finding) for finding in findings]})
    else:
        _print(findings, ok=ok)
    if not ok:
        raise typer.Exit(FAILED)


def is_ok(findings: list[Finding]) -> bool:
    """Whether studies can be run: at least one sandbox works, and nothing that is needed is missing."""
    sandboxes = [finding for finding in findings if finding.what.startswith("sandbox ")]
    works = any(finding.light is not Light.red for finding in sandboxes)
    return works and not any(finding.needed and finding.light is Light.red for finding in findings)


def _look_around(database: str | None) -> Iterator[Finding]:
    yield _python()
    yield from asyncio.run(_sandboxes())
    yield from _database(database)
    yield _guarded("ray", _ray)
    yield _guarded("disk", _disk)


def _python() -> Finding:
    version = platform.python_version()
    light = Light.green if sys.version_info >= (3, 11) else Light.red
    return Finding("python", light, f"{version} on {platform.system()} {platform.release()}", needed=True)


async def _sandboxes() -> list[Finding]:
    from unhobble.vocabulary import PluginKind

    registry, wrong = _registry()
    return [*wrong, *[await _sandbox(backend, registry) for backend in registry.ids(PluginKind.sandbox)]]


def _registry() -> "tuple[Registry, list[Finding]]":
    """The plug-ins with the operator's settings; where those are wrong that is found, and the plug-ins are looked at without."""
    from unhobble.registry import installed

    try:
        return load_settings().registry(), []
    except BadInput as error:
        return installed(), [Finding("settings", Light.red, str(error), needed=True)]


async def _sandbox(backend: str, registry: "Registry") -> Finding:
    """Whether a backend works, what it cannot enforce here, and whether the tasks' tools are in its sandboxes."""
    from unhobble.vocabulary import PluginKind

    what = f"sandbox {backend}"
    try:
        provider: SandboxProvider = registry.build(PluginKind.sandbox, backend)
    except UnhobbleError as error:
        return Finding(what, Light.red, str(error))
    try:
        found = await provider.check()
        if not found.available:
            return Finding(what, Light.red, found.reason)
        missing = await _missing_tools(provider, backend)
    except UnhobbleError as error:
        return Finding(what, Light.red, f"it seems to be there, but no sandbox can be opened: {error}")
    finally:
        await provider.close()
    said = [found.reason]
    if missing:
        said.append(f"not in it: {', '.join(missing)}, which tasks of builtin/shell need")
    if found.not_enforced:
        said.append(f"not enforced: {', '.join(found.not_enforced)}")
    return Finding(what, Light.yellow if missing or found.not_enforced else Light.green, "; ".join(said))


async def _missing_tools(provider: "SandboxProvider", backend: str) -> list[str]:
    from unhobble.sandboxing import SandboxSpec

    script = f"for tool in {' '.join(_TOOLS)}; do command -v $tool >&2 || echo $tool; done"
    sandbox = await provider.open(SandboxSpec(backend=backend), label="doctor")
    try:
        result = await sandbox.exec(["bash", "-c", script], timeout_s=20, output_bytes=4096)
    finally:
        await sandbox.close()
    return result.stdout.decode().split()


def _database(database: str | None) -> Iterator[Finding]:
    from service.db import open_store

    try:
        url = load_settings(database).database_url
        with open_store(url) as store:
            store.studies(limit=1)
    except BadInput as error:
        yield Finding("database", Light.red, str(error), needed=True)
        return
    kind = url.partition(":")[0].partition("+")[0]
    place = f" at {url.removeprefix('sqlite:///')}" if kind == "sqlite" else ""
    yield Finding("database", Light.green, f"{kind}{place} can be read and written", needed=True)


def _ray() -> Finding:
    importlib.import_module("service.workers.ray_pool")  # which imports Ray: that it is installed does not say that it loads
    settings = load_settings()
    where = (
        f"joins the cluster at {settings.ray_address}" if settings.ray_address else f"{settings.workers} workers on this machine"
    )
    return Finding("ray", Light.green, f"{version('ray')}, {where}", needed=True)


def _disk() -> Finding:
    from service.settings import data_directory

    folder = next(path for path in [data_directory(), *data_directory().parents] if path.exists())
    free = shutil.disk_usage(folder).free
    light = Light.red if free < _TOO_LOW_BYTES else Light.yellow if free < _LOW_BYTES else Light.green
    return Finding("disk", light, f"{free / 2**30:.1f} GiB free at {folder}", needed=True)


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except Exception as error:  # whatever is wrong is what was asked for
        return Finding(what, Light.red, f"{type(error).__name__}: {error}", needed=True)


def _print(findings: list[Finding], *, ok: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    words = {Light.green: "ok", Light.yellow: "partly", Light.red: "no"}
    for finding in findings:
        table.add_row(Text(words[finding.light], style=finding.light.value), finding.what, Text(finding.said))
    out().print(table)
    out().print()
    out().print("This machine can run studies. Try: unhobble demo" if ok else "[red]This machine cannot run studies yet.[/]")
