"""A Docker engine of the measurement's own, whose CPU time and whose containers' can be told apart."""

import contextlib
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-bench"
_MOUNTS = Path("/proc/mounts")


class Unmeasurable(Exception):
    """The measurement cannot be made on this machine; the message says why and what would help."""


@dataclass(frozen=True)
class Account:
    """The CPU time of a control group and of all below it, processes that have ended included."""

    directory: Path

    @property
    def cpu_s(self) -> float:
        """Seconds so far, user and system; 0 where the group does not exist yet."""
        with contextlib.suppress(FileNotFoundError):
            return int((self.directory / "cpuacct.usage").read_text()) / 1e9
        with contextlib.suppress(FileNotFoundError):
            return parse_cpu_stat((self.directory / "cpu.stat").read_text())
        return 0.0


def parse_cpu_stat(text: str) -> float:
    """Seconds of ``usage_usec`` in a version 2 group's ``cpu.stat``."""
    return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6


def accounting_root(mounts: str) -> Path:
    """Where control groups count CPU time, given ``/proc/mounts``: version 1's cpuacct, else version 2.

    Raises ``Unmeasurable`` where there is neither. Version 1 is preferred because on a machine with both it is where an engine puts
    its containers.
    """
    entries = [line.split() for line in mounts.splitlines()]
    found = [at for _, at, kind, options, *_ in entries if kind == "cgroup" and "cpuacct" in options.split(",")]
    found += [at for _, at, kind, *_ in entries if kind == "cgroup2"]
    if not found:
        raise Unmeasurable("no control group counts CPU time here; mount cgroup v2, or cpuacct of v1")
    return Path(found[0])


@dataclass(frozen=True)
class Engine:
    """A running engine."""

    host: str
    daemon: Account
    containers: Account


@contextlib.contextmanager
def own_engine(scratch: Path) -> Iterator[Engine]:
    """Start an engine with the sandbox image in an empty data directory below ``scratch``. Raises ``Unmeasurable``.

    dockerd, containerd, shims and runc are in one control group, containers in another; both are gone afterwards.
    """
    if os.geteuid() != 0:
        raise Unmeasurable("the measurement needs root: it starts a Docker engine and counts its CPU time in a control group")
    group = f"unhobble-bench-{os.getpid()}"
    root = accounting_root(_MOUNTS.read_text())
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(_remove_groups, group)
        host = _start(scratch, group, cleanup)
        daemon = root / group / "daemon"
        daemon.mkdir(parents=True)
        for pid in _processes(scratch):
            (daemon / "cgroup.procs").write_text(str(pid))
        subprocess.run([ROOT / "scripts/build-sandbox-image"], env={**os.environ, "DOCKER_HOST": host}, check=True)
        yield Engine(host, Account(daemon), Account(root / group / "containers"))


def _start(scratch: Path, group: str, cleanup: contextlib.ExitStack) -> str:
    services = _services()
    # prepare puts a newer dockerd there if the machine's is too old for the peer.
    os.environ["PATH"] = f"{PEERS / 'engine'}:{os.environ['PATH']}"
    options = ("--cgroup-parent", f"/{group}/containers", "--exec-opt", "native.cgroupdriver=cgroupfs")
    try:
        # No fall-back to another storage driver: that would measure copying images.
        reach: dict[str, str] = services.start_engine(scratch, cleanup, None, private=True, options=options)
    except services.UnavailableError as error:
        raise Unmeasurable(str(error)) from error
    return reach["DOCKER_HOST"]


def _services() -> ModuleType:
    """``scripts/with-services`` as a module."""
    loader = importlib.machinery.SourceFileLoader("with_services", str(ROOT / "scripts/with-services"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _processes(scratch: Path) -> list[int]:
    """The engine and its containerd: all else that they start inherits their group."""
    work = scratch / "docker-auto"
    return [int((work / name).read_text()) for name in ("pid", "exec/containerd/containerd.pid")]


def _remove_groups(group: str) -> None:
    """In every hierarchy, for runc makes the containers' parent in each."""
    for line in _MOUNTS.read_text().splitlines():
        _, at, kind, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            for directory, _, _ in os.walk(Path(at) / group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(directory).rmdir()


def version_of(command: list[str]) -> str:
    """What a program says of its version; ``unknown`` where it says nothing."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0].strip()
    return "unknown"


def require_prepared() -> None:
    """Raise ``Unmeasurable`` where ``benchmarks/sandbox/prepare`` was not run."""
    if not (PEERS / "installed").exists() or shutil.which("docker") is None:
        raise Unmeasurable("Inspect AI is not installed; run `make bench-sandbox`, or benchmarks/sandbox/prepare first")
