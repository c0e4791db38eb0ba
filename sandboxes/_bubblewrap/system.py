"""The system that a command finds: this machine's programs or those of an unpacked root filesystem, and an /etc of its own."""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from unhobble.errors import SandboxError
from unhobble.sandboxing import HOME_DIR
from unhobble.vocabulary import PluginKind

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
"""What every sandbox's /etc holds; of this machine's only ``_ETC_FROM_HOST`` beside it, of a root filesystem all the rest."""

_ETC_FROM_HOST = ("ld.so.cache", "alternatives")
_DIRECTORIES = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_HOST = Path("/")


@dataclass(frozen=True)
class System:
    """What is shown below / and read-only.

    ``shown`` pairs a directory outside with its place inside, ``links`` a link's text with its place; ``hidden`` are directories
    below those that are to look empty.
    """

    root: Path
    shown: tuple[tuple[Path, str], ...]
    links: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]

    def fill_etc(self, etc: Path) -> None:
        """Make the directory ``etc`` from the system's and ``ETC_FILES``. Raises ``OSError``."""
        if self.root == _HOST:
            etc.mkdir()
            for name in _ETC_FROM_HOST:
                _copy(Path("/etc", name), etc / name)
        else:
            _copy(self.root / "etc", etc)
        for name, text in ETC_FILES.items():
            (etc / name).unlink(missing_ok=True)
            (etc / name).write_text(text)
            (etc / name).chmod(0o644)  # whatever this process's umask is
        etc.chmod(0o755)


def find_system(root: str | None, private: Iterable[Path]) -> System:
    """The system of this machine, or of the root filesystem unpacked at ``root``, with every directory of ``private`` hidden.

    Raises ``SandboxError`` where that is no root filesystem.
    """
    base = Path(root).resolve() if root is not None else _HOST
    needed = ("usr", "etc", "bin/sh")
    if missing := [f"/{name}" for name in needed if not os.path.lexists(_inside(base, name))]:
        raise SandboxError(f"{base} is no root filesystem: it has no {', '.join(missing)}; unpack one there, or set rootfs to null")
    shown, links = [], []
    for name in _DIRECTORIES:
        if (place := base / name).is_symlink():
            links.append((str(place.readlink()), f"/{name}"))
        elif place.is_dir():
            shown.append((place, f"/{name}"))
    hidden = {
        Path(place, directory.relative_to(outside.resolve()))
        for directory in {directory.resolve() for directory in private}
        for outside, place in shown
        if directory.is_relative_to(outside.resolve())
    }
    outermost = sorted(str(place) for place in hidden if not hidden.intersection(place.parents))
    return System(base, tuple(shown), tuple(links), tuple(outermost))


def own_directories() -> list[Path]:
    """Where Unhobble and every suite are installed: hidden tests and reference solutions are in there somewhere.

    Of a package it is the directory that holds the package, for data may lie beside it.
    """
    suites = (entry.module for entry in entry_points(group=f"unhobble.{PluginKind.suite.value}"))
    places = set()
    for package in {"unhobble", *(module.partition(".")[0] for module in suites)}:
        spec = find_spec(package)
        locations: Sequence[str | None] = (spec.submodule_search_locations or [spec.origin]) if spec else []
        places |= {Path(location).parent for location in locations if location is not None}
    return sorted(places)


def _inside(base: Path, name: str) -> Path:
    """Where ``name`` lies in a root filesystem whose top directories may be links, absolute ones among them."""
    top, _, rest = name.partition("/")
    place = base / top
    if place.is_symlink():
        place = base / str(place.readlink()).lstrip("/")
    return place / rest if rest else place


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=_special)
    elif source.exists():
        shutil.copyfile(source, target)
        target.chmod(0o644)


def _special(directory: str, names: list[str]) -> list[str]:
    """Those that are neither directories, files nor links, or that this process cannot read."""
    places = {name: Path(directory, name) for name in names}
    return [
        name
        for name, place in places.items()
        if not place.is_symlink() and not ((place.is_file() or place.is_dir()) and os.access(place, os.R_OK))
    ]
