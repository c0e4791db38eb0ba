"""File operations in trees that an agent controls.

The agent may have planted anything: links out of its tree, pipes that block, devices, directories it cannot enter itself. No
operation here follows a link, waits for a pipe, or leaves the place it was given: the kernel is told so (``openat2``), and where
it must be walked, because a directory is missing or closed to its own owner, that is done one name at a time from an open
directory. Nothing of the agent's runs meanwhile (commands leave no process), so modes seen stay as they were.

Source: linux/openat2.h.
"""

import ctypes
import errno
import os
import secrets
import stat
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""How a file is opened: where it is a pipe that nobody writes to, opening would else wait for ever."""

UP = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
"""How the directory above is opened, ``..``."""

_OWNER_ALL = 0o700
_OPENAT2 = 437  # on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH = 0x02, 0x04, 0x08
_IN_THE_WAY = {errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG}
_libc = ctypes.CDLL(None, use_errno=True)


def write_file(root: int, names: Sequence[str], data: bytes, *, mode: int, owner: tuple[int, int] | None) -> None:
    """Write ``data`` at ``names`` below the open directory ``root``, making parents; whatever stands in the way is replaced.

    ``owner`` (uid, gid) gets the file and the parents made; None leaves them with this process. Raises ``OSError``.
    """
    directory = os.dup(root)
    try:
        for name in names[:-1]:
            directory = _step(directory, name, owner)
        _put(directory, names[-1], data, mode, owner)
    finally:
        os.close(directory)


def read_file(root: int, names: Sequence[str], max_bytes: int) -> bytes:
    """The content of the regular file at ``names`` below the open directory ``root``.

    Raises ``FileNotFoundError``, or ``ValueError`` where it is no regular file, lies behind a link, or is too large.
    """
    shown = "/".join(names)
    try:
        file = _open_below(root, names, READ)
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise ValueError(f"{shown} is not a regular file, or lies behind a link: {error.strerror}") from None
        raise
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{shown} is not a regular file")
        data = _content(file, max_bytes)
        if data is None:
            raise ValueError(f"{shown} has {status.st_size} bytes; at most {max_bytes} are read")
        return data
    finally:
        os.close(file)


def read_directory(root: int, names: Sequence[str], *, max_bytes: int, max_files: int) -> list[tuple[tuple[str, ...], bytes, bool]]:
    """The regular files below the directory at ``names`` below the open directory ``root``, by path.

    Of each the names below that directory, its content, and whether it is executable. Whatever else is there is left out, but
    counted. Raises ``FileNotFoundError``, or ``ValueError`` where it is no directory, has more than ``max_bytes`` of content in
    all or more than ``max_files`` entries, or is deeper than the kernel's paths are long.
    """
    shown = "/".join(names) or "."
    found: list[tuple[tuple[str, ...], bytes, bool]] = []
    left_bytes, left_files = max_bytes, max_files
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        below = waiting.pop()
        # Opened anew from the top: a tree can be deeper than this process may have files open.
        directory = _open_directory(root, [*names, *below], shown)
        try:
            for name, mode in _entries(directory, left_files):
                if (left_files := left_files - 1) < 0:
                    raise ValueError(f"{shown} has more than {max_files} entries; no more are read")
                if stat.S_ISDIR(mode):
                    waiting.append((*below, name))
                elif stat.S_ISREG(mode):
                    data = _read_entry(directory, name, left_bytes)
                    if data is None:
                        raise ValueError(f"{shown} has more than {max_bytes} bytes of content; no more are read")
                    left_bytes -= len(data)
                    found.append(((*below, name), data, bool(mode & stat.S_IXUSR)))
        finally:
            os.close(directory)
    return sorted(found)


def follow_file(root: int, names: Sequence[str], max_bytes: int) -> bytes:  # noqa: ARG001 - as ``read_file``
    """What ``read_file`` must not be: a program's plain way to read a file. For proofs that the difference matters."""
    return Path(f"/proc/self/fd/{root}", *names).read_bytes()


