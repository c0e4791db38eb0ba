"""The command line: ``unhobble``. Wires the groups of commands together, and turns every outcome into an exit code.

Exit codes: 0 done, 1 failed, 2 bad input; 130 where Ctrl-C ended it.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from service.commands import (
    calibrating,
    catalog,
    doctor,
    organisms,
    predicting,
    replay,
    running,
    sandboxes,
    serving,
    spaces,
    studies,
    suites,
)
from service.commands.terminal import DONE, FAILED, INTERRUPTED, err, exit_code, print_json, show_error
from unhobble.errors import UnhobbleError

app = typer.Typer(
    name="unhobble",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted.",
)
for group in (running, studies, predicting, replay, serving, spaces, suites, sandboxes, organisms, calibrating, catalog, doctor):
    app.add_typer(group.app)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        from unhobble import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def unhobble(
    *, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False
) -> None:
    """Find out how capable a model really is as an agent: search prompts, tool formats and scaffolds, and confirm what is found."""
    del version  # its callback has dealt with it


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; the exit code. Expected errors are shown, never raised."""
    as_json = "--json" in arguments
    try:
        code = app(list(arguments), prog_name="unhobble", standalone_mode=False)
    except UnhobbleError as error:
        show_error(error, as_json=as_json)
        return exit_code(error)
    except typer.exceptions.TyperException as error:
        _show_usage_error(error, as_json=as_json)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        err().print("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has read enough; what is still buffered must not fail when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code if isinstance(code, int) else DONE


def main() -> None:
    """The console script."""
    # The matrices of a study are small: threads of the linear algebra under NumPy would wait for one another most of the time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(sys.argv[1:]))


def _show_usage_error(error: typer.exceptions.TyperException, *, as_json: bool) -> None:
    message = error.format_message()
    if as_json:
        print_json({"error": message, "errors": []})
    elif message:  # there is none where the help was shown instead
        from typer import rich_utils

        rich_utils.rich_format_error(error)  # type: ignore[arg-type]  # every one that typer raises is such


if __name__ == "__main__":
    main()
