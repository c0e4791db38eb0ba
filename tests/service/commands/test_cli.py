"""What holds for every command."""

import subprocess
import sys

import pytest
import typer

from service.cli import app

HEAVY = ("litellm", "ray", "optuna", "fastapi", "sqlalchemy", "scipy", "numpy", "uvicorn", "httpx", "docker")


def commands(command=None, path=()):
    command = command or typer.main.get_command(app)
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


ALL = dict(commands())


def test_help_of_any_command_imports_nothing_heavy():
    script = (
        "import sys; from service.cli import run\n"
        f"for path in {[[], *map(list, ALL)]!r}: assert run([*path, '--help']) == 0, path\n"
        f"print('HEAVY', sorted(set({HEAVY!r}) & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_speaks_json_and_says_what_it_does(path):
    assert any("--json" in parameter.opts for parameter in ALL[path].params)
    assert ALL[path].help


@pytest.mark.parametrize("arguments", [["nonsense"], ["show"], ["list", "--limit", "none"], ["demo", "--rollouts", "0"]])
def test_a_wrong_use_is_bad_input_in_words_and_in_json(unhobble, arguments):
    said = unhobble(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err
    said = unhobble(*arguments, "--json")
    assert (said.code, said.err) == (2, "")
    assert said.json["error"]


def test_no_command_at_all_shows_the_help(unhobble):
    assert "demo" in unhobble().out


def test_the_version_is_printed(unhobble):
    from unhobble import __version__

    assert unhobble("--version").out.strip() == __version__


def test_a_reader_that_has_seen_enough_causes_no_traceback():
    command = f"{sys.executable} -m service.cli config schema | head -1"
    said = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True)
    assert said.stdout == "{\n"
    assert said.stderr == ""


def test_no_colour_is_written_where_there_is_no_terminal(unhobble, completed):
    assert "\x1b" not in unhobble("show", completed).out


@pytest.mark.parametrize("width", ["40", "100"])
def test_no_line_is_wider_than_the_terminal(unhobble, completed, monkeypatch, width):
    from service.commands import terminal

    monkeypatch.setenv("COLUMNS", width)
    terminal._console.cache_clear()
    for arguments in (
        ["show", completed],
        ["list"],
        ["suite", "show", "builtin/shell"],
        ["catalog"],
        ["organism", "show", "compliant"],
    ):
        said = unhobble(*arguments)
        assert said.code == 0
        assert max(map(len, said.out.splitlines())) <= int(width), arguments
