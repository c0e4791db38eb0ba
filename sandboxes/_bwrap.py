"""The command lines of bubblewrap: what a command in a sandbox sees of the machine."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unhobble.sandboxing import HOME_DIR, SANDBOX_ENV, TESTS_DIR, WORK_DIR, User

AGENT_ID = 1000
"""The agent's uid and gid as it sees them; what is not its own shows the kernel's overflow id."""

ETC_FILES = {
    "passwd": f"root:x:0:0:root:/root:/bin/sh\nagent:x:{AGENT_ID}:{AGENT_ID}:agent:{HOME_DIR}:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": f"root:x:0:\nagent:x:{AGENT_ID}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "hostname": "sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""The sandbox's own /etc; beside it only what the host's /usr needs to work (``ETC_FROM_HOST``)."""

ETC_FROM_HOST = ("ld.so.cache", "alternatives")

_TMP_DIR = "/tmp"  # noqa: S108 (the sandbox's own, a promise of the Sandbox protocol)
_SHM_BYTES = 64 * 2**20
_ROOT_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_KEEPER_CAPABILITIES = ("CAP_DAC_OVERRIDE", "CAP_FOWNER")
_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


@dataclass(frozen=True)
class CommandLine:
    """What bwrap is told: its ``options``, which go through a file so that no list of processes shows them, and the command."""

    options: list[str]
    argv: list[str]


def command_line(
    box: Path, etc: Path, argv: Sequence[str], *, cwd: str, env: dict[str, str], user: User, ulimits: Iterable[str]
) -> CommandLine:
    """How to run ``argv`` in the sandbox whose directories are below ``box``.

    ``ulimits`` are arguments of the shell's ``ulimit``, set on the command for itself.
    """
    words = [*_NAMESPACES, "--disable-userns", *_identity(user), "--die-with-parent", "--new-session"]
    words += ["--hostname", "sandbox", *_system(etc)]
    words += ["--perms", "1777", "--size", str(_SHM_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108 (the sandbox's own)
    words += ["--perms", "0755", "--dir", "/home"]
    for name, place in (("work", WORK_DIR), ("home", HOME_DIR), ("tmp", _TMP_DIR)):
        words += ["--bind", f"{box}/{name}", place]
    if (box / "tests").is_dir():
        words += ["--ro-bind" if user is User.agent else "--bind", f"{box}/tests", TESTS_DIR]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--clearenv"]
    for name, value in (SANDBOX_ENV | env).items():
        words += ["--setenv", name, value]
    return CommandLine(words, [*_started_in(cwd, ulimits), *argv])


def maintenance_line(box: Path, argv: Sequence[str]) -> CommandLine:
    """How to run the worker's own ``argv`` with the right to every file below ``box`` and to write nowhere else.

    As root that right is there; otherwise a user namespace gives it, over the files of the worker's own uid.
    """
    words = ["--ro-bind", "/", "/", "--bind", str(box), str(box), "--dev", "/dev"]
    words += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent", "--new-session"]
    if os.geteuid() != 0:
        words += ["--unshare-user", *_identity(User.keeper)]
    return CommandLine([*words, "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"], list(argv))


def _identity(user: User) -> list[str]:
    if user is User.agent:
        return ["--uid", str(AGENT_ID), "--gid", str(AGENT_ID), "--cap-drop", "ALL"]
    capabilities = [word for capability in _KEEPER_CAPABILITIES for word in ("--cap-add", capability)]
    return ["--uid", "0", "--gid", "0", "--cap-drop", "ALL", *capabilities]


def _system(etc: Path) -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _ROOT_LINKS:
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    return [*words, "--ro-bind", str(etc), "/etc", "--proc", "/proc", "--dev", "/dev"]


def _started_in(cwd: str, ulimits: Iterable[str]) -> list[str]:
    """A shell that becomes the command: a directory or program that is missing then ends as it would in any shell."""
    lines = ['cd -- "$1" || exit 126', "shift", *(f"ulimit {limit}" for limit in ulimits), "unset PWD OLDPWD", 'exec "$@"']
    return ["/bin/sh", "-c", "; ".join(lines), "sh", cwd]
