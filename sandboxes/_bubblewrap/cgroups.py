"""Control groups of this machine, version 1 and 2: one group a sandbox, below the worker's own or the nearest that is ours to use.

Sources: the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandboxes._controls import NONE, Control
from unhobble.errors import SandboxError
from unhobble.sandboxing import SandboxSpec

CONTROLLERS = {"memory": "memory_bytes", "pids": "processes", "cpu": "cpus"}
"""Each controller that is used, and the field of ``SandboxSpec`` that it enforces."""

_CONTROLS = {"memory": Control.memory, "pids": Control.processes, "cpu": Control.cpus}
_PERIOD_US = 100_000
_REMOVAL_S = 5.0
_POLL_S = 0.005
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hierarchy:
    """A directory below which groups can be made, and the controllers that they then have."""

    version: int
    parent: Path
    controllers: frozenset[str]

    def settings(self, spec: SandboxSpec, without: frozenset[Control] = NONE) -> Iterator[tuple[str, str]]:
        """The files that hold the limits of ``spec``, in the order in which the kernel accepts them."""
        quota_us = max(1_000, int(spec.cpus * _PERIOD_US))
        controllers = {controller for controller in self.controllers if _CONTROLS[controller] not in without}
        if "memory" in controllers:
            if self.version == 1:
                yield "memory.limit_in_bytes", str(spec.ceiling_bytes)
                yield "memory.memsw.limit_in_bytes", str(spec.ceiling_bytes)
            else:
                yield "memory.max", str(spec.ceiling_bytes)
                yield "memory.swap.max", "0"
        if "pids" in controllers:
            yield "pids.max", str(spec.processes)
        if "cpu" in controllers:
            if self.version == 1:
                yield "cpu.cfs_period_us", str(_PERIOD_US)
                yield "cpu.cfs_quota_us", str(quota_us)
            else:
                yield "cpu.max", f"{quota_us} {_PERIOD_US}"


_ABSENT_WITHOUT_SWAP = {"memory.memsw.limit_in_bytes", "memory.swap.max"}


class Group:
    """The control group of one sandbox: one directory in each hierarchy."""

    def __init__(self, directories: dict[Path, Hierarchy]) -> None:
        self._directories = directories

    def add(self, pid: int) -> None:
        """Put a process in; its descendants are born in it. Raises ``ProcessLookupError`` or ``SandboxError``."""
        try:
            for directory in self._directories:
                (directory / "cgroup.procs").write_text(str(pid))
        except ProcessLookupError:
            raise
        except OSError as error:
            raise SandboxError(f"process {pid} cannot be put into a control group: {error}") from error

    def oom_kills(self) -> int:
        """How many of its processes the kernel has killed for memory. Raises ``SandboxError``."""
        for directory, hierarchy in self._directories.items():
            if "memory" in hierarchy.controllers:
                events = directory / ("memory.oom_control" if hierarchy.version == 1 else "memory.events")
                try:
                    lines = events.read_text().splitlines()
                except OSError as error:
                    raise SandboxError(f"the control group is gone: {error}") from error
                for line in lines:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        return 0

    def kill(self) -> None:
        """Kill what is in it. Returns when nothing is, or some seconds later; never raises."""
        self._until(lambda directory: not _kill(directory), "emptied")

    def remove(self) -> bool:
        """Kill what is in it and remove it. Blocks for as long as the kernel takes; never raises. Whether it is gone."""
        return self._until(_removed, "removed")

    def _until(self, done: Callable[[Path], bool], what: str) -> bool:
        deadline_s = time.monotonic() + _REMOVAL_S
        for directory in self._directories:
            while not done(directory):
                if time.monotonic() > deadline_s:
                    _log.warning("the control group %s could not be %s", directory, what)
                    return False
                time.sleep(_POLL_S)
        return True


def _removed(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        # Busy: something still lives in it, or is dead and not yet gone.
        _kill(directory)
        return False
    return True


def _kill(directory: Path) -> bool:
    """Kill every process of a group. Whether there was one."""
    try:
        pids = (directory / "cgroup.procs").read_text().split()
    except OSError:
        return False
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return bool(pids)


class Cgroups:
    """The hierarchies that this process may use. ``missing`` names the limits that none of them enforces."""

    def __init__(self, hierarchies: list[Hierarchy]) -> None:
        self._hierarchies = hierarchies
        found = frozenset[str]().union(*(hierarchy.controllers for hierarchy in hierarchies))
        self.missing = tuple(field for controller, field in CONTROLLERS.items() if controller not in found)

    def create(self, name: str, spec: SandboxSpec, without: frozenset[Control] = NONE) -> Group:
        """Make a group with the limits of ``spec``. Raises ``SandboxError``, and leaves nothing then."""
        made: dict[Path, Hierarchy] = {}
        try:
            for hierarchy in self._hierarchies:
                directory = hierarchy.parent / name
                directory.mkdir()
                made[directory] = hierarchy
                for file, value in hierarchy.settings(spec, without):
                    if file not in _ABSENT_WITHOUT_SWAP or (directory / file).exists():
                        (directory / file).write_text(value)
        except OSError as error:
            Group(made).remove()
            raise SandboxError(f"the control group {name} cannot be made: {error}") from error
        return Group(made)

    def names(self, prefix: str) -> list[str]:
        """Every group whose name starts with ``prefix``, in any hierarchy."""
        return sorted({directory.name for directory in self._starting(prefix)})

    def remove_all(self, prefix: str) -> bool:
        """Remove every group whose name starts with ``prefix``. Never raises; whether all of them are gone."""
        return Group(self._starting(prefix)).remove()

    def _starting(self, prefix: str) -> dict[Path, Hierarchy]:
        found = {}
        for hierarchy in self._hierarchies:
            with contextlib.suppress(OSError):
                for directory in hierarchy.parent.iterdir():
                    if directory.name.startswith(prefix):
                        found[directory] = hierarchy
        return found


def find(process: Path = Path("/proc/self")) -> Cgroups:
    """The hierarchies that are mounted here and writable for us. ``process`` is the worker's directory in /proc."""
    try:
        own = dict(_memberships((process / "cgroup").read_text()))
        mounts = list(_mounts((process / "mountinfo").read_text()))
    except OSError:
        return Cgroups([])
    found: dict[tuple[int, Path], set[str]] = {}
    left = set(CONTROLLERS)
    for version, mount, root, mounted in mounts:
        for controller in sorted(left & mounted) if version == 1 else [""]:
            start = _below(mount, root, own.get(controller, "/"))
            parent, has = (_v1_parent(start), {controller}) if version == 1 else _v2_parent(start, mount, left)
            if parent is not None and has:
                found.setdefault((version, parent), set()).update(has)
                left -= has
    return Cgroups([Hierarchy(version, parent, frozenset(has)) for (version, parent), has in found.items()])


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    """``/proc/<pid>/cgroup``: controller to path; version 2 stands under the empty name."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _mounts(text: str) -> Iterator[tuple[int, Path, str, set[str]]]:
    """The cgroup mounts of a mountinfo: version, where, which directory of the hierarchy, controllers (version 1)."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, point = before.split(" ")[3:5]
        if kind in {"cgroup", "cgroup2"}:
            yield (1 if kind == "cgroup" else 2), Path(point), root, set(options.split(","))


def _below(mount: Path, root: str, path: str) -> Path:
    """Where the group ``path`` is visible below ``mount``; in a container it may not be, and the mount itself is ours."""
    relative = os.path.relpath(path, root)
    place = mount / relative
    return mount if relative.startswith("..") or not place.is_dir() else place


def _v1_parent(start: Path) -> Path | None:
    return start if os.access(start, os.W_OK) else None


def _v2_parent(start: Path, mount: Path, wanted: set[str]) -> tuple[Path | None, set[str]]:
    """The nearest group whose children have, or can be given, controllers.

    A group with processes of its own can give none (the kernel's "no internal processes"), so a worker in a delegated leaf
    finds the leaf's parent.
    """
    for group in [start, *start.parents]:
        if os.access(group, os.W_OK):
            for controller in sorted(wanted & _words(group / "cgroup.controllers") - _words(group / "cgroup.subtree_control")):
                with contextlib.suppress(OSError):
                    (group / "cgroup.subtree_control").write_text(f"+{controller}")
            if has := wanted & _words(group / "cgroup.subtree_control"):
                return group, has
        if group == mount:
            break
    return None, set()


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text().split())
    except OSError:
        return set()
