"""Whether a task gives its solution away: what the agent must not have stands in a file that it starts with. Pure.

A needle stands in a file when its text does, also within a gzip, bzip2, xz, zlib (an object of git), zip or tar file, to the depth
of archives in archives.
What is shorter than ``LEAST_BYTES`` without the white space around it says nothing: a count or a name stands anywhere.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping

Files = Mapping[str, bytes]
"""Contents by path."""

LEAST_BYTES = 32
_DEPTH = 3
_MOST_BYTES = 2**26
_ZIPPED: dict[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda data: gzip.GzipFile(fileobj=data),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
# What the standard readers raise at a file that is damaged, encrypted (RuntimeError) or compressed in a way that they do not know
# (zipfile's NotImplementedError).
_DAMAGED = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
    *(zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile),
)
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_TAR_MAGIC = slice(257, 262)


def made(first: Files, left: Files) -> dict[str, bytes]:
    """What was created or changed on the way from ``first`` to ``left``, without what git keeps for itself."""
    return {
        path: data
        for path, data in left.items()
        if first.get(path) != data and not any(part.endswith(".git") for part in path.split("/"))
    }


def standing_in(first: Files, needles: Files) -> dict[str, str]:
    """Those of ``needles`` whose content stands in ``first`` already, and where: paths by paths."""
    wanted = {path: data.strip() for path, data in needles.items()}
    wanted = {path: data for path, data in wanted.items() if len(data) >= LEAST_BYTES}
    found: dict[str, str] = {}
    for path, data in first.items():
        for place, content in unfolded(path, data):
            found |= {needle: place for needle, text in wanted.items() if needle not in found and text in content}
    return found


def unfolded(path: str, data: bytes, depth: int = _DEPTH) -> Iterator[tuple[str, bytes]]:
    """A file, and what is folded up in it, each under the path that leads there: ``a.tar.gz``, ``a.tar.gz!b/c.txt``."""
    yield path, data
    if depth:
        try:
            for name, content in _members(data):
                yield from unfolded(f"{path}!{name}", content, depth - 1)
        except _DAMAGED:
            return  # it is damaged, or only looks like an archive: then it holds what it holds as it is


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    for magic, opened in _ZIPPED.items():
        if data.startswith(magic):
            with opened(io.BytesIO(data)) as file:
                yield "", file.read(_MOST_BYTES)
            return
    if data.startswith(_ZLIB):
        yield "", zlib.decompressobj().decompress(data, _MOST_BYTES)
    elif data[_TAR_MAGIC] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.isreg() and member.size <= _MOST_BYTES and (content := archive.extractfile(member)):
                    yield member.name, content.read()
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            for entry in bundle.infolist():
                if not entry.is_dir() and entry.file_size <= _MOST_BYTES:
                    yield entry.filename, bundle.read(entry)
