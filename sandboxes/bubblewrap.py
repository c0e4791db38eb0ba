"""Runs each command in a fresh bubblewrap jail on this machine: no daemon, no image, the host's /usr read-only.

A sandbox is the files that one process holds; nothing but these lives on between commands, for the death of a command's
namespace is the death of every process in it. Limits are kept by control groups. A worker that can make none refuses, unless
the operator allows it: then rlimits hold as far as they go, and ``check`` says what is not enforced.
"""

import asyncio
import os
import re
import secrets
from functools import cached_property
from pathlib import Path

from pydantic import Field

from sandboxes._bubblewrap.boxed_sandbox import BubblewrapSandbox, Parts
from sandboxes._bubblewrap.boxes import Boxes
from sandboxes._bubblewrap.bwrap import View
from sandboxes._bubblewrap.cgroups import CONTROLLERS, Group, find
from sandboxes._bubblewrap.holder import PROGRAMS, Holder, hold, program
from sandboxes._bubblewrap.system import System, find_system, own_directories
from sandboxes._controls import NONE, Control
from sandboxes._janitor import Janitor
from sandboxes._network.gate import Gate, open_gate
from sandboxes._owner import Realm
from sandboxes._settling import opened
from unhobble.errors import SandboxError
from unhobble.messages import Frozen
from unhobble.sandboxing import Availability, SandboxSpec
from unhobble.text import decode

_HOST_UIDS = range(0x7000_0000, 0x7FFF_0000)
"""Ids that no system gives to anyone. Source: systemd's UIDS-GIDS, "Special systemd UID ranges", the unused one."""

_OLDEST = (0, 8, 0)
_NEEDED = ("bash", "python3", "find", "cp")
_PROBE_S = 30.0


class Config(Frozen):
    """How the operator wants jails to be run."""

    executable: str = Field("bwrap", description="bubblewrap 0.8 or later: a name on PATH, or a path.")
    directory: str | None = Field(
        None, description="Where workers keep what they own on the machine; the system's temporary directory if null."
    )
    host_uid: int | None = Field(
        None, ge=1, description="The uid and gid on the host of commands, where the worker is root; null: another for each sandbox."
    )
    rootfs: str | None = Field(
        None, description="An unpacked root filesystem, whose programs and /etc are shown instead of this machine's."
    )
    require_cgroups: bool = Field(
        True, description="Whether to refuse where control groups for memory, processes and processors cannot be made."
    )
    allow_private_hosts: bool = Field(
        False, description="Whether an allowlist may lead to private networks, this machine's own included."
    )


def build(config: Config) -> "BubblewrapProvider":
    """The plug-in's door."""
    return BubblewrapProvider(config)


