"""One process a sandbox that holds the file systems of its files, its processes, and its network where commands share one.

The file systems are mounted in a mount namespace that only this process is in, so that nothing is mounted on the machine itself
and the kernel unmounts and frees all of it with the process, however that ends. It is the first process of a pid namespace, so
that every process of the sandbox ends with it: bubblewrap's own bond to its parent begins some time after its start, and a
worker that was killed before that would leave a command behind. It ends with its standard input, a pipe from the worker, and
with the worker. Commands enter its namespaces through ``enter``; the worker reaches the files through descriptors.

Where the worker is not root the namespaces belong to a user namespace in which it is.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable
from pathlib import Path

from sandboxes._controls import NONE, Control
from sandboxes._settling import settled
from unhobble.errors import SandboxError
from unhobble.text import decode

PROGRAMS = ("unshare", "nsenter", "setpriv", "mount")
"""What it needs beside bubblewrap, all from util-linux."""

WRITABLE = ("work", "home", "tmp", "shm")
"""The directories of the agent's file system. What it shares in memory is its files too, and counted as such."""

# Source: sched.h; netdevice(7).
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_libc = ctypes.CDLL(None, use_errno=True)

_START_S = 30.0
_LEAST_INODES = 4096
_INODE_BYTES = 4096
# $0 is mount, $1 and $2 the options and place of the agent's file system, $3 and $4 those of the keeper's. It is a subshell that
# reads: as the first process of its namespace the shell inherits every orphan, and reaps those only while it waits for a child.
_HOLD = (
    '"$0" -t tmpfs -o "$1" unhobble "$2" && "$0" -t tmpfs -o "$3" unhobble "$4" && echo && exec >&- 2>&- || exit; (read -r _); exit'
)
_KEPT_OPTIONS = "mode=0711,nosuid,nodev"


