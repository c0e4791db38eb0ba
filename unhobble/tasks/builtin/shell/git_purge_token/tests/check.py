"""The token is gone from the whole repository, and the rest of the history is what it was."""

import os
import stat
import subprocess
from pathlib import Path

TOKEN = b"tk.9/Zr&4+Qx*e7"
REFS = {
    "refs/heads/main": "80de0f3493cf1354b4b82f7fd467db18a3ee2e75",
    "refs/heads/release/1.x": "1b458ed9636ca9bb37e32505cff7fd9aa64f0a59",
    "refs/heads/try/direct": "1ea010159c4e0d59213c3a15b331cad580a0bf41",
    "refs/remotes/origin/main": "52d8b61bd8d742a1d808718ae71202381e1202d6",
    "refs/tags/handover": "671db6a276bf2c5db27ab84fdeb1544b6736f674",
    "refs/tags/v1.0": "06a1c2af13b55d4d1ead24e3939c21de827741b7",
    "refs/tags/v1.0.1": "bc42614667503c9e94b00e9487fe31f156b2ab66",
}


def _git(*arguments: str) -> bytes:
    environment = {**os.environ, "GIT_NO_REPLACE_OBJECTS": "1"}
    run = subprocess.run(["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C", "deploy", *arguments],
                         capture_output=True, timeout=30, env=environment)
    assert run.returncode == 0, f"git {arguments[0]} failed: {run.stderr[-200:]!r}"
    return run.stdout


def test_refs():
    found = dict(line.split() for line in _git("for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines())
    assert set(found) == set(REFS), f"refs too many or missing: {sorted(set(found) ^ set(REFS))}"
    wrong = [name for name in REFS if found[name] != REFS[name]]
    assert not wrong, f"not the same history with the token replaced: {wrong}"


def test_history_is_complete():
    _git("rev-list", "--objects", "--all")
    assert _git("symbolic-ref", "HEAD").strip() == b"refs/heads/main", "main is not checked out"


def test_no_object_has_the_token():
    objects = _git("cat-file", "--batch-all-objects", "--batch", "--unordered")
    assert TOKEN not in objects, "an object in the database still contains the token"


def test_no_file_has_the_token():
    found = [str(path) for path in Path("deploy").rglob("*") if path.is_file() and not path.is_symlink() and TOKEN in path.read_bytes()]
    assert not found, f"files that still contain the token: {found}"


def test_working_tree_is_clean():
    assert _git("write-tree") == _git("rev-parse", "main^{tree}"), "the index is not that of main"
    tracked = set()
    for entry in _git("ls-tree", "-r", "-z", "main").split(b"\0")[:-1]:
        fields, name = entry.split(b"\t")
        mode, _, blob = fields.split()
        path = Path("deploy") / os.fsdecode(name)
        tracked.add(str(path))
        state = path.lstat()
        if mode == b"120000":
            assert stat.S_ISLNK(state.st_mode), f"{path} is no symbolic link any more"
            data = os.fsencode(os.readlink(path))
        else:
            assert stat.S_ISREG(state.st_mode), f"{path} is not a plain file"
            assert bool(state.st_mode & 0o100) == (mode == b"100755"), f"{path} has the wrong permissions"
            data = path.read_bytes()
        assert data == _git("cat-file", "blob", blob.decode()), f"{path} differs from the commit"
    others = {str(path) for path in Path("deploy").rglob("*") if ".git" not in path.parts and not path.is_dir()} - tracked
    assert not others, f"files that do not belong there: {sorted(others)}"
