"""The keeper's file operations in trees that an agent controls. Standard library only: Docker's keeper runs this file as well.

The agent may have planted anything: links out of its tree, pipes that block, devices, directories it cannot enter itself. No
operation here follows a link, waits for a pipe, or leaves the place it was given; each path is walked one name at a time from
an open directory. Nothing of the agent's runs meanwhile (commands leave no process), so modes seen stay as they were.
"""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

PLACES = ("/work", "/home/agent", "/tmp", "/tests")  # noqa: S108 (the sandbox's own, a promise of the Sandbox protocol)
"""Where files may be written and read, as seen from inside a sandbox."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER_ALL = 0o700


def locate(path: str) -> tuple[str, list[str]]:
    """The place that ``path`` lies in and the names below it. Raises ``ValueError`` where it lies in none."""
    for place in PLACES:
        if path.startswith(place + "/"):
            names = [name for name in path[len(place) :].split("/") if name not in {"", "."}]
            if names and ".." not in names and "\0" not in path:
                return place, names
    raise ValueError(f"{path!r} is not the path of a file below {', '.join(PLACES)}, free of '..'")


def write_file(place: str, names: Sequence[str], data: bytes, *, mode: int, owner: tuple[int, int] | None) -> None:
    """Write ``data`` at ``names`` below the directory ``place``, making parents; whatever stands in the way is replaced.

    ``owner`` (uid, gid) gets the file and the parents made; None leaves them with this process. Raises ``OSError``.
    """
    directory = _enter(None, place)
    try:
        for name in names[:-1]:
            directory = _step(directory, name, owner)
        _put(directory, names[-1], data, mode, owner)
    finally:
        os.close(directory)


def read_file(place: str, names: Sequence[str], max_bytes: int) -> bytes:
    """The content of the regular file at ``names`` below ``place``.

    Raises ``FileNotFoundError``, or ``ValueError`` where it is no regular file, lies behind a link, or is too large.
    """
    shown = "/".join(names)
    directory = _enter(None, place)
    try:
        for name in names[:-1]:
            inner = _enter(directory, name)
            os.close(directory)
            directory = inner
        # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
        file = _open_own(directory, names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG}:
            raise ValueError(f"{shown} is not a regular file, or lies behind a link: {error.strerror}") from None
        raise
    finally:
        os.close(directory)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError(f"{shown} is not a regular file")
        with os.fdopen(file, "rb", closefd=False) as opened:
            data = opened.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise ValueError(f"{shown} has {os.fstat(file).st_size} bytes; at most {max_bytes} are read")
        return data
    finally:
        os.close(file)


def copy_command(places: Mapping[str, str], store: str) -> list[str]:
    """The command that copies every place (name -> directory) into the new directory ``store``: links, modes, times, holes."""
    copies = (f"cp -a --reflink=auto -- {shlex.quote(path)} {shlex.quote(f'{store}/{name}')}" for name, path in places.items())
    return ["/bin/sh", "-ec", "\n".join([f"mkdir -m 0700 {shlex.quote(store)}", *copies])]


def restore_command(places: Mapping[str, str], store: str) -> list[str]:
    """The command that makes every place what ``copy_command`` found there. The directories themselves stay: they are mounts."""
    lines = []
    for name, path in places.items():
        lines.append(f"find {shlex.quote(path)} -mindepth 1 -delete")
        lines.append(f"cp -a --reflink=auto -- {shlex.quote(f'{store}/{name}')}/. {shlex.quote(path)}/")
    return ["/bin/sh", "-ec", "\n".join(lines)]


def _step(directory: int, name: str, owner: tuple[int, int] | None) -> int:
    """Go down into ``name``, making it a directory where it is none, and close ``directory``."""
    try:
        inner = _enter(directory, name)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            os.unlink(name, dir_fd=directory)
        elif error.errno != errno.ENOENT:
            raise
        os.mkdir(name, 0o755, dir_fd=directory)
        inner = _enter(directory, name)
        os.fchmod(inner, 0o755)  # whatever this process's umask is
        if owner:
            os.fchown(inner, *owner)
    os.close(directory)
    return inner


def _put(directory: int, name: str, data: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    """Write beside and rename over: a link or pipe of that name is replaced, not opened."""
    beside = f".keeper-{secrets.token_hex(8)}"
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
            opened.flush()
            if owner:
                os.fchown(file, *owner)
            os.fchmod(file, mode)
        try:
            os.replace(beside, name, src_dir_fd=directory, dst_dir_fd=directory)
        except IsADirectoryError:
            shutil.rmtree(name, dir_fd=directory)
            os.replace(beside, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(beside, dir_fd=directory)
        raise


def _enter(parent: int | None, name: str) -> int:
    """Open a directory, with the owner's rights restored where the agent took them from itself."""
    directory = _open_own(parent, name, _DIRECTORY)
    mode = stat.S_IMODE(os.fstat(directory).st_mode)
    if os.geteuid() != 0 and mode & _OWNER_ALL != _OWNER_ALL:
        os.fchmod(directory, mode | _OWNER_ALL)
    return directory


def _open_own(parent: int | None, name: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=parent)
    except PermissionError:
        # Without root's rights the worker owns these files but is held to their modes.
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if not stat.S_ISLNK(os.fstat(handle).st_mode):
                Path(f"/proc/self/fd/{handle}").chmod(_OWNER_ALL)
        finally:
            os.close(handle)
        return os.open(name, flags, dir_fd=parent)