def follow_directory(
    root: int,
    names: Sequence[str],
    *,
    max_bytes: int,  # noqa: ARG001 - as ``read_directory``
    max_files: int,  # noqa: ARG001
) -> list[tuple[tuple[str, ...], bytes, bool]]:
    """What ``read_directory`` must not be; see ``follow_file``."""
    top = Path(f"/proc/self/fd/{root}", *names)
    paths = [Path(folder, file) for folder, _, files in os.walk(top, followlinks=True) for file in files]
    return sorted((path.relative_to(top).parts, path.read_bytes(), os.access(path, os.X_OK)) for path in paths)


def empty_tree(directory: int) -> None:
    """Remove all that is in an open directory, however deep it is. Raises ``OSError``."""
    here = restored(os.dup(directory))
    try:
        way = [("", _remove_all_but_directories(here))]
        while way[-1][1] or len(way) > 1:
            if way[-1][1]:
                name = way[-1][1].pop()
                here = go(here, enter(here, name))
                way.append((name, _remove_all_but_directories(here)))
            else:
                here = go(here, os.open("..", UP, dir_fd=here))
                os.rmdir(way.pop()[0], dir_fd=here)
    finally:
        os.close(here)


def _remove_all_but_directories(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
    return [name for name, is_directory in found if is_directory]


def go(here: int, there: int) -> int:
    """Have one directory open in place of another."""
    os.close(here)
    return there


def _step(directory: int, name: str, owner: tuple[int, int] | None) -> int:
    """Go down into ``name``, making it a directory where it is none, and close ``directory``."""
    try:
        inner = enter(directory, name)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            os.unlink(name, dir_fd=directory)
        elif error.errno != errno.ENOENT:
            raise
        os.mkdir(name, 0o755, dir_fd=directory)
        inner = enter(directory, name)
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
            inner = enter(directory, name)
            try:
                empty_tree(inner)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=directory)
            os.replace(beside, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(beside, dir_fd=directory)
        raise


def _content(file: int, max_bytes: int) -> bytes | None:
    """What is in an open regular file; None where that is more than ``max_bytes``."""
    if os.fstat(file).st_size > max_bytes:
        return None
    with os.fdopen(file, "rb", closefd=False) as opened:
        data = opened.read(max_bytes + 1)
    return data if len(data) <= max_bytes else None


def _entries(directory: int, most: int) -> Iterator[tuple[str, int]]:
    """The names in an open directory and their modes; after ``most`` one more, and no further."""
    with os.scandir(directory) as entries:
        for entry in islice(entries, most + 1):
            yield entry.name, entry.stat(follow_symlinks=False).st_mode


def _read_entry(directory: int, name: str, max_bytes: int) -> bytes | None:
    file = open_own(directory, name, READ)
    try:
        return _content(file, max_bytes)
    finally:
        os.close(file)


def _open_directory(root: int, names: Sequence[str], shown: str) -> int:
    try:
        return restored(_open_below(root, names, _DIRECTORY))
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise ValueError(f"{shown} is not a directory, lies behind a link, or is too deep: {error.strerror}") from None
        raise


def _open_below(directory: int, names: Sequence[str], flags: int) -> int:
    """Open what lies at ``names``: in one go, or walking where a directory is closed to its owner or there is no such call."""
    try:
        return _openat2(directory, "/".join(names), flags)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.ENOSYS}:
            raise
    passed = [os.dup(directory)]
    try:
        for name in names[:-1]:
            passed.append(enter(passed[-1], name))
            os.close(passed.pop(0))
        return open_own(passed[-1], names[-1], flags)
    finally:
        for opened in passed:
            os.close(opened)


def _openat2(directory: int, path: str, flags: int) -> int:
    how = struct.pack("=QQQ", flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS)
    file = int(_libc.syscall(_OPENAT2, directory, os.fsencode(path), how, len(how)))
    if file < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return file


def enter(parent: int, name: str) -> int:
    """Open a directory, with the owner's rights restored where the agent took them from itself."""
    return restored(open_own(parent, name, _DIRECTORY))


def restored(directory: int) -> int:
    """An open directory, with the owner's rights to it restored."""
    mode = stat.S_IMODE(os.fstat(directory).st_mode)
    if os.geteuid() != 0 and mode & _OWNER_ALL != _OWNER_ALL:
        os.fchmod(directory, mode | _OWNER_ALL)
    return directory


def open_own(parent: int, name: str, flags: int) -> int:
    """Open an entry of a directory, with rights to it where the agent took them from itself."""
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
