"""Fifty workers are killed in the middle of their rollouts. Once the janitor has been there, nothing of them is left."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from docker import APIClient
from docker.utils import kwargs_from_env

from sandboxes._owner import Realm
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind

pytestmark = [pytest.mark.slow, pytest.mark.docker]

ROOT = Path(__file__).parent.parent.parent
BACKENDS = ("docker", "bubblewrap")
KILLED = 50


class Traces:
    """What sandboxes of one realm have on this machine, whoever made them."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._client = APIClient(**kwargs_from_env())

    def close(self) -> None:
        self._client.close()

    def containers(self) -> list[str]:
        return [found["Id"] for found in self._client.containers(all=True, filters={"label": f"unhobble.realm={self._realm.id}"})]

    def groups(self, containers: Collection[str] = ()) -> list[str]:
        marks = (f"unhobble.{self._realm.id}.", *containers)
        # os.walk, for groups of others come and go meanwhile.
        return [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if any(mark in folder for mark in marks)]

    def directories(self) -> list[str]:
        return [str(path) for path in (self._realm.directory / "boxes").glob("*")]

    def locks(self) -> list[str]:
        return [str(path) for path in self._realm.directory.glob("*.lock")]

    def processes(self, containers: Collection[str]) -> list[str]:
        """Processes that have something of the realm mounted or on their command line, or are in one of its groups."""
        marks = (str(self._realm.directory), f"unhobble.{self._realm.id}.", *containers)
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                text = "".join((process / name).read_text(errors="replace") for name in ("cmdline", "cgroup", "mountinfo"))
                if any(mark in text for mark in marks):
                    found.append(f"{process.name}: {(process / 'cmdline').read_text()!r:.200}")
        return found


@pytest.fixture
def realm(tmp_path, monkeypatch):
    """A realm of its own, so that nothing of other tests is swept or counted here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Realm()


async def swept() -> list[str]:
    """Have fresh providers sweep until there is nothing more to sweep; what they removed."""
    removed = []
    for backend in BACKENDS:
        provider = installed().build(PluginKind.sandbox, backend)
        try:
            async with asyncio.timeout(60):
                while more := await provider.sweep():
                    removed += more
        finally:
            await provider.close()
    return removed


def test_nothing_is_left_of_fifty_workers_that_were_killed_in_the_middle_of_rollouts(realm):
    traces = Traces(realm)
    seen: set[str] = set()
    command = [sys.executable, "-m", "tests.sandboxes.killing", "7", str(KILLED), *BACKENDS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killing:
        assert killing.stdout is not None
        kills = []
        for line in killing.stdout:
            kills.append(json.loads(line))
            seen.update(traces.containers())
    try:
        assert killing.returncode == 0
        assert len(kills) == KILLED
        assert sum(kill["under_way"] > 0 for kill in kills) >= 0.8 * KILLED
        assert sum(kill["finished"] for kill in kills) > 0
        assert seen
        assert traces.groups() + traces.directories()  # else there is nothing to sweep, and this test shows nothing

        assert asyncio.run(swept())
        assert traces.containers() == []
        assert traces.groups(seen) == []
        assert traces.directories() == []
        assert traces.locks() == []
        assert traces.processes(seen) == []
        assert str(realm.directory) not in Path("/proc/self/mountinfo").read_text()
    finally:
        traces.close()
