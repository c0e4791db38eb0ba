"""What one worker's bubblewrap sandboxes have on this machine besides their processes, and the removal of what dead workers left.

That is one directory, with the /etc of all of them and two mount points, and a control group for each. The files of a sandbox
are not among it: they are in a file system that only its holder has mounted (``_bubblewrap.holder``).
"""

import contextlib
import re
import secrets
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from sandboxes._bubblewrap.cgroups import Cgroups
from sandboxes._owner import Owner, Realm

_PREFIX = "unhobble"
_NAME_CHARACTERS = 40


class Boxes:
    """One provider's directory and control groups, owned from the first need until ``close``. Thread-safe.

    ``fill_etc`` makes the /etc of every sandbox.
    """

    def __init__(self, realm: Realm, cgroups: Cgroups, fill_etc: Callable[[Path], None]) -> None:
        self._realm = realm
        self._cgroups = cgroups
        self._fill_etc = fill_etc
        self._mutex = threading.Lock()
        self._owner: Owner | None = None

    @property
    def directory(self) -> Path:
        """The directory: in it ``etc``, and the mount points ``box`` and ``kept``. Raises ``OSError``."""
        return self._all / self._owned().id

    def group_name(self, study: str, label: str) -> str:
        """A name for the control group of a new sandbox: ``unhobble``, realm, owner, study and rollout. Raises ``OSError``."""
        owner = self._owned().id
        return ".".join([_PREFIX, self._realm.id, owner, _plain(study), f"{_plain(label)}-{secrets.token_hex(4)}"])

    def sweep(self) -> list[str]:
        """Remove the directories and control groups of owners of this realm that live no more. Raises ``OSError``."""
        named = self._cgroups.names(f"{_PREFIX}.{self._realm.id}.")
        groups = [name for name in named if not self._realm.is_alive(name.split(".")[2]) and self._cgroups.remove_all(name)]
        directories = [directory for directory in self._all.glob("*") if not self._realm.is_alive(directory.name)]
        for directory in directories:
            shutil.rmtree(directory, ignore_errors=True)
        self._realm.forget_the_dead()
        gone = sorted(directory for directory in directories if not directory.exists())
        return [*(f"control group {name}" for name in groups), *(f"directory {directory}" for directory in gone)]

    def close(self) -> None:
        """Remove all that is left."""
        with self._mutex:
            if self._owner is not None:
                self._cgroups.remove_all(f"{_PREFIX}.{self._realm.id}.{self._owner.id}.")
                shutil.rmtree(self._all / self._owner.id, ignore_errors=True)
                self._owner.release()
            self._owner = None

    @property
    def _all(self) -> Path:
        return self._realm.directory / "boxes"

    def _owned(self) -> Owner:
        with self._mutex:
            if self._owner is None:
                owner = self._realm.claim()
                try:
                    self._fill(self._all / owner.id)
                except BaseException:
                    shutil.rmtree(self._all / owner.id, ignore_errors=True)
                    owner.release()
                    raise
                self._owner = owner
            return self._owner

    def _fill(self, directory: Path) -> None:
        with contextlib.suppress(FileExistsError):
            self._all.mkdir()
        # Commands of another uid must get through; they cannot list it.
        self._all.chmod(0o711)
        for made in (directory, directory / "box", directory / "kept"):
            made.mkdir()
            made.chmod(0o711)
        self._fill_etc(directory / "etc")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)[:_NAME_CHARACTERS]
