"""Runs each command in a fresh bubblewrap jail on this machine: no daemon, no image, no network, the host's /usr read-only.

A sandbox is a directory; nothing but its files lives on between commands, for the death of a command's namespace is the death
of every process in it. Limits are kept by control groups where this process may make some, else by rlimits as far as those
go; ``check`` says what is then not enforced.
"""

import asyncio
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import Field

from sandboxes._boxes import Boxes
from sandboxes._bwrap import command_line, maintenance_line
from sandboxes._cgroups import CONTROLLERS, Cgroups, Group, find
from sandboxes._commands import not_startable, unusable
from sandboxes._files import copy_command, locate, read_file, restore_command, write_file
from sandboxes._settling import opened, settled
from sandboxes._supervise import Outcome, Running, TooLong, supervise
from unhobble.errors import SandboxError
from unhobble.messages import Frozen
from unhobble.sandboxing import Availability, Ending, ExecResult, SandboxFile, SandboxSpec, User
from unhobble.text import decode

_OLDEST = (0, 8, 0)
_NEEDED = ("bash", "python3", "find", "cp")
_MAINTENANCE_S = 120.0
_PROBE_S = 30.0
_PLACES = {"/work": "work", "/home/agent": "home", "/tmp": "tmp", "/tests": "tests"}  # noqa: S108 (the sandbox's own)
_log = logging.getLogger(__name__)


class Config(Frozen):
    """How the operator wants jails to be run."""

    executable: str = Field("bwrap", description="bubblewrap 0.8 or later: a name on PATH, or a path.")
    directory: str | None = Field(None, description="Where sandboxes keep their files; the system's temporary directory if null.")
    host_uid: int = Field(65534, ge=1, description="The uid and gid on the host of all commands, where the worker is root.")
    cgroups: bool = Field(True, description="Whether to use control groups where this process may make some.")


def build(config: Config) -> "BubblewrapProvider":
    """The plug-in's door."""
    return BubblewrapProvider(config)


