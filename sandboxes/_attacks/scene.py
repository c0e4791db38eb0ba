"""Where an attack takes place: one sandbox, its neighbour, and what there is to be reached on the machine around them."""

import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from sandboxes._attacks import inside
from sandboxes._attacks.decoys import Decoys
from sandboxes._attacks.inside.effects import Facts, Verdict, untried
from unhobble.protocols import Sandbox, SandboxProvider
from unhobble.sandboxing import Ending, ExecResult, SandboxFile, SandboxSpec, User
from unhobble.text import decode

ARCHIVE = "/tmp/attacks.zip"  # noqa: S108 (the sandbox's own)
OUTPUT_BYTES = 65_536
_COMMAND_S = 60.0
_EVIDENCE = 300
_ENDED = {Ending.out_of_memory, Ending.output_exceeded}

Program = Callable[[Facts], Verdict]


class Scene:
    """What an attack works with. ``facts`` is what its programs are told."""

    def __init__(
        self, provider: SandboxProvider, sandbox: Sandbox, spec: SandboxSpec, decoys: Decoys, stack: AsyncExitStack
    ) -> None:
        self.sandbox = sandbox
        self.decoys = decoys
        self.facts = decoys.facts(spec)
        self._provider = provider
        self._spec = spec
        self._stack = stack

    async def neighbour(self) -> Sandbox:
        """Another sandbox of the same provider, as another rollout would have. Raises ``SandboxError``."""
        return await _opened(self._stack, self._provider, self._spec, "neighbour")

    async def attempt(
        self,
        program: Program,
        *,
        sandbox: Sandbox | None = None,
        user: User = User.agent,
        timeout_s: float = _COMMAND_S,
        extra: str = "",
    ) -> Verdict:
        """Run ``program`` in a sandbox, the scene's own if None, and return its verdict. Raises ``SandboxError``."""
        sandbox = sandbox or self.sandbox
        command = await self.pack(program, sandbox=sandbox, extra=extra)
        return verdict_of(await sandbox.exec(command, user=user, timeout_s=timeout_s, output_bytes=OUTPUT_BYTES))

    async def pack(self, program: Program, *, sandbox: Sandbox | None = None, extra: str = "") -> list[str]:
        """Put the programs into a sandbox; returns the command that runs ``program`` there. Raises ``SandboxError``."""
        await (sandbox or self.sandbox).write_files([SandboxFile(ARCHIVE, archive())])
        facts = json.dumps(asdict(replace(self.facts, extra=extra)))
        return ["python3", "-I", "-S", "-B", ARCHIVE, program.__module__, program.__name__, facts]

    async def shell(self, script: str, *, user: User = User.agent, cwd: str = "/work", timeout_s: float = _COMMAND_S) -> ExecResult:
        """Run a shell script in the sandbox. Raises ``SandboxError``."""
        command = ["sh", "-c", script]
        return await self.sandbox.exec(command, user=user, cwd=cwd, timeout_s=timeout_s, output_bytes=OUTPUT_BYTES)


def by(program: Program, *, user: User = User.agent, timeout_s: float = _COMMAND_S) -> Callable[[Scene], Awaitable[Verdict]]:
    """The attack that is nothing but ``program``, run in the sandbox."""

    async def run(scene: Scene) -> Verdict:
        return await scene.attempt(program, user=user, timeout_s=timeout_s)

    return run


async def staged(stack: AsyncExitStack, provider: SandboxProvider, spec: SandboxSpec, decoys: Decoys, name: str) -> Scene:
    """A scene whose sandboxes are closed with ``stack``. Raises ``SandboxError``."""
    return Scene(provider, await _opened(stack, provider, spec, name), spec, decoys, stack)


def verdict_of(result: ExecResult) -> Verdict:
    """What a program said; a program that was stopped before it could say anything has been held."""
    lines = decode(result.stdout).strip().splitlines()
    if lines and result.ending is Ending.exited:
        try:
            said = json.loads(lines[-1])
            return Verdict(said["breached"], said["evidence"][:_EVIDENCE])
        except (ValueError, KeyError, TypeError):
            pass
    if result.ending in _ENDED:
        return Verdict(False, f"the command was ended: {result.ending.value}")
    return untried(f"no verdict: {result.ending.value} {result.exit_code} {decode(result.stderr)[-_EVIDENCE:].strip()}")


@cache
def archive() -> bytes:
    """The programs as a file that Python runs."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("__main__.py", f"from {inside.__name__}.main import main\nmain()\n")
        *outer, _ = inside.__name__.split(".")
        for depth in range(len(outer)):
            file.writestr("/".join([*outer[: depth + 1], "__init__.py"]), "")
        for source in sorted(Path(inside.__file__ or "").parent.glob("*.py")):
            file.writestr("/".join([*inside.__name__.split("."), source.name]), source.read_bytes())
    return packed.getvalue()


async def _opened(stack: AsyncExitStack, provider: SandboxProvider, spec: SandboxSpec, name: str) -> Sandbox:
    sandbox = await provider.open(spec, label=f"attack-{name}", study="attacks")
    stack.push_async_callback(sandbox.close)
    return sandbox
