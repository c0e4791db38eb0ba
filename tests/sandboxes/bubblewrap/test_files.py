"""The keeper's file operations against what an agent may have planted; by ``openat2``, and where a kernel does not have it."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandboxes._bubblewrap import files as _files
from sandboxes._bubblewrap.files import read_directory, read_file, write_file
from sandboxes._paths import locate

MIB = 2**20


@pytest.fixture(params=["openat2", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "walked":

        def missing(*_: object) -> int:
            raise OSError(errno.ENOSYS, "no such call")

        monkeypatch.setattr(_files, "_openat2", missing)


@pytest.fixture
def place(tmp_path: Path, way: None) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    place = tmp_path / "place"
    place.mkdir()
    return place


@pytest.fixture
def root(place: Path) -> Iterator[int]:
    """The directory that ``place`` is in, open."""
    root = os.open(place.parent, os.O_RDONLY)
    yield root
    os.close(root)


def nest(top: Path, levels: int, name: str = "d") -> None:
    directory = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=directory)
        inner = os.open(name, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = inner
    os.close(directory)


def at(path: str = "") -> list[str]:
    """The names of a path below ``place``, as seen from ``root``."""
    return ["place", *path.split("/")] if path else ["place"]


@pytest.mark.parametrize(
    ("path", "directory", "expected"),
    [
        ("/work/a/b", False, ("/work", ["a", "b"])),
        ("/home/agent/a", False, ("/home/agent", ["a"])),
        ("/work//./a/", False, ("/work", ["a"])),
        ("/work", True, ("/work", [])),
        ("/work/", True, ("/work", [])),
        ("/tests/a", True, ("/tests", ["a"])),
    ],
)
def test_a_path_lies_in_a_place(path: str, directory: bool, expected: tuple[str, list[str]]) -> None:
    assert locate(path, directory=directory) == expected


@pytest.mark.parametrize("path", ["/etc/x", "/home/agents/x", "/workshop", "/work/../etc", "/work/a\0b", "work/a", "/", ""])
def test_a_path_elsewhere_lies_in_none(path: str) -> None:
    for directory in (True, False):
        with pytest.raises(ValueError, match="below"):
            locate(path, directory=directory)


@pytest.mark.parametrize("plant", ["link", "up/link", "folder/secret", "pipe", "directory", "device", "file/below"])
def test_what_is_no_regular_file_of_the_place_is_not_read(place: Path, root: int, plant: str) -> None:
    (place / "link").symlink_to("../outside/secret")
    (place / "up").mkdir()
    (place / "up/link").symlink_to(place / "file")
    (place / "folder").symlink_to("../outside")
    (place / "file").write_text("1")
    (place / "directory").mkdir()
    os.mkfifo(place / "pipe")
    if os.geteuid() == 0:
        os.mknod(place / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    else:
        (place / "device").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="regular"):
        read_file(root, at(plant), 100)


def test_a_file_is_read_to_the_byte_and_no_further(place: Path, root: int) -> None:
    write_file(root, ["place", "a", "b"], b"12345", mode=0o644, owner=None)
    assert read_file(root, ["place", "a", "b"], 5) == b"12345"
    with pytest.raises(ValueError, match="5 bytes; at most 4"):
        read_file(root, ["place", "a", "b"], 4)
    with pytest.raises(FileNotFoundError):
        read_file(root, ["place", "a", "none"], 4)


def test_a_sparse_file_takes_no_memory(place: Path, root: int) -> None:
    with (place / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="at most"):
        read_file(root, ["place", "sparse"], MIB)
    with pytest.raises(ValueError, match="bytes of content"):
        read_directory(root, at(), max_bytes=MIB, max_files=10)


def test_a_name_that_is_too_long_is_no_file(place: Path, root: int) -> None:
    with pytest.raises(ValueError, match="regular"):
        read_file(root, ["place", "x" * 256], 100)


def test_a_directory_is_read_without_what_is_no_file(place: Path, root: int) -> None:
    for path, data in (("top", b"1"), ("a/b/deep", b"22"), ("a/run", b"#!"), ("z", b"")):
        write_file(root, at(path), data, mode=0o755 if path == "a/run" else 0o644, owner=None)
    (place / "a/link").symlink_to("../../outside/secret")
    (place / "a/folder").symlink_to("../../outside")
    os.mkfifo(place / "a/pipe")
    (place / "empty").mkdir()
    found = read_directory(root, at(), max_bytes=5, max_files=10)
    assert found == [
        (("a", "b", "deep"), b"22", False),
        (("a", "run"), b"#!", True),
        (("top",), b"1", False),
        (("z",), b"", False),
    ]
    assert [path for path, _, _ in read_directory(root, ["place", "a", "b"], max_bytes=5, max_files=1)] == [("deep",)]


def test_a_directory_with_too_much_in_it_is_refused(place: Path, root: int) -> None:
    for name in "abc":
        write_file(root, ["place", "d", name], b"12", mode=0o644, owner=None)
    with pytest.raises(ValueError, match="more than 5 bytes"):
        read_directory(root, ["place", "d"], max_bytes=5, max_files=3)
    with pytest.raises(ValueError, match="more than 2 entries"):
        read_directory(root, ["place", "d"], max_bytes=6, max_files=2)
    assert len(read_directory(root, ["place", "d"], max_bytes=6, max_files=3)) == 3


@pytest.mark.parametrize("path", ["file", "link", "file/x", "link/x"])
def test_what_is_no_directory_of_the_place_is_not_listed(place: Path, root: int, path: str) -> None:
    (place / "file").write_text("1")
    (place / "link").symlink_to("../outside")
    with pytest.raises(ValueError, match="not a directory"):
        read_directory(root, at(path), max_bytes=10, max_files=10)
    with pytest.raises(FileNotFoundError):
        read_directory(root, ["place", "none"], max_bytes=10, max_files=10)


def test_a_tree_that_is_deeper_than_paths_are_long_ends_in_an_answer(place: Path, root: int) -> None:
    nest(place, 25, "d" * 200)
    with pytest.raises(ValueError, match=r"too deep|more than 24 entries"):
        read_directory(root, at(), max_bytes=10, max_files=24)


def test_reading_leaves_no_file_open(place: Path, root: int) -> None:
    write_file(root, ["place", "a", "b"], b"1", mode=0o644, owner=None)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("a/b", "a", "none", "a/b/c"):
        for read in (
            lambda path: read_file(root, at(path), 10),
            lambda path: read_directory(root, at(path), max_bytes=9, max_files=9),
        ):
            try:
                read(path)
            except (OSError, ValueError):
                continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("path", ["link", "pipe", "folder/new", "file/below"])
def test_what_stands_in_the_way_of_a_write_is_replaced_and_not_followed(place: Path, root: int, path: str) -> None:
    (place / "link").symlink_to("../outside/secret")
    (place / "folder").symlink_to("../outside")
    (place / "file").write_text("1")
    os.mkfifo(place / "pipe")
    write_file(root, at(path), b"new", mode=0o640, owner=None)
    assert read_file(root, at(path), 10) == b"new"
    assert stat.S_IMODE((place / path).stat().st_mode) == 0o640
    assert [(file.name, file.read_text()) for file in (place.parent / "outside").iterdir()] == [("secret", "secret")]


def test_a_directory_that_stands_in_the_way_of_a_write_is_replaced_however_deep_it_is(place: Path, root: int) -> None:
    (place / "directory").mkdir()
    nest(place / "directory", 1200)
    write_file(root, at("directory"), b"new", mode=0o644, owner=None)
    assert read_file(root, at("directory"), 10) == b"new"
