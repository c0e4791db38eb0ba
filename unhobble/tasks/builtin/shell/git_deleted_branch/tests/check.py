"""The branch pricing is back where it was, and nothing else has changed."""

import os
import subprocess
from pathlib import Path

PRICING = "c319809834137091582c88d84ccb91a39277c3d4"
MAIN = "0751daad1fe3bd35f98a62cf6ea8143430ccf51b"
TABLE = "291aae3d854d702753d7759c0c77bd16fcb1aeaf"


def _git(*arguments: str) -> str:
    environment = {**os.environ, "GIT_NO_REPLACE_OBJECTS": "1"}
    run = subprocess.run(["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", "shop", *arguments],
                         capture_output=True, text=True, timeout=20, env=environment)
    return run.stdout.strip()


def test_pricing_is_back():
    found = _git("rev-parse", "--verify", "--quiet", "refs/heads/pricing")
    assert found == PRICING, f"the branch pricing is at {found or 'no commit'}"


def test_other_branches():
    found = dict(line.split() for line in _git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads").splitlines())
    found.pop("refs/heads/pricing", None)
    assert found == {"refs/heads/main": MAIN, "refs/heads/pricing-table": TABLE}, f"the other branches are {found}"


def test_main_is_still_checked_out():
    assert _git("symbolic-ref", "--quiet", "HEAD") == "refs/heads/main", "main is not checked out"


def test_uncommitted_work_is_still_there():
    wanted = {"prices.conf": "basic=9.50\nteam=29.00\n", "todo.txt": "ask Jon about VAT\n", "README.md": "# Shop\n\nSee prices.conf and table.html.\n"}
    for name, text in wanted.items():
        path = Path("shop") / name
        assert path.is_file() and path.read_text() == text, f"the working file {name} has changed"