class BubblewrapProvider:
    """``protocols.SandboxProvider`` with nothing but this machine."""

    name = "bubblewrap"

    def __init__(self, config: Config, *, without: frozenset[Control] = NONE) -> None:
        self._config = config
        self._without = without
        self._cgroups = find()
        self._sandboxes: set[BubblewrapSandbox] = set()
        realm = Realm(Path(config.directory) if config.directory else None)
        self._boxes = Boxes(realm, self._cgroups, self._fill_etc)
        self._janitor = Janitor(self.sweep)

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
            where = "on this machine" if self._config.rootfs is None else f"of {self._config.rootfs}"
            return Availability(available=False, reason=f"not below /usr {where}: {', '.join(missing)}")
        if not result.ok:
            return Availability(available=False, reason=f"a probe failed in the sandbox: {decode(result.stderr)[-300:]}")
        return Availability(available=True, reason=f"bubblewrap {version}", not_enforced=self._not_enforced())

    async def open(self, spec: SandboxSpec, *, label: str, study: str = "") -> BubblewrapSandbox:
        """See ``protocols.SandboxProvider``."""
        if spec.image is not None:
            raise SandboxError(f"bubblewrap has no images, so it cannot use {spec.image!r}; use the docker backend, or no image")
        for name in (self._config.executable, *PROGRAMS):
            program(name)
        self._require_limits()
        await self._janitor.begin()
        return await opened(self._open(spec, label, study), BubblewrapSandbox.close)

    async def sweep(self) -> list[str]:
        """See ``protocols.SandboxProvider``."""
        try:
            return await asyncio.to_thread(self._boxes.sweep)
        except OSError as error:
            raise SandboxError(f"what dead workers left cannot be looked for: {error}") from error

    async def close(self) -> None:
        """See ``protocols.SandboxProvider``."""
        await self._janitor.close()
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._sandboxes)))
        await asyncio.to_thread(self._boxes.close)

    async def _open(self, spec: SandboxSpec, label: str, study: str) -> BubblewrapSandbox:
        directory, group = await asyncio.to_thread(self._prepare, spec, label, study)
        ids, holder = self._agent_ids(), None
        gated = spec.network == "allowlist" and bool(spec.hosts)
        # One network for all commands costs each of them less; without root only bwrap can set a loopback up, in one of its own.
        shared = gated or os.geteuid() == 0
        try:
            view = View(
                system=self._system,
                etc=directory / "etc",
                box=directory / "box",
                kept=directory / "kept",
                own_network=not shared,
                ulimits=self._ulimits(spec),
                without=self._without,
            )
            holder = await hold(view.box, view.kept, disk_bytes=spec.disk_bytes, network=shared, without=self._without)
            holder.make_places(ids)
            gate = await self._gate(spec, holder) if gated else None
        except BaseException:
            if holder is not None:
                await holder.close()
            await asyncio.to_thread(group.remove)
            raise
        executable = program(self._config.executable)
        parts = Parts(executable, view, holder, group, gate, ids)
        sandbox = BubblewrapSandbox(parts, on_close=self._sandboxes.discard)
        self._sandboxes.add(sandbox)
        return sandbox

    def _prepare(self, spec: SandboxSpec, label: str, study: str) -> tuple[Path, Group]:
        try:
            directory, name = self._boxes.directory, self._boxes.group_name(study, label)
        except OSError as error:
            raise SandboxError(f"no directory for sandboxes can be made: {error}") from error
        return directory, self._cgroups.create(name, spec, self._without)

    async def _gate(self, spec: SandboxSpec, holder: Holder) -> Gate:
        private, user_namespace = self._config.allow_private_hosts, os.geteuid() != 0
        return await open_gate(holder.pid, spec.hosts, private=private, user_namespace=user_namespace)

    def _fill_etc(self, etc: Path) -> None:
        self._system.fill_etc(etc)

    @cached_property
    def _system(self) -> System:
        return find_system(self._config.rootfs, own_directories())

    def _agent_ids(self) -> tuple[int, int] | None:
        """Who the commands of one sandbox are on the host: None where they stay what the worker is.

        The kernel counts some things by user alone, such as inotify instances: as one user, one sandbox could use up all others'.
        """
        if os.geteuid() != 0 or Control.identity in self._without:
            return None
        uid = self._config.host_uid or _HOST_UIDS.start + secrets.randbelow(len(_HOST_UIDS))
        return uid, uid

    def _ulimits(self, spec: SandboxSpec) -> tuple[str, ...]:
        # bash, where it is /bin/sh, has -u; dash has -p.
        processes = f"-u {spec.processes} 2>/dev/null || ulimit -p {spec.processes}"
        limits = {Control.descriptors: f"-n {spec.descriptors}"}
        if "memory_bytes" in self._cgroups.missing:
            limits[Control.memory] = f"-v {spec.memory_bytes // 1024}"
        if "processes" in self._cgroups.missing:
            limits[Control.processes] = processes
        return ("-c 0", *(limit for control, limit in limits.items() if control not in self._without))

    def _require_limits(self) -> None:
        if self._config.require_cgroups and self._cgroups.missing:
            raise SandboxError(
                f"no control groups can be made here to limit {', '.join(self._cgroups.missing)}; run Unhobble as root, or as a "
                "user with `systemd-run --user --scope -p Delegate=yes ...`, or do without these limits by setting "
                "require_cgroups of the bubblewrap backend to false"
            )

    async def _version(self) -> str:
        process = await asyncio.create_subprocess_exec(
            program(self._config.executable),
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={},
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
        if os.geteuid() != 0:
            found.append("the keeper's files outside /tests (without root the agent owns them)")
        return tuple(filter(None, found))