class BubblewrapProvider:
    """``protocols.SandboxProvider`` with nothing but this machine."""

    name = "bubblewrap"

    def __init__(self, config: Config) -> None:
        self._config = config
        self._cgroups: Cgroups = find() if config.cgroups else Cgroups([])
        owner = config.host_uid if os.geteuid() == 0 else None
        self._sandboxes: set[BubblewrapSandbox] = set()
        self._boxes = Boxes(Path(config.directory) if config.directory else None, owner, self._cgroups)

    async def check(self) -> Availability:
        """See ``protocols.SandboxProvider``."""
        try:
            version = await self._version()
            sandbox = await self.open(SandboxSpec(), label="check")
            try:
                probe = f"for program in {' '.join(_NEEDED)}; do command -v $program >/dev/null || echo $program; done"
                result = await sandbox.exec(["/bin/sh", "-c", probe], timeout_s=_PROBE_S, output_bytes=4096)
            finally:
                await sandbox.close()
        except Exception as error:
            return Availability(available=False, reason=str(error))
        if missing := decode(result.stdout).split():
            return Availability(available=False, reason=f"not below /usr on this machine: {', '.join(missing)}")
        if not result.ok:
            return Availability(available=False, reason=f"a probe failed in the sandbox: {decode(result.stderr)[-300:]}")
        return Availability(available=True, reason=f"bubblewrap {version}", not_enforced=self._not_enforced())

    async def open(self, spec: SandboxSpec, *, label: str) -> "BubblewrapSandbox":
        """See ``protocols.SandboxProvider``."""
        if spec.image is not None:
            raise SandboxError(f"bubblewrap has no images, so it cannot use {spec.image!r}; use the docker backend, or no image")
        executable = self._executable()
        name = f"{re.sub(r'[^A-Za-z0-9-]', '-', label)[:40]}-{secrets.token_hex(4)}"
        return await opened(asyncio.to_thread(self._open, executable, spec, name), BubblewrapSandbox.close)

    async def close(self) -> None:
        """See ``protocols.SandboxProvider``."""
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._sandboxes)))
        await asyncio.to_thread(self._boxes.close)

    def _open(self, executable: str, spec: SandboxSpec, name: str) -> "BubblewrapSandbox":
        try:
            box = self._boxes.create(name)
            try:
                group = self._cgroups.create(self._boxes.group_name(name), spec)
            except SandboxError:
                shutil.rmtree(box, ignore_errors=True)
                raise
        except OSError as error:
            raise SandboxError(f"no directory for a sandbox can be made: {error}") from error
        limits = [f"-f {spec.disk_bytes // 512}", "-c 0"]
        if "memory_bytes" in self._cgroups.missing:
            limits.append(f"-v {spec.memory_bytes // 1024}")
        if "processes" in self._cgroups.missing:
            # bash, where it is /bin/sh, has -u; dash has -p.
            limits.append(f"-u {spec.processes} 2>/dev/null || ulimit -p {spec.processes}")
        sandbox = BubblewrapSandbox(executable, box, self._boxes, group, limits, on_close=self._sandboxes.discard)
        self._sandboxes.add(sandbox)
        return sandbox

    def _executable(self) -> str:
        found = shutil.which(self._config.executable)
        if found is None:
            raise SandboxError(f"there is no {self._config.executable!r} on PATH; install bubblewrap 0.8 or later")
        return found

    async def _version(self) -> str:
        process = await asyncio.create_subprocess_exec(
            self._executable(), "--version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, env={}
        )
        said = decode((await process.communicate())[0])
        version = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
        if version is None or tuple(map(int, version.groups())) < _OLDEST:
            raise SandboxError(f"bubblewrap 0.8 or later is needed; {self._config.executable} --version says {said.strip()!r}")
        return version.group()

    def _not_enforced(self) -> tuple[str, ...]:
        how = {
            "memory_bytes": "memory_bytes in total (each process may take that much)",
            "cpus": "cpus",
            # The kernel counts a user's processes by user namespace, so that a sandbox is held to its own.
            "processes": None,
        }
        found = [how[field] for field in CONTROLLERS.values() if field in self._cgroups.missing]
        found.append("disk_bytes in total (each file may hold that much)")
        if os.geteuid() != 0:
            found.append("the keeper's files outside /tests (without root the agent owns them)")
        return tuple(filter(None, found))


