"""Whole trees of an agent's, copied: links, modes, owners, times, holes and all, however deep they are.

Nothing of the agent's runs meanwhile, so that ``..`` leads back to where one came from. No path is longer than one name, and no
more than a handful of files are open at a time: what an agent may have made is deeper than either goes. User attributes are not
copied.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandboxes._bubblewrap.files import READ, UP, empty_tree, enter, go, open_own

_LINKS = "links"
_CHUNK_BYTES = 1 << 20


@dataclass
class _Level:
    """A directory on the way down: its name and status in the one above, and the directories in it still to be entered."""

    name: str
    status: os.stat_result
    left: list[str]


def copy_trees(source: int, target: int, names: Iterable[str]) -> None:
    """Make the directories ``names`` in the open directory ``target``, which are new or empty, what they are in ``source``.

    Raises ``OSError``.
    """
    os.mkdir(_LINKS, 0o700, dir_fd=target)
    links = enter(target, _LINKS)
    try:
        copying = _Copying(links)
        for name in names:
            copying.run(os.dup(source), os.dup(target), name)
        empty_tree(links)
    finally:
        os.close(links)
        os.rmdir(_LINKS, dir_fd=target)


@dataclass
class _Copying:
    """One copy under way.

    ``links`` is a directory in the target's file system that has, of each file with several names, one as long as not all were
    met; ``met`` counts them.
    """

    links: int
    met: dict[int, int] = field(default_factory=dict)

    def run(self, source: int, target: int, top: str) -> None:
        """Copy one directory, and close both descriptors."""
        way: list[_Level] = []
        name: str | None = top
        try:
            while name is not None or way:
                if name is not None:
                    status = os.stat(name, dir_fd=source, follow_symlinks=False)
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o700, dir_fd=target)
                    source = go(source, enter(source, name))
                    target = go(target, enter(target, name))
                    way.append(_Level(name, status, self._copy_all_but_directories(source, target)))
                else:
                    _describe(target, way[-1].status)
                    above = os.open("..", UP, dir_fd=source)
                    _put_back(source, way.pop().status)
                    source = go(source, above)
                    target = go(target, os.open("..", UP, dir_fd=target))
                name = way[-1].left.pop() if way and way[-1].left else None
        finally:
            os.close(source)
            os.close(target)

    def _copy_all_but_directories(self, source: int, target: int) -> list[str]:
        with os.scandir(source) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        for name, status in found:
            if stat.S_ISREG(status.st_mode):
                self._copy_file(source, target, name, status)
            elif stat.S_ISLNK(status.st_mode):
                os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
                _describe_entry(target, name, status)
            elif not stat.S_ISDIR(status.st_mode):
                # A pipe or a socket; of devices an agent can only make the one that is none, 0:0.
                os.mknod(name, stat.S_IFMT(status.st_mode) | 0o600, dir_fd=target)
                _describe_entry(target, name, status)
        return [name for name, status in found if stat.S_ISDIR(status.st_mode)]

    def _copy_file(self, source: int, target: int, name: str, status: os.stat_result) -> None:
        known = str(status.st_ino)
        if met := self.met.get(status.st_ino, 0):
            os.link(known, name, src_dir_fd=self.links, dst_dir_fd=target)
        else:
            _copy_content(source, target, name, status)
            if status.st_nlink > 1:
                os.link(name, known, src_dir_fd=target, dst_dir_fd=self.links)
        if status.st_nlink > 1:
            self.met[status.st_ino] = met + 1
            if met + 1 == status.st_nlink:
                os.unlink(known, dir_fd=self.links)


def _copy_content(source: int, target: int, name: str, status: os.stat_result) -> None:
    old = open_own(source, name, READ)
    try:
        new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            _copy_data(old, new, status.st_size)
            _describe(new, status)
        finally:
            os.close(new)
        _put_back(old, status)
    finally:
        os.close(old)


def _copy_data(old: int, new: int, size: int) -> None:
    """Copy what is no hole."""
    end = 0
    while end < size:
        try:
            start = os.lseek(old, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # the rest is a hole
                break
            raise
        end = os.lseek(old, start, os.SEEK_HOLE)
        os.lseek(old, start, os.SEEK_SET)
        os.lseek(new, start, os.SEEK_SET)
        while start < end:
            start += os.sendfile(new, old, None, min(end - start, _CHUNK_BYTES))
    os.ftruncate(new, size)


def _describe(file: int, status: os.stat_result) -> None:
    """Give an open file or directory the owner, mode and times of another. The owner first: setting it takes rights away."""
    if os.geteuid() == 0:
        os.fchown(file, status.st_uid, status.st_gid)
    os.fchmod(file, stat.S_IMODE(status.st_mode))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def _describe_entry(directory: int, name: str, status: os.stat_result) -> None:
    """The same for what cannot be opened: a link, a pipe, a socket."""
    if os.geteuid() == 0:
        os.chown(name, status.st_uid, status.st_gid, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=directory)
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=directory, follow_symlinks=False)


def _put_back(file: int, status: os.stat_result) -> None:
    """Give a file or directory of the agent's back the mode it had before rights to it were restored."""
    if os.geteuid() != 0:
        os.fchmod(file, stat.S_IMODE(status.st_mode))
