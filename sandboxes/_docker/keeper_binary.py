"""The keeper's program (``keeper/*.c``) as one static executable: taken ready-made, out of the cache, or from a C compiler.

``python -m sandboxes._docker.keeper_binary [DIRECTORY]`` builds it ahead, for a machine that will have no compiler; without a
directory beside its source, where an installed package looks first. A file counts only if it carries the source's own hash, so
that neither an old nor a half-written one is ever used.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Set
from functools import cache
from pathlib import Path

from sandboxes._controls import Control
from unhobble.errors import SandboxError

KEEPER_PATH = "/opt/unhobble/keeper"
"""Where a container finds its keeper."""

_SOURCE = Path(__file__).with_name("keeper")
_FLAGS = ("-std=c11", "-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-static", "-s")
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_WEAKENED = {
    Control.identity: "--same-user",
    Control.sweep: "--no-sweep",
    Control.time: "--no-time",
    Control.output: "--no-output-cap",
    Control.copying: "--follow",
    Control.pids: "--shared-pids",
}
_COMPILE_S = 120
_CHECKSUM_BYTES = 32
_COMPLAINT_CHARACTERS = 2000


def _version() -> str:
    digest = hashlib.sha256(" ".join(_FLAGS).encode())
    for file in sorted(_SOURCE.glob("*.[ch]")):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


KEEPER_VERSION = _version()
"""Twelve hexadecimal digits that change with the source; the keeper says them when it is ready."""


def keeper_arguments(without: Set[Control]) -> list[str]:
    """The keeper's arguments that switch off those of its controls that are in ``without``. None in any real sandbox."""
    return [flag for control, flag in _WEAKENED.items() if control in without]


@cache
def keeper_binary(machine: str) -> bytes:
    """The executable for a processor, as ``uname -m`` or a Docker engine names it. Blocks while it compiles, once a machine.

    Raises ``SandboxError`` where there is none and it cannot be compiled.
    """
    if machine not in _MACHINES:
        raise SandboxError(f"there is no keeper for the processor {machine!r}; there is one for {', '.join(_MACHINES)}")
    machine = _MACHINES[machine]
    if (ready := _valid(_SOURCE / f"keeper-{machine}")) is not None:
        return ready
    try:
        return _made(_cache_directory() / f"{KEEPER_VERSION}-{machine}", machine)
    except OSError as error:
        raise SandboxError(f"the keeper cannot be kept in a cache: {error}; name another directory with XDG_CACHE_HOME") from error


def build_ahead(directory: Path, machine: str) -> Path:
    """Build the executable for ``machine`` into ``directory`` and return its path. Raises ``SandboxError`` or ``OSError``."""
    file = directory / f"keeper-{machine}"
    _made(file, machine)
    return file


def _cache_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unhobble" / "keeper"


def _made(file: Path, machine: str) -> bytes:
    """The content of ``file``, which is compiled by one process at a time where it is not there yet."""
    if (ready := _valid(file)) is not None:
        return ready
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (ready := _valid(file)) is not None:  # another process was first
            return ready
        return _compiled(file, machine)


def _valid(file: Path) -> bytes | None:
    """A file's content if it is this version's program, whole."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    # The version is in the program, and a checksum of it all behind it.
    program, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    version = f"unhobble-keeper {KEEPER_VERSION}".encode()
    return content if version in program and hashlib.sha256(program).digest() == checksum else None


def _compiled(file: Path, machine: str) -> bytes:
    compiler = _compiler(machine)
    draft = file.with_name(f".{file.name}.draft")
    sources = [str(source) for source in sorted(_SOURCE.glob("*.c"))]
    command = [compiler, *_FLAGS, f'-DVERSION="{KEEPER_VERSION}"', "-o", str(draft), *sources]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_S, check=False)
    except subprocess.TimeoutExpired:
        raise SandboxError(f"{compiler} did not compile the keeper within {_COMPILE_S} s") from None
    if done.returncode:
        complaint = done.stderr[-_COMPLAINT_CHARACTERS:]
        raise SandboxError(f"{compiler} cannot compile the keeper (Debian: apt-get install {_packages(machine)}): {complaint}")
    program = draft.read_bytes()
    whole = program + hashlib.sha256(program).digest()
    draft.write_bytes(whole)
    draft.replace(file)
    return whole


def _compiler(machine: str) -> str:
    name = "cc" if platform.machine() == machine else f"{machine}-linux-gnu-gcc"
    if found := shutil.which(name):
        return found
    raise SandboxError(
        f"Docker sandboxes need a keeper for {machine}, and there is no C compiler {name!r} to make it;"
        f" install one (Debian: apt-get install {_packages(machine)}), or build it ahead: python -m sandboxes._docker.keeper_binary"
    )


def _packages(machine: str) -> str:
    return "gcc libc6-dev" if platform.machine() == machine else f"gcc-{machine.replace('_', '-')}-linux-gnu"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else _SOURCE
    print(build_ahead(target, platform.machine()))  # noqa: T201 (it is a command)
