"""The command lines of bubblewrap: what a command in a sandbox sees of the machine, and what it may do there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandboxes._bubblewrap.system import AGENT_ID, System
from sandboxes._controls import NONE, Control
from unhobble.sandboxing import HOME_DIR, SANDBOX_ENV, TESTS_DIR, WORK_DIR, User

_TMP_DIR = "/tmp"  # noqa: S108 (the sandbox's own, a promise of the Sandbox protocol)
_SHM_DIR = "/dev/shm"  # noqa: S108 (as above)
_KEEPER_CAPABILITIES = ("CAP_DAC_OVERRIDE", "CAP_FOWNER")


@dataclass(frozen=True)
class CommandLine:
    """What bwrap is told: its ``options``, which go through a file so that no list of processes shows them, and the command."""

    options: list[str]
    argv: list[str]


@dataclass(frozen=True)
class View:
    """What every command of one sandbox has before it.

    ``box`` holds ``work``, ``home``, ``tmp`` and ``shm``, and ``kept`` holds ``tests``. ``own_network``: each command has a
    network of its own, instead of the one that bwrap is started in. ``ulimits`` are arguments of the shell's ``ulimit``.
    """

    system: System
    etc: Path
    box: Path
    kept: Path
    own_network: bool
    ulimits: tuple[str, ...]
    without: frozenset[Control] = NONE


def command_line(view: View, argv: Sequence[str], *, cwd: str, env: dict[str, str], user: User) -> CommandLine:
    """How to run ``argv`` in the sandbox."""
    without = view.without
    words = [*_namespaces(view), *_identity(user, without), "--new-session", "--hostname", "sandbox"]
    if Control.sweep not in without:
        words.append("--die-with-parent")
    words += [*_system(view), "--perms", "0755", "--dir", "/home"]
    for name, place in (("work", WORK_DIR), ("home", HOME_DIR), ("tmp", _TMP_DIR), ("shm", _SHM_DIR)):
        words += ["--bind", f"{view.box}/{name}", place]
    writable = user is User.keeper or Control.read_only in without
    words += ["--bind" if writable else "--ro-bind", f"{view.kept}/tests", TESTS_DIR]
    if Control.read_only not in without:
        words += ["--remount-ro", "/dev", "--remount-ro", "/"]
    if Control.environment not in without:
        words.append("--clearenv")
    for name, value in (SANDBOX_ENV | env).items():
        words += ["--setenv", name, value]
    return CommandLine(words, [*_started_in(cwd, view.ulimits), *argv])


def _namespaces(view: View) -> list[str]:
    words = ["--unshare-user", "--unshare-uts", "--unshare-cgroup-try"]
    # With its first process a namespace of processes loses all others: it is what sweeps.
    if not {Control.pids, Control.sweep} & view.without:
        words.append("--unshare-pid")
    if Control.ipc not in view.without:
        words.append("--unshare-ipc")
    if view.own_network and Control.network not in view.without:
        words.append("--unshare-net")
    # bwrap itself sets no_new_privs and mounts nosuid, always: of this control only the namespaces can be given back.
    if Control.privileges not in view.without:
        words.append("--disable-userns")
    return words


def _identity(user: User, without: frozenset[Control]) -> list[str]:
    if Control.identity in without:
        return ["--uid", "0", "--gid", "0", "--cap-add", "ALL"]
    if user is User.agent:
        return ["--uid", str(AGENT_ID), "--gid", str(AGENT_ID), "--cap-drop", "ALL"]
    capabilities = [word for capability in _KEEPER_CAPABILITIES for word in ("--cap-add", capability)]
    return ["--uid", "0", "--gid", "0", "--cap-drop", "ALL", *capabilities]


def _system(view: View) -> list[str]:
    words = [word for outside, place in view.system.shown for word in ("--ro-bind", str(outside), place)]
    words += [word for text, place in view.system.links for word in ("--symlink", text, place)]
    if Control.filesystem in view.without:
        words += ["--ro-bind", "/", "/host"]
    else:
        words += [word for place in view.system.hidden for word in ("--perms", "0555", "--tmpfs", place, "--remount-ro", place)]
    # Without a namespace of processes the kernel mounts no new /proc.
    proc = ["--bind", "/proc", "/proc"] if {Control.pids, Control.sweep} & view.without else ["--proc", "/proc"]
    return [*words, "--ro-bind", str(view.etc), "/etc", *proc, "--dev", "/dev"]


def _started_in(cwd: str, ulimits: Iterable[str]) -> list[str]:
    """A shell that becomes the command: a directory or program that is missing then ends as it would in any shell."""
    lines = ['cd -- "$1" || exit 126', "shift", *(f"ulimit {limit}" for limit in ulimits), "unset PWD OLDPWD", 'exec "$@"']
    return ["/bin/sh", "-c", "; ".join(lines), "sh", cwd]
