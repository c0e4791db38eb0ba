"""The directories of one worker's sandboxes, and the removal of those that killed workers left."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from pathlib import Path

from sandboxes._bwrap import ETC_FILES, ETC_FROM_HOST
from sandboxes._cgroups import Cgroups
from unhobble.sandboxing import User

_PREFIX = "unhobble-bwrap-"


class Boxes:
    """A private directory with one box a sandbox, made at the first need and held by a lock until it is closed. Thread-safe.

    ``owner`` is the uid (and gid) on the host that commands get, where the worker is root; None keeps the worker's own.
    """

    def __init__(self, parent: Path | None, owner: int | None, cgroups: Cgroups) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self._owner = owner
        self._cgroups = cgroups
        self._mutex = threading.Lock()
        self._root: Path | None = None
        self._lock: int | None = None

    @property
    def identity(self) -> list[str]:
        """The words before a command that give it its uid on the host.

        Not ``Popen(user=...)``, which copies the page tables of a large worker for each command where ``vfork`` does not.
        """
        if self._owner is None:
            return []
        return ["/usr/bin/setpriv", f"--reuid={self._owner}", f"--regid={self._owner}", "--clear-groups", "--"]

    @property
    def etc(self) -> Path:
        """The /etc of every sandbox."""
        return self._opened() / "etc"

    def owner_of(self, user: User) -> tuple[int, int] | None:
        """Who owns what ``user`` writes; None where the worker cannot give files away."""
        if self._owner is None:
            return None
        return (self._owner, self._owner) if user is User.agent else (0, 0)

    def group_name(self, name: str) -> str:
        """The name of a sandbox's control group."""
        return f"{self._opened().name}.{name}"

    def create(self, name: str) -> Path:
        """A new box with the directories that the agent can write. Raises ``OSError``."""
        box = self._opened() / name
        # Commands of another uid must get through it; what is in it is closed to all but them, and its name cannot be listed.
        box.mkdir()
        box.chmod(0o711)
        for place in ("work", "home", "tmp"):
            self.make_directory(box / place)
        return box

    def make_directory(self, directory: Path) -> None:
        """A directory that belongs to the agent, if it is not there yet."""
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            if self._owner is not None:
                os.chown(directory, self._owner, self._owner)

    def close(self) -> None:
        """Remove all that is left."""
        with self._mutex:
            if self._root is not None and self._lock is not None:
                self._cgroups.remove_all(f"{self._root.name}.")
                shutil.rmtree(self._root, ignore_errors=True)
                os.close(self._lock)
            self._root = self._lock = None

    def _opened(self) -> Path:
        with self._mutex:
            if self._root is None:
                self._remove_left_over()
                self._root, self._lock = self._make_root()
                _fill_etc(self._root / "etc")
            return self._root

    def _make_root(self) -> tuple[Path, int]:
        while True:
            root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
            # Until it is locked, another worker may take the directory for left over: then a new one is made.
            try:
                lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            fcntl.flock(lock, fcntl.LOCK_EX)
            if root.exists():
                root.chmod(0o711)
                return root, lock
            os.close(lock)

    def _remove_left_over(self) -> None:
        """Remove directories and control groups of workers that live no more: a lock ends with its process."""
        for root in self._parent.glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError):
                lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    if os.fstat(lock).st_uid == os.geteuid():
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        self._cgroups.remove_all(f"{root.name}.")
                        shutil.rmtree(root, ignore_errors=True)
                finally:
                    os.close(lock)


def _fill_etc(etc: Path) -> None:
    etc.mkdir()
    for name, text in ETC_FILES.items():
        (etc / name).write_text(text)
    for name in ETC_FROM_HOST:
        source = Path("/etc", name)
        if source.is_dir():
            shutil.copytree(source, etc / name, symlinks=True)
        elif source.exists():
            shutil.copyfile(source, etc / name)
    for path in [etc, *etc.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)  # whatever this process's umask is