class Holder:
    """A running holder. ``pid`` is its process as the worker sees it; ``box`` and ``kept`` are descriptors of its file systems."""

    def __init__(self, process: Process, words: list[str]) -> None:
        self._process = process
        self._words = words
        self._files = contextlib.ExitStack()
        self._pidfd: int | None = None
        self.pid = self.box = self.kept = -1

    def enter(self, ids: tuple[int, int] | None) -> list[str]:
        """The words before a command that let it run in the namespaces, with ``ids`` (uid, gid) where they are given.

        They make a process that waits for the command, its only child. Raises ``SandboxError``.
        """
        self.require_alive()
        identity = ["--setuid", str(ids[0]), "--setgid", str(ids[1])] if ids else []
        return [*self._words, *identity, "--target", str(self.pid), "--"]

    def require_alive(self) -> None:
        """Raise ``SandboxError`` where it lives no more."""
        if self._process.returncode is not None:
            raise SandboxError(f"the process that holds the sandbox's files ended ({self._process.returncode})")

    def open(self, pid: int, box: Path, kept: Path) -> None:
        """Open the descriptors. Raises ``OSError`` or ``SandboxError``."""
        self.pid, self._pidfd = pid, os.pidfd_open(pid)
        self._files.callback(os.close, self._pidfd)
        opened = []
        for place in (box, kept):
            directory = os.open(f"/proc/{pid}/root{place}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            self._files.callback(os.close, directory)
            if os.fstat(directory).st_dev == place.stat().st_dev:
                raise SandboxError(f"{place} is not the sandbox's own file system, so its size would not be limited")
            opened.append(directory)
        self.box, self.kept = opened

    def make_places(self, ids: tuple[int, int] | None) -> None:
        """Make the directories of a sandbox, which belong to ``ids`` (uid, gid); to the worker if None. Raises ``OSError``."""
        for directory, names in ((self.box, WRITABLE), (self.kept, ("tests",))):
            for name in names:
                os.mkdir(name, 0o700, dir_fd=directory)
                if ids is not None:
                    os.chown(name, *ids, dir_fd=directory, follow_symlinks=False)

    async def close(self) -> None:
        """End it and every process of the sandbox; the kernel then frees the files. May be called again."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd is None:
                self._process.kill()
            else:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        # What was started here ends after its child, and that after all other processes of its namespace.
        await self._process.wait()
        self._pidfd = None
        self._files.close()


async def hold(box: Path, kept: Path, *, disk_bytes: int, network: bool, without: frozenset[Control] = NONE) -> Holder:
    """Start a holder whose file systems are mounted at ``box`` (of ``disk_bytes``) and ``kept``, both empty directories.

    ``network``: it has a network of its own with nothing but a loopback, which a worker that is root has set up. Raises
    ``SandboxError``.
    """
    mount, setpriv, unshare, nsenter = (program(name) for name in ("mount", "setpriv", "unshare", "nsenter"))
    network = network and Control.network not in without
    shared = ["--mount", *(["--net"] if network else [])]
    words, entered = [setpriv, "--pdeathsig", "KILL", "--", unshare, *shared], [nsenter, *shared, "--pid"]
    if os.geteuid() != 0:
        # Before the rest: who gains rights loses the signal that the parent's death sends.
        words = [unshare, "--user", "--map-root-user", "--", *words]
        entered += ["--user", "--preserve-credentials"]
    if Control.pids not in without:
        words += ["--pid", "--mount-proc"]  # bwrap looks itself up in /proc
    # Slave: what the machine unmounts is to go here too, else a holder would keep it busy.
    words += ["--propagation", "slave", "--fork", "--kill-child", "--", "/bin/sh", "-c", _HOLD]
    words += [mount, _limits(disk_bytes, without), str(box), _KEPT_OPTIONS, str(kept)]
    process = await _started(words)
    holder = Holder(process, entered)
    try:
        await _ready(process)
        holder.open(only_child(process.pid), box, kept)
        if network and os.geteuid() == 0:
            await asyncio.to_thread(_set_up_loopback, holder.pid)
    except BaseException as error:
        await settled(holder.close())
        if isinstance(error, OSError):
            raise SandboxError(f"the sandbox's files or network cannot be reached: {error}") from error
        raise
    return holder


def only_child(pid: int) -> int:
    """The one child of a process. Raises ``ProcessLookupError`` where it has none or more."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        children = []
    if len(children) != 1:
        raise ProcessLookupError(f"process {pid} has {len(children)} children")
    return int(children[0])


def _set_up_loopback(pid: int) -> None:
    """Set up the loopback of a process's network. Raises ``OSError``."""
    failed: list[OSError] = []

    def work() -> None:
        try:
            with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
                if _libc.setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "the sandbox's network cannot be entered")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))
        except OSError as error:
            failed.append(error)

    # A network is a thread's own: one that has entered another must do nothing else afterwards.
    thread = threading.Thread(target=work, name="loopback")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def program(name: str) -> str:
    """The path of a program. Raises ``SandboxError``."""
    if (found := shutil.which(name)) is None:
        package = "util-linux" if name in PROGRAMS else "bubblewrap 0.8 or later"
        raise SandboxError(f"there is no {name!r} on PATH, which bubblewrap sandboxes need; install {package}")
    return found


def _limits(disk_bytes: int, without: frozenset[Control]) -> str:
    """The options of the agent's file system. Every file and directory is an inode, which takes memory too."""
    size = inodes = 0
    if Control.disk not in without:
        size, inodes = disk_bytes, max(_LEAST_INODES, disk_bytes // _INODE_BYTES)
    suid = [] if Control.privileges in without else ["nosuid"]
    return ",".join([f"size={size}", f"nr_inodes={inodes}", "mode=0711", "nodev", *suid])


async def _started(words: Iterable[str]) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={}, cwd="/", start_new_session=True
        )
    except OSError as error:
        raise SandboxError(f"no process can be started to hold a sandbox's files: {error}") from error


async def _ready(process: Process) -> None:
    """Wait until it holds. Raises ``SandboxError`` with what it said where it does not."""
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_START_S):
            if await process.stdout.readline():
                return
            said = decode(await process.stderr.read()).strip()
    except TimeoutError:
        said = f"it did not start within {_START_S:g} s"
    raise SandboxError(f"a sandbox's files cannot be held apart from this machine's: {said[-500:] or 'it said nothing'}")
