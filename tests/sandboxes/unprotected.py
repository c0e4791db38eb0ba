"""What the attacks are proved on where a backend's control cannot be switched off: commands as plain processes of the host.

Its keeper does what a careless one would do: it runs as the agent, reports in the midst of the output, takes that for text, and
copies files as their paths say. So that no attack does harm, all happens in namespaces of processes and mounts of its own,
over a copy-on-write view of the host's files; nothing else is held. Needs root.
"""

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from unhobble.errors import SandboxError
from unhobble.sandboxing import SANDBOX_ENV, Availability, Ending, ExecResult, SandboxFile, SandboxSpec, User

_NOBODY = 65534
_WORLD = """
set -e
mount -t tmpfs -o mode=0755 unprotected "$1"
cd "$1"
mkdir upper work root
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay root
cd root
mkdir -p work home tests
for place in work home tests tmp; do mount -t tmpfs -o mode=1777 unprotected $place; done
mkdir -m 0777 home/agent
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 unprotected dev/shm
mount --rbind /sys sys
if [ "$2" = root ]; then mount --rbind /proc proc; else mount -t proc proc proc; fi
exec chroot . sh -c "echo ready; exec cat"
"""
_KEEPER = '( "$@" >/tmp/out 2>/tmp/err; echo "[exit code $?]" | tee /tmp/code ) | cat'
_CODE = re.compile(rb"\[exit code (\d+)\]")


class UnprotectedProvider:
    """``protocols.SandboxProvider`` without a sandbox. Its agent is nobody, or root."""

    name = "unprotected"

    def __init__(self, *, agent_is_root: bool = False) -> None:
        self._agent_is_root = agent_is_root
        self._directory = Path(tempfile.mkdtemp(prefix="unhobble-unprotected-"))
        self._world: Process | None = None
        self._leak = os.open("/etc/hostname", os.O_RDONLY)

    async def check(self) -> Availability:
        return Availability(available=os.geteuid() == 0, reason="it needs root")

    async def open(self, spec: SandboxSpec, *, label: str, study: str = "") -> "UnprotectedSandbox":
        return UnprotectedSandbox(await self._pid(), self._leak, agent_is_root=self._agent_is_root)

    async def sweep(self) -> list[str]:
        return []

    async def close(self) -> None:
        if self._world and self._world.stdin:
            self._world.stdin.close()
            await self._world.wait()
        os.close(self._leak)
        shutil.rmtree(self._directory)

    async def _pid(self) -> int:
        """The first process of the world, by its number on the host."""
        if self._world is None:
            words = ["unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--fork", "--kill-child"]
            words += ["sh", "-c", _WORLD, "sh", str(self._directory), "root" if self._agent_is_root else "nobody"]
            self._world = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE)
            assert self._world.stdout
            if await self._world.stdout.readline() != b"ready\n":
                raise SandboxError("no view of the host's files could be made; see standard error")
        return _first_child(self._world.pid)


class UnprotectedSandbox:
    """``protocols.Sandbox``: nothing but a place, which all sandboxes of a provider share."""

    def __init__(self, pid: int, leak: int, *, agent_is_root: bool) -> None:
        self._pid = pid
        self._leak = leak
        self._agent_is_root = agent_is_root

    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str = "/work",
        env: dict[str, str] | None = None,
        user: User = User.agent,
        timeout_s: float,
        output_bytes: int,
    ) -> ExecResult:
        become = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        if user is User.keeper or self._agent_is_root:
            become = []
        entered = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--uts", "--root", f"--wdns={cwd}"]
        process = await asyncio.create_subprocess_exec(
            *[*entered, *become, "sh", "-c", _KEEPER, "sh", *argv],
            stdin=PIPE,
            stdout=PIPE,
            env=SANDBOX_ENV | (env or {}),
            pass_fds=(self._leak,),
        )
        try:
            async with asyncio.timeout(timeout_s):
                status, _ = await process.communicate(stdin)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        out = await self.read_file("/tmp/out", max_bytes=output_bytes)
        err = await self.read_file("/tmp/err", max_bytes=output_bytes)
        # The report is whatever comes first that looks like one.
        code = _CODE.search(out + status)
        if code is None:
            raise SandboxError("the keeper did not report")
        await self._remove("/tmp/out", "/tmp/err", "/tmp/code")
        return ExecResult(Ending.exited, int(code[1]), _as_text(out), _as_text(err))

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        for file in files:
            place = self._outside(file.path)
            place.write_bytes(file.data)
            if user is User.agent and not self._agent_is_root:
                os.chown(place, _NOBODY, _NOBODY)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        return await asyncio.to_thread(self._outside(path).read_bytes)

    async def read_directory(self, path: str, *, max_bytes: int, max_files: int) -> list[SandboxFile]:
        try:
            found = [file for file in self._outside(path).rglob("*") if file.is_file()]
            return [SandboxFile(str(file).encode().decode(), file.read_bytes()) for file in found]
        except (OSError, RecursionError, UnicodeError) as error:
            raise SandboxError(f"{path} cannot be copied out: {error}") from error

    async def snapshot(self) -> str:
        return await self._as_agent("cp", "-a", "/work", "/tmp/snapshot")

    async def restore(self, snapshot: str) -> None:
        await self._as_agent("cp", "-a", "/tmp/snapshot/.", "/work")

    async def stop_agent(self) -> None:
        """What runs, runs on."""

    async def close(self) -> None:
        """What is there, stays there."""

    async def _as_agent(self, *argv: str) -> str:
        result = await self.exec(argv, cwd="/", timeout_s=60, output_bytes=1 << 20)
        if not result.ok:
            raise SandboxError(f"{' '.join(argv)}: {result.stderr.decode(errors='replace')[-300:]}")
        return "snapshot"

    async def _remove(self, *paths: str) -> None:
        for path in paths:
            self._outside(path).unlink(missing_ok=True)

    def _outside(self, path: str) -> Path:
        return Path(f"/proc/{self._pid}/root{path}")


def _first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _as_text(data: bytes) -> bytes:
    """Output as who takes it for text has it: line ends made equal, an end at NUL, and nothing at all where it is no UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise SandboxError(f"the output is no text: {error}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n").partition("\0")[0].encode()
