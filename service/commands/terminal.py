"""What every command shares: its common options, and the way results and errors are shown to a person or to a program."""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unhobble.errors import BadInput, Issue, NotFound

if TYPE_CHECKING:
    from rich.console import Console

    from service.settings import Settings

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes. 130 is what a shell gives for a command that Ctrl-C ended."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, and nothing else, on standard output.")]
Server = Annotated[
    str | None,
    typer.Option(envvar="UNHOBBLE_SERVER", help="Address of a service, such as http://127.0.0.1:8642.", metavar="URL"),
]
Database = Annotated[
    str | None,
    typer.Option(help="Work on this database instead: sqlite:///PATH or postgresql+psycopg://...", metavar="URL"),
]
StudyId = Annotated[str, typer.Argument(metavar="ID", help="The study, as 'unhobble list' shows it.")]


@cache
def _console(*, to_stderr: bool) -> "Console":
    from rich.console import Console

    # rich itself leaves colour out where there is no terminal, or NO_COLOR is set.
    return Console(stderr=to_stderr, highlight=False, emoji=False)


def out() -> "Console":
    """Standard output, for results that a person reads."""
    return _console(to_stderr=False)


def err() -> "Console":
    """Standard error, for progress, warnings and errors."""
    return _console(to_stderr=True)


def print_json(value: Any) -> None:
    """``value`` as the one JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201  # this is the output


def hint(text: str) -> None:
    """A command or an address to go on with: never wrapped, so that it can be copied."""
    out().print(text, soft_wrap=True, markup=False)


def warn(text: str) -> None:
    """A warning on standard error."""
    from rich.markup import escape

    err().print(f"[yellow]Warning:[/] {escape(text)}")


def exit_code(error: Exception) -> int:
    """The exit code that tells of ``error``."""
    return BAD_INPUT if isinstance(error, BadInput | NotFound) else FAILED


def show_error(error: Exception, *, as_json: bool) -> None:
    """Show an expected error, with all of its issues, and no traceback."""
    issues: Sequence[Issue] = error.issues if isinstance(error, BadInput) else ()
    if as_json:
        found = [{"path": issue.path, "message": issue.message} for issue in issues]
        print_json({"error": str(error), "errors": found})
        return
    from rich.padding import Padding
    from rich.text import Text

    if len(issues) < 2:
        err().print(Text.assemble(("Error: ", "bold red"), str(error)))
        return
    err().print(Text.assemble(("Error: ", "bold red"), f"{len(issues)} things are wrong:"))
    for issue in issues:
        err().print(Padding(Text.assemble((issue.path or "the document", "bold"), ": ", issue.message), (0, 0, 0, 2)))


def load_settings(database: str | None = None) -> "Settings":
    """The operator's settings, with ``database`` in place of theirs where it is given. Raises ``BadInput``."""
    from pydantic import ValidationError

    from service.settings import Settings
    from unhobble.registry import validation_issues

    try:
        return Settings(database_url=database) if database else Settings()
    except ValidationError as error:
        names = {i: _variable(i.path) for i in validation_issues(error)}
        if database:
            names = {i: "--database" if i.path == "database_url" else name for i, name in names.items()}
        raise BadInput([Issue(name, i.message) for i, name in names.items()]) from None


def _variable(path: str) -> str:
    """The environment variable of a setting, and the place within its value."""
    name, dot, place = path.partition(".")
    return f"UNHOBBLE_{name.upper()}{dot}{place}"


def quiet_stdout(*, quiet: bool) -> "redirect_stdout[Any]":
    """Within this context whatever others print to standard output goes to standard error, where ``quiet`` is set."""
    return redirect_stdout(sys.stderr if quiet else sys.stdout)
