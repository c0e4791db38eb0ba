"""``unhobble sandbox``: what an operator is told, and the exit code."""

import subprocess
import sys
import textwrap

import pytest

from sandboxes._owner import Realm
from sandboxes._self_check import CHECKS, run_self_check
from unhobble.registry import installed
from unhobble.sandboxing import SANDBOX_ENV, Ending, ExecResult
from unhobble.vocabulary import PluginKind


def test_a_backend_that_does_not_exist_is_answered_with_those_that_do(unhobble):
    for command in ("check", "sweep"):
        said = unhobble("sandbox", command, "podman", "--json")
        assert said.code == 2
        assert "bubblewrap, docker" in said.json["error"]


def test_an_attack_that_does_not_exist_is_answered_with_those_that_do(unhobble, bubblewrap):
    said = unhobble("sandbox", "check", bubblewrap, "--only", "nothing")
    assert said.code == 2
    assert "there is no attack nothing; there are" in said.words


def test_a_backend_that_does_not_work_here_fails_and_says_why(unhobble, monkeypatch):
    monkeypatch.setenv("UNHOBBLE_SANDBOXES", '{"bubblewrap": {"executable": "no-such-bwrap"}}')
    said = unhobble("sandbox", "check", "bubblewrap")
    assert said.code == 1
    assert "no-such-bwrap" in said.words
    assert unhobble("sandbox", "check", "bubblewrap", "--json").json["tried"] == []


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
async def test_a_backend_keeps_every_promise(backend):
    provider = installed().build(PluginKind.sandbox, backend)
    try:
        claims = await run_self_check(provider)
    finally:
        await provider.close()
    assert [claim for claim in claims if not claim.held] == []
    assert [claim.name for claim in claims] == list(CHECKS)


class Liar:
    """A provider whose sandboxes do nothing and say that all went well."""

    name = "liar"

    async def open(self, spec, *, label, study=""):
        return self

    async def exec(self, argv, **_):
        return ExecResult(Ending.exited, 0, "".join(f"{name}=1\n" for name in SANDBOX_ENV).encode(), b"")

    async def read_file(self, path, *, max_bytes):
        return b""

    async def read_directory(self, path, *, max_bytes, max_files):
        return []

    async def write_files(self, files, **_):
        pass

    async def snapshot(self):
        return ""

    async def restore(self, snapshot):
        pass

    async def stop_agent(self):
        pass

    async def close(self):
        pass


class Forger(Liar):
    """A provider that was never any good."""

    async def open(self, spec, *, label, study=""):
        raise OSError("out of order")


async def test_a_promise_that_is_not_kept_is_never_said_to_hold():
    kept = {claim.name for claim in await run_self_check(Liar()) if claim.held}
    assert kept <= {"stop"}  # where nothing ever runs, nothing runs on
    assert not any(claim.held for claim in await run_self_check(Forger()))


def test_one_attack_is_tried_and_shown(unhobble, bubblewrap):
    from sandboxes._attacks import ATTACKS

    name = next(attack.name for attack in ATTACKS if "fork" in attack.name)
    said = unhobble("sandbox", "check", bubblewrap, "--only", name)
    assert "held" in said.words
    assert name in said.words
    found = unhobble("sandbox", "check", bubblewrap, "--only", name, "--json")
    (row,) = found.json["tried"]
    assert (row["name"], row["part"], bool(row["control"])) == (name, "attack", True)
    assert found.code == (0 if row["held"] else 1)


def test_what_a_killed_worker_left_is_swept_and_named(unhobble, bubblewrap, tmp_path, monkeypatch):
    program = textwrap.dedent("""
        import asyncio, os, signal
        from unhobble.registry import installed
        from unhobble.sandboxing import SandboxSpec
        from unhobble.vocabulary import PluginKind

        async def die():
            provider = installed().build(PluginKind.sandbox, "bubblewrap")
            await provider.open(SandboxSpec(), label="left", study="behind")
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(die())
    """)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    subprocess.run([sys.executable, "-c", program], check=False)
    (box,) = (Realm().directory / "boxes").iterdir()
    said = unhobble("sandbox", "sweep", bubblewrap)
    assert said.code == 0
    assert f"directory {box}" in said.out
    assert not box.exists()
    again = unhobble("sandbox", "sweep", bubblewrap, "--json")
    assert again.json == {"removed": {"bubblewrap": []}, "failed": {}}


def test_what_an_attack_wrote_cannot_speak_to_the_terminal():
    from service.commands.sandboxes import _shown

    assert _shown("a\x1b[2Jb\r\x07\u202e" + "x" * 999).startswith("a\ufffd[2Jb\ufffd\ufffd\ufffdxx")
    assert len(_shown("x" * 999)) == 300
