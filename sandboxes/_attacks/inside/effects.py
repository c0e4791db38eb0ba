"""What the programs share: what they are told, what they answer, and the kernel's calls that Python has no function for."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CANARY = re.compile(rb"unhobble-canary-[0-9a-f]{32}")
"""What a secret looks like. A program is told only its digest, so that it can prove to have read it."""

HERE, MOUNTED = "", "/host"
CLONE_NEWUSER = 0x10000000

_NUMBERS = {
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clone": (56, 220),
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "prlimit64": (302, 261),
    "process_vm_readv": (310, 270),
    "ptrace": (101, 117),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "syslog": (103, 116),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


@dataclass(frozen=True)
class Facts:
    """What a program is told: the decoys on the machine, and the limits of its sandbox."""

    digest: str
    host_file: str
    host_shm_file: str
    host_socket: str
    suite_file: str
    tcp_port: int
    udp_port: int
    abstract_name: str
    shm_key: int
    queue_name: str
    bystander: int
    processes: int
    memory_bytes: int
    disk_bytes: int
    descriptors: int
    cpus: float
    extra: str = ""


@dataclass(frozen=True)
class Verdict:
    """What came of it. ``breached`` is None where the attack could not even be tried."""

    breached: bool | None
    evidence: str


def breached(evidence: str) -> Verdict:
    """It succeeded."""
    return Verdict(True, evidence)


def held(evidence: str) -> Verdict:
    """It was tried and came to nothing."""
    return Verdict(False, evidence)


def untried(why: str) -> Verdict:
    """Nothing can be said."""
    return Verdict(None, why)


def betrays(data: bytes, facts: Facts) -> bool:
    """Whether ``data`` holds the secret of the battery."""
    return any(hashlib.sha256(found).hexdigest() == facts.digest for found in CANARY.findall(data))


def call(name: str, *arguments: object) -> int:
    """A system call by name. Raises ``OSError``, or ``LookupError`` on a machine whose numbers are not known."""
    column = ["x86_64", "aarch64"].index(platform.machine()) if platform.machine() in {"x86_64", "aarch64"} else None
    if column is None:
        raise LookupError(f"the number of {name} on {platform.machine()} is not known")
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = int(_LIBC.syscall(ctypes.c_long(_NUMBERS[name][column]), *words))
    if result == -1:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


def libc() -> ctypes.CDLL:
    """The C library, which keeps ``errno`` for ``ctypes.get_errno``."""
    return _LIBC


def processes() -> list[int]:
    """The processes that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 (names are wanted)


def ways_to(path: str) -> Iterator[str]:
    """The names that a path of the host could have in here."""
    yield path
    yield MOUNTED + path
    for process in processes():
        yield f"/proc/{process}/root{path}"
        yield f"/proc/{process}/cwd/../../../../../../..{path}"


def read_some(path: str, limit: int = 1 << 20) -> bytes:
    """The start of a file; nothing where it cannot be read."""
    with contextlib.suppress(OSError), Path(path).open("rb") as file:
        return file.read(limit)
    return b""
