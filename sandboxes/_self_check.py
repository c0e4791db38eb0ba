"""Whether a backend keeps the contract of ``protocols.Sandbox`` on this machine: its contract tests in short, for operators."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from unhobble.errors import SandboxError
from unhobble.protocols import Sandbox, SandboxProvider
from unhobble.sandboxing import SANDBOX_ENV, TESTS_DIR, WORK_DIR, Ending, ExecResult, SandboxFile, SandboxSpec, User

_TIMEOUT_S = 30.0
_OUTPUT_BYTES = 4096
_BYTES = bytes(range(256)) * 64


@dataclass(frozen=True)
class Claim:
    """One thing that was tried. ``held`` is None where it could not be; ``evidence`` says what was seen."""

    name: str
    what: str
    held: bool | None
    evidence: str
    duration_s: float


class _Broken(Exception):
    """The claim does not hold; the text says what was seen."""


async def run_self_check(provider: SandboxProvider, on_result: Callable[[Claim], None] | None = None) -> list[Claim]:
    """Try every claim in a fresh sandbox each. Raises nothing but for cancellation."""
    claims = []
    for name, check in CHECKS.items():
        claims.append(await _tried(name, check, provider))
        if on_result is not None:
            on_result(claims[-1])
    return claims


async def _tried(name: str, check: Callable[[Sandbox], Awaitable[None]], provider: SandboxProvider) -> Claim:
    started_s = time.monotonic()
    held: bool | None = True
    evidence = "as promised"
    try:
        sandbox = await provider.open(SandboxSpec(backend=provider.name), label=f"self-check-{name}")
        try:
            await check(sandbox)
        finally:
            await sandbox.close()
    except _Broken as broken:
        held, evidence = False, str(broken)
    except Exception as error:  # whatever a backend raises here is not what it promises
        held, evidence = None if isinstance(error, SandboxError) else False, f"{type(error).__name__}: {error}"
    return Claim(name, (check.__doc__ or "").strip(), held, evidence, round(time.monotonic() - started_s, 3))


async def _run(
    sandbox: Sandbox, script: str, *, stdin: bytes = b"", user: User = User.agent, timeout_s: float = _TIMEOUT_S
) -> ExecResult:
    return await sandbox.exec(["sh", "-c", script], stdin=stdin, user=user, timeout_s=timeout_s, output_bytes=_OUTPUT_BYTES)


def _expect(holds: bool, seen: object) -> None:  # noqa: FBT001 (an assertion that python -O keeps)
    if not holds:
        raise _Broken(f"{seen!r:.300}")


async def _command(sandbox: Sandbox) -> None:
    """A command gets its input, and gives its output and its exit code."""
    result = await _run(sandbox, "cat; echo said >&2; exit 7", stdin=b"a\x00b\xff")
    _expect((result.exit_code, result.stdout, result.stderr) == (7, b"a\x00b\xff", b"said\n"), result)


async def _environment(sandbox: Sandbox) -> None:
    """The environment is the documented one, and the working directory is /work."""
    result = await _run(sandbox, "env; pwd")
    lines = result.stdout.decode(errors="replace").splitlines()
    extra = {line.partition("=")[0] for line in lines[:-1]} - SANDBOX_ENV.keys() - {"PWD", "SHLVL", "_", "OLDPWD"}
    _expect(not extra and lines[-1:] == [WORK_DIR], sorted(extra) or lines[-1:])


async def _absent(sandbox: Sandbox) -> None:
    """A command that does not exist ends with 127."""
    result = await sandbox.exec(["no-such-program"], timeout_s=_TIMEOUT_S, output_bytes=_OUTPUT_BYTES)
    _expect((result.ending, result.exit_code) == (Ending.exited, 127), result)


async def _time(sandbox: Sandbox) -> None:
    """A command that takes too long is killed, and the next one works."""
    result = await _run(sandbox, "sleep 60 & sleep 60", timeout_s=0.5)
    _expect(result.ending is Ending.timed_out, result)
    _expect((await _run(sandbox, "true")).ok, "no further command could be run")


async def _output(sandbox: Sandbox) -> None:
    """Output is kept up to its cap and marked as cut; a flood ends the command."""
    cut = await _run(sandbox, f"head -c {2 * _OUTPUT_BYTES} /dev/zero")
    _expect(
        (cut.ending, len(cut.stdout), cut.stdout_truncated) == (Ending.exited, _OUTPUT_BYTES, True), (cut.ending, len(cut.stdout))
    )
    flood = await _run(sandbox, "yes")
    _expect(flood.ending is Ending.output_exceeded, flood.ending)


async def _memory(sandbox: Sandbox) -> None:
    """A command that takes more memory than the sandbox has is killed, which is told apart from a failure."""
    result = await _run(sandbox, "tail /dev/zero")
    _expect(result.ending is Ending.out_of_memory, result)


async def _files(sandbox: Sandbox) -> None:
    """Files go in and come out as they were, and the agent can run those that are executable."""
    script = SandboxFile(f"{WORK_DIR}/deep/er/run", b"#!/bin/sh\necho ran\n", executable=True)
    await sandbox.write_files([SandboxFile(f"{WORK_DIR}/data", _BYTES), script])
    _expect(await sandbox.read_file(f"{WORK_DIR}/data", max_bytes=len(_BYTES)) == _BYTES, "the bytes differ")
    result = await _run(sandbox, "deep/er/run")
    _expect(result.stdout == b"ran\n", result)


async def _directory(sandbox: Sandbox) -> None:
    """A directory comes out with its regular files, and without its links and pipes."""
    await _run(sandbox, "mkdir -p d/e; echo 1 >d/e/f; ln -s /etc/passwd d/link; mkfifo d/pipe")
    found = await sandbox.read_directory(f"{WORK_DIR}/d", max_bytes=1024, max_files=16)
    _expect([(file.path, file.data) for file in found] == [(f"{WORK_DIR}/d/e/f", b"1\n")], found)


async def _hidden_tests(sandbox: Sandbox) -> None:
    """What the keeper wrote below /tests can be read by the agent, and not changed."""
    await sandbox.write_files([SandboxFile(f"{TESTS_DIR}/check", b"hidden")], user=User.keeper)
    result = await _run(sandbox, f"cat {TESTS_DIR}/check; echo mine >{TESTS_DIR}/check; rm -f {TESTS_DIR}/check")
    _expect(result.stdout == b"hidden", result)
    _expect((await _run(sandbox, f"cat {TESTS_DIR}/check")).stdout == b"hidden", "the agent changed it")


async def _snapshot(sandbox: Sandbox) -> None:
    """A snapshot is put back as it was."""
    await _run(sandbox, "echo before >file")
    name = await sandbox.snapshot()
    await _run(sandbox, "echo after >file; echo more >other")
    await sandbox.restore(name)
    _expect((result := await _run(sandbox, "cat *")).stdout == b"before\n", result)


async def _stopped(sandbox: Sandbox) -> None:
    """Once the agent is stopped, nothing of it runs on, and the keeper can work."""
    await _run(sandbox, "(while :; do date +%s%N >beat; sleep 0.05; done) >/dev/null 2>&1 &")
    await sandbox.stop_agent()
    result = await _run(sandbox, f"cat {WORK_DIR}/beat; sleep 0.3; cat {WORK_DIR}/beat", user=User.keeper)
    beats = result.stdout.split()
    _expect(len(set(beats)) < 2, result)


CHECKS: dict[str, Callable[[Sandbox], Awaitable[None]]] = {
    "command": _command,
    "environment": _environment,
    "absent-command": _absent,
    "time": _time,
    "output": _output,
    "memory": _memory,
    "files": _files,
    "directory": _directory,
    "hidden-tests": _hidden_tests,
    "snapshot": _snapshot,
    "stop": _stopped,
}
"""Every claim by its name."""