class BubblewrapSandbox:
    """``protocols.Sandbox`` as a directory and a control group."""

    def __init__(
        self,
        executable: str,
        box: Path,
        boxes: Boxes,
        group: Group,
        ulimits: list[str],
        *,
        on_close: Callable[["BubblewrapSandbox"], None],
    ) -> None:
        self._executable = executable
        self._box = box
        self._boxes = boxes
        self._group = group
        self._ulimits = ulimits
        self._on_close = on_close
        self._running = Running()
        self._snapshots: list[str] = []
        self._closed = False

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
        """See ``protocols.Sandbox``."""
        self._require_open()
        if why := unusable(argv):
            return not_startable(why)
        if user is User.keeper:
            self._boxes.make_directory(self._box / "tests")
        line = command_line(self._box, self._boxes.etc, argv, cwd=cwd, env=env or {}, user=user, ulimits=self._ulimits)
        started_s, oom_before = time.monotonic(), self._group.oom_kills()
        try:
            outcome = await self._running.see_through(
                supervise(
                    [*self._boxes.identity, self._executable],
                    line,
                    admit=self._group.add,
                    stdin=stdin,
                    timeout_s=timeout_s,
                    output_bytes=output_bytes,
                )
            )
        except TooLong:
            return not_startable("its arguments are too long")
        ending = outcome.ending
        if ending is Ending.exited and outcome.exit_code != 0 and self._group.oom_kills() > oom_before:
            ending = Ending.out_of_memory
        elif ending is Ending.exited and outcome.exit_code is None:
            said = decode(bytes(outcome.stderr.kept)).strip()
            raise SandboxError(f"bwrap ended without an exit code of the command: {said[-300:] or 'something killed it'}")
        return _result(outcome, ending, time.monotonic() - started_s)

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        """See ``protocols.Sandbox``."""
        self._require_open()
        await settled(asyncio.to_thread(self._write_files, files, user))

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """See ``protocols.Sandbox``."""
        self._require_open()
        place, names = locate(path)
        try:
            return await asyncio.to_thread(read_file, str(self._box / _PLACES[place]), names, max_bytes)
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} does not exist in the sandbox") from None
        except OSError as error:
            raise SandboxError(f"{path} cannot be read from the sandbox: {error}") from error

    async def snapshot(self) -> str:
        """See ``protocols.Sandbox``."""
        self._require_open()
        name = f"snapshot-{len(self._snapshots) + 1}"
        await self._maintain(copy_command(self._saved(), f"{self._box}/{name}"))
        self._snapshots.append(name)
        return name

    async def restore(self, snapshot: str) -> None:
        """See ``protocols.Sandbox``."""
        self._require_open()
        if snapshot not in self._snapshots:
            raise SandboxError(f"there is no snapshot {snapshot!r}; there are {', '.join(self._snapshots) or 'none'}")
        await self._maintain(restore_command(self._saved(), f"{self._box}/{snapshot}"))

    async def stop_agent(self) -> None:
        """See ``protocols.Sandbox``. No process outlives the command that started it, so only a command under way can be there."""
        self._require_open()
        await settled(self._running.stop())

    async def close(self) -> None:
        """See ``protocols.Sandbox``."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
            await settled(self._remove())

    def _require_open(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox was closed")

    def _saved(self) -> dict[str, str]:
        return {name: f"{self._box}/{name}" for name in ("work", "home", "tmp")}

    def _write_files(self, files: Sequence[SandboxFile], user: User) -> None:
        for file in files:
            try:
                place, names = locate(file.path)
                folder = self._box / _PLACES[place]
                if place == "/tests":
                    self._boxes.make_directory(folder)
                mode = 0o755 if file.executable else 0o644
                write_file(str(folder), names, file.data, mode=mode, owner=self._boxes.owner_of(user))
            except (OSError, ValueError) as error:
                raise SandboxError(f"{file.path} cannot be written into the sandbox: {error}") from error

    async def _maintain(self, argv: list[str]) -> None:
        """Run a command of the worker's own over the sandbox's files, which may be closed to their very owner."""
        outcome = await supervise(
            [self._executable],
            maintenance_line(self._box, argv),
            admit=lambda _: None,
            stdin=b"",
            timeout_s=_MAINTENANCE_S,
            output_bytes=4096,
        )
        if outcome.exit_code != 0:
            said = decode(bytes(outcome.stderr.kept)).strip()
            raise SandboxError(f"the sandbox's files could not be copied ({outcome.ending.value}): {said[-500:]}")

    async def _remove(self) -> None:
        try:
            await self._running.stop()
            await asyncio.to_thread(self._group.remove)
            await asyncio.to_thread(shutil.rmtree, self._box, ignore_errors=True)
            if self._box.exists():
                await self._maintain(["find", str(self._box), "-mindepth", "1", "-delete"])
                self._box.rmdir()
        except Exception as error:
            _log.warning("the sandbox in %s could not be removed: %s", self._box, error)


def _result(outcome: Outcome, ending: Ending, duration_s: float) -> ExecResult:
    return ExecResult(
        ending=ending,
        exit_code=outcome.exit_code if ending is Ending.exited else None,
        stdout=bytes(outcome.stdout.kept),
        stderr=bytes(outcome.stderr.kept),
        stdout_truncated=outcome.stdout.truncated,
        stderr_truncated=outcome.stderr.truncated,
        duration_s=duration_s,
    )
