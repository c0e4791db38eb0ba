"""Whole trees of an agent's, copied and emptied: links, modes, owners, times, holes and all, however deep they are.

Nothing of the agent's runs meanwhile, so that ``..`` leads back to where one came from. No path is longer than one name, and no
more than a handful of files are open at a time: what an agent may have made is deeper than either goes. User attributes are not
copied.
"""

import errno
import os
import stat
from dataclasses import dataclass, field

from sandboxes._files import READ, enter, open_own, restored

_CHUNK_BYTES = 1 << 20
_UP = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass
class _Level:
    """A directory on the way down: its name and status in the one above, and the directories in it still to be entered."""

    name: str
    status: os.stat_result
    left: list[str]


def copy_tree(source: int, target: int, links: int) -> None:
    """Make the empty directory ``target`` what the directory ``source`` is; both open.

    ``links`` is an empty directory in the file system of ``target``, for files with more than one name while not all of them were
    met; it is empty again afterwards. Raises ``OSError``.
    """
    _Copying(links).run(os.dup(source), os.dup(target))


def empty_tree(directory: int) -> None:
    """Remove all that is in an open directory. Raises ``OSError``."""
    directory = restored(os.dup(directory))
    way = [_Level("", os.fstat(directory), _remove_all_but_directories(directory))]
    try:
        while True:
            if way[-1].left:
                directory = _go(directory, enter(directory, name := way[-1].left.pop()))
                way.append(_Level(name, os.fstat(directory), _remove_all_but_directories(directory)))
            elif len(way) == 1:
                return
            else:
                directory = _go(directory, os.open("..", _UP, dir_fd=directory))
                os.rmdir(way.pop().name, dir_fd=directory)
    finally:
        os.close(directory)


def _remove_all_but_directories(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
    return [name for name, is_directory in found if is_directory]


def _go(here: int, there: int) -> int:
    os.close(here)
    return there


@dataclass
class _Copying:
    """One copy under way. ``met`` counts the names met so far of each file that has several."""

    links: int
    met: dict[int, int] = field(default_factory=dict)

    def run(self, source: int, target: int) -> None:
        """Copy, and close both."""
        way = [_Level("", os.fstat(source), self._copy_all_but_directories(restored(source), target))]
        try:
            while True:
                if way[-1].left:
                    name = way[-1].left.pop()
                    status = os.stat(name, dir_fd=source, follow_symlinks=False)
                    os.mkdir(name, 0o700, dir_fd=target)
                    target = _go(target, enter(target, name))
                    source = _go(source, enter(source, name))
                    way.append(_Level(name, status, self._copy_all_but_directories(source, target)))
                    continue
                level = way.pop()
                _describe(target, level.status)
                if not way:
                    _put_back(source, level.status)
                    return
                above = os.open("..", _UP, dir_fd=source)
                _put_back(source, level.status)
                source = _go(source, above)
                target = _go(target, os.open("..", _UP, dir_fd=target))
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
