"""Copies of whole trees, whatever an agent made of them."""

import os
import resource
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandboxes._bubblewrap.copies import copy_trees
from sandboxes._bubblewrap.files import empty_tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source/work").mkdir(parents=True)
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(listed("/proc/self/fd")) + 40, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def listed(place: Path | int | str) -> list[str]:
    return sorted(os.listdir(place))  # noqa: PTH208 (of a descriptor too)


def copy(source: Path, target: Path, *names: str) -> None:
    before = len(listed("/proc/self/fd"))
    here, there = os.open(source, os.O_RDONLY), os.open(target, os.O_RDONLY)
    try:
        copy_trees(here, there, names or ("work",))
    finally:
        os.close(here)
        os.close(there)
    assert len(listed("/proc/self/fd")) == before
    assert listed(target) == sorted(names or ("work",))


def empty(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    empty_tree(opened)
    os.close(opened)


def tree(top: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    for folder, directories, files in os.walk(top):
        for path in (Path(folder), *(Path(folder, name) for name in [*directories, *files])):
            status = path.lstat()
            size = 0 if path.is_dir() and not path.is_symlink() else status.st_size
            found[str(path.relative_to(top))] = (status.st_mode, status.st_uid, size, status.st_mtime_ns)
    return found


def nest(top: Path, levels: int, name: str) -> None:
    directory = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=directory)
        inner = os.open(name, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = inner
    os.close(os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=directory))
    os.close(directory)


def depth(top: Path) -> int:
    """How many directories are below each other, the first name of each taken."""
    directory, levels = os.open(top, os.O_RDONLY), 0
    while (names := listed(directory)) != ["bottom"]:
        inner = os.open(names[0], os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory, levels = inner, levels + 1
    os.close(directory)
    return levels


def test_a_copy_has_the_bytes_modes_owners_times_and_kinds_of_the_original(source: Path, target: Path) -> None:
    work = source / "work"
    (work / "a/empty").mkdir(parents=True)
    (work / "a/data").write_bytes(os.urandom(3_000_000))
    (work / "run").write_text("#!")
    (work / "run").chmod(0o4751)
    (work / "link").symlink_to("a/data")
    (work / "dangling").symlink_to("/etc/shadow")
    os.mkfifo(work / "pipe", 0o640)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(work / "socket"))
    (work / os.fsdecode(b"odd\n\xff")).write_text("")
    (work / "shut").mkdir()
    (work / "shut/file").write_text("1")
    if os.geteuid() == 0:
        os.chown(work / "run", 65534, 65534)
        (work / "run").chmod(0o4751)
    os.utime(work / "a/data", ns=(1, 1_234_567_890_123_456_789))
    (work / "shut/file").chmod(0)
    (work / "shut").chmod(0o111)
    before = tree(work)
    copy(source, target)
    assert tree(target / "work") == tree(work) == before
    assert (target / "work/a/data").read_bytes() == (work / "a/data").read_bytes()
    assert (target / "work/link").readlink() == Path("a/data")
    assert (target / "work/dangling").readlink() == Path("/etc/shadow")
    (target / "work/shut").chmod(0o700)
    (target / "work/shut/file").chmod(0o600)
    assert (target / "work/shut/file").read_text() == "1"


def test_holes_stay_holes(source: Path, target: Path) -> None:
    with (source / "work/sparse").open("wb") as file:
        file.seek(1 << 30)
        file.write(b"x")
        file.truncate(3 << 30)
    (source / "work/hole").touch()
    os.truncate(source / "work/hole", 1 << 40)
    copy(source, target)
    copied = (target / "work/sparse").stat()
    assert (copied.st_size, copied.st_blocks < 1000) == (3 << 30, True)
    assert (target / "work/hole").stat().st_size == 1 << 40
    with (target / "work/sparse").open("rb") as file:
        file.seek((1 << 30) - 1)
        assert file.read(3) == b"\0x\0"


def test_names_of_one_file_stay_names_of_one_file(source: Path, target: Path) -> None:
    work = source / "work"
    (work / "d").mkdir()
    (work / "one").write_bytes(b"x" * 1000)
    for name in ("two", "d/three"):
        os.link(work / "one", work / name)
    (source / "tmp").mkdir()
    os.link(work / "one", source / "tmp/four")
    copy(source, target, "work", "tmp")
    copies = [(target / name).stat() for name in ("work/one", "work/two", "work/d/three", "tmp/four")]
    assert len({status.st_ino for status in copies}) == 1
    assert copies[0].st_nlink == 4


def test_a_name_that_leads_out_of_the_tree_is_no_error(source: Path, target: Path, tmp_path: Path) -> None:
    (source / "work/one").write_text("1")
    os.link(source / "work/one", tmp_path / "elsewhere")
    copy(source, target)
    assert (target / "work/one").stat().st_nlink == 1


@pytest.mark.parametrize(("levels", "name"), [(3000, "d"), (60, "n" * 255)], ids=["deep", "long"])
def test_a_tree_may_be_deeper_than_paths_stacks_and_open_files_go(
    source: Path, target: Path, few_files: None, levels: int, name: str
) -> None:
    nest(source / "work", levels, name)
    try:
        copy(source, target)
        assert depth(target / "work") == levels
    finally:
        empty(source / "work")
        empty(target / "work")
    assert [listed(top / "work") for top in (source, target)] == [[], []]


def test_emptying_follows_no_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("1")
    (source / "work/link").symlink_to(tmp_path / "outside")
    empty(source / "work")
    assert listed(tmp_path / "outside") == ["file"]
    assert listed(source / "work") == []


def test_a_directory_that_is_there_already_gets_the_mode_of_the_original(source: Path, target: Path) -> None:
    (target / "work").mkdir(mode=0o700)
    (source / "work").chmod(0o1777)
    copy(source, target)
    assert stat.S_IMODE((target / "work").stat().st_mode) == 0o1777
