"""The repository is whole again, with the very objects that it had."""

import hashlib
import os
import subprocess
from pathlib import Path

REFS = {
    "refs/heads/archive": "79fd26c927fd9c79ce7437b6633866829e1d27a7",
    "refs/heads/audit": "cb6b7ddd0d472b60f1bf7ed502a0527659c0be3d",
    "refs/heads/main": "d4ee72c33fec0af2cfed702449c0cd3bccc2eaed",
    "refs/tags/v1.0": "b593aa95f62346c03d7946e1c7b3c90356b68b1c",
    "refs/tags/v2.0": "5fdd2a886c3caaa07822b13a932656cef72f6100",
}
FILES = {
    "ledger/data/book.csv": "31a34b1ca6611a345540c58d7b79b9fb27d5af64c445e0846a6f0ffb2ca91dd4",
    "ledger/data/rates.csv": "cafb0562132e5045b706ebecb30af9d9ca9cbbca10fb3a931a773639bc9ed14d",
    "ledger/docs/agenda.txt": "59f9018d02a16375135d90c1e43d86922ddb72c40b9a8de6d8d167f56ed03318",
    "ledger/draft.txt": "79711da460c6ed1bcbae77370fb0c8db8eccaf8abe344bcd5366c04eb60dfe32",
    "ledger/minutes.txt": "8b5591dda18387523baf05e30678a86a7e962dbd412accfcd935e010edb388dd",
}


def _git(*arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0"}
    return subprocess.run(["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", "ledger", *arguments],
                          capture_output=True, text=True, errors="replace", timeout=30, env=environment)


def test_refs():
    run = _git("for-each-ref", "--format=%(refname) %(objectname)")
    assert run.returncode == 0, f"the refs cannot be listed: {run.stderr[-200:]}"
    found = dict(line.split() for line in run.stdout.splitlines())
    assert found == REFS, f"refs that differ: {sorted(name for name in found.keys() | REFS.keys() if found.get(name) != REFS.get(name))}"
    assert _git("symbolic-ref", "--quiet", "HEAD").stdout.strip() == "refs/heads/main", "HEAD is not on main"


def test_history_is_complete():
    run = _git("rev-list", "--objects", *REFS.values())
    assert run.returncode == 0, f"objects are missing: {run.stderr[-200:]}"
    assert len(run.stdout.splitlines()) == 47, f"{len(run.stdout.splitlines())} objects can be reached, expected 47"


def test_fsck():
    run = _git("fsck", "--full", "--no-progress")
    complaints = [line for line in (run.stdout + run.stderr).splitlines() if not line.startswith(("dangling", "notice"))]
    assert run.returncode == 0 and not complaints, f"git fsck: exit {run.returncode}, {complaints[:3]}"


def test_index():
    status = _git("status", "--porcelain")
    assert status.returncode == 0, f"git status fails: {status.stderr[-200:]}"
    staged = [line for line in status.stdout.splitlines() if line[0] not in " ?"]
    assert not staged, f"staged: {staged}"
    tree = _git("write-tree").stdout.strip()
    assert tree and tree == _git("rev-parse", "main^{tree}").stdout.strip(), "the index is not that of main"


def test_working_tree():
    found = {}
    for path in Path("ledger").rglob("*"):
        if ".git" not in path.parts and not path.is_dir():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == FILES, f"files that differ: {sorted(name for name in found.keys() | FILES.keys() if found.get(name) != FILES.get(name))}"
