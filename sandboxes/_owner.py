"""Who owns what a sandbox leaves on a machine: a worker, known by a lock that the kernel takes from it at its death.

Whatever is left behind carries its owner's id, as a label, in a name or by the directory it lies in. An owner whose lock can be
taken, or whose lock file is gone, lives no more, and what it owned may be swept. Ids are only comparable on one ``realm``: the
directory of locks, which two workers share exactly if they see the same temporary directory of the same machine.
"""

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path


class Realm:
    """The workers of one user that can see each other's locks, and the place where they keep what they own. Thread-safe."""

    def __init__(self, parent: Path | None = None) -> None:
        self.directory = (parent or Path(tempfile.gettempdir())) / f"unhobble-{os.geteuid()}"

    @property
    def id(self) -> str:
        """A name that no other realm has, on this machine or another. Raises ``OSError``."""
        file = self._made() / "realm"
        with contextlib.suppress(FileExistsError):
            # Linked into place whole: another worker may read it at once.
            draft = self.directory / f"realm.{secrets.token_hex(4)}"
            draft.write_text(secrets.token_hex(8))
            try:
                os.link(draft, file)
            finally:
                draft.unlink()
        return file.read_text()

    def claim(self) -> "Owner":
        """Become an owner. Raises ``OSError``."""
        self._made()
        while True:
            owner = secrets.token_hex(6)
            lock = os.open(self._lock(owner), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Between its making and its locking a sweep may have taken it for a dead one's.
            if self._lock(owner).exists():
                return Owner(owner, self, lock)
            os.close(lock)

    def is_alive(self, owner: str) -> bool:
        """Whether the owner of that id lives."""
        with self._taken(owner) as taken:
            return not taken and self._lock(owner).exists()

    @contextlib.contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Be the only one of this realm that does ``work``. Blocks; raises ``OSError``."""
        lock = os.open(self._made() / work, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def forget_the_dead(self) -> None:
        """Remove the lock files of owners that live no more."""
        for file in self.directory.glob("*.lock"):
            # Held while it is removed: else an owner could come to life in between, and live without a lock.
            with self._taken(file.stem) as taken:
                if taken:
                    file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _taken(self, owner: str) -> Iterator[bool]:
        """Hold an owner's lock, where it has one and nobody else holds it."""
        try:
            lock = os.open(self._lock(owner), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            yield False
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def _lock(self, owner: str) -> Path:
        return self.directory / f"{owner}.lock"

    def _made(self) -> Path:
        """The directory, which must be ours: in a shared temporary directory someone else may have made it first."""
        # Commands of another uid pass through it to their files, but cannot list it.
        with contextlib.suppress(FileExistsError):
            self.directory.mkdir(mode=0o711, parents=True)
            self.directory.chmod(0o711)
        status = self.directory.lstat()
        if status.st_uid != os.geteuid() or self.directory.is_symlink():
            raise PermissionError(f"{self.directory} belongs to someone else; name another directory with TMPDIR")
        return self.directory


class Owner:
    """A living owner. Ends with ``release`` or with the process."""

    def __init__(self, owner: str, realm: Realm, lock: int) -> None:
        self.id = owner
        self.realm = realm
        self._lock = lock

    def release(self) -> None:
        """Give the ownership up; what is still owned may be swept from now on."""
        (self.realm.directory / f"{self.id}.lock").unlink(missing_ok=True)
        os.close(self._lock)
