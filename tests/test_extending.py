"""docs/extending.md and docs/tasks.md, followed literally in a fresh folder outside the repository."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def written(page: str, folder: Path) -> list[str]:
    """Write every named file of the page below ``folder``; the blocks of commands, in order."""
    commands = []
    for language, name, text in BLOCK.findall((DOCS / page).read_text()):
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        elif language == "console":
            commands.append(text)
    return commands


def follow(page: str, folder: Path) -> int:
    """Carry out every command of the page and look for each line that it is said to print; how many there were."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    environment.pop("UNHOBBLE_PLUGINS", None)
    exports, followed = "", 0
    for block in written(page, folder):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            if command.startswith("export "):
                exports += f"{command}; "
                continue
            done = subprocess.run(
                ["bash", "-c", exports + command], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
            for line in filter(None, expected.split("\n")):
                assert line in done.stdout, (command, line, done.stdout)
            followed += 1
    return followed


@pytest.mark.ray
@pytest.mark.slow
def test_the_page_on_candidates_can_be_followed_word_for_word(tmp_path):
    assert follow("extending.md", tmp_path) >= 4


@pytest.mark.slow
def test_the_page_on_tasks_can_be_followed_word_for_word(tmp_path):
    assert follow("tasks.md", tmp_path) >= 5
