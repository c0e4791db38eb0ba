"""What stands in a file is found there, however it is packed; what is too short to mean anything is not."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

import pytest

from unhobble.tasks.leaks import LEAST_BYTES, made, standing_in

SECRET = b"total;2024-03-01;the sum is 1234.50\n"


def tar(data: bytes, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        entry = tarfile.TarInfo("deep/answer.csv")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("answer.csv", data)
    return out.getvalue()


@pytest.mark.parametrize(
    "fold",
    [
        lambda data: data,
        lambda data: b"x" * 100 + data + b"y",
        gzip.compress,
        bz2.compress,
        lzma.compress,
        tar,
        lambda data: tar(data, "w:gz"),
        zipped,
        lambda data: zlib.compress(b"blob 36\0" + data, 1),
        lambda data: zipped(tar(data)),
    ],
    ids=["plain", "within", "gzip", "bzip2", "xz", "tar", "tar.gz", "zip", "an object of git", "a tar in a zip"],
)
def test_what_stands_in_a_file_is_found(fold):
    assert list(standing_in({"/work/a": fold(SECRET)}, {"/work/out": SECRET})) == ["/work/out"]
    assert standing_in({"/work/a": fold(SECRET[:-3])}, {"/work/out": SECRET}) == {}


def test_the_place_is_named_through_the_archive():
    assert standing_in({"/work/a.gz": gzip.compress(zipped(SECRET))}, {"out": SECRET}) == {"out": "/work/a.gz!!answer.csv"}


def test_white_space_around_it_hides_nothing():
    assert standing_in({"a": b"\n" + SECRET.strip()}, {"out": SECRET + b"\n\n"}) == {"out": "a"}


def test_what_is_short_is_not_looked_for():
    short, long = b"x" * (LEAST_BYTES - 1) + b" \n\n", b"x" * LEAST_BYTES
    assert standing_in({"a": b"x" * 100}, {"short": short, "long": long}) == {"long": "a"}


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04", b"\x78\x9c", b"x" * 257 + b"ustar"])
def test_a_damaged_archive_is_looked_at_as_it_is(magic):
    assert standing_in({"a": magic + b"..." + SECRET}, {"out": SECRET}) == {"out": "a"}


def test_what_was_made_is_what_is_new_or_changed_and_not_what_git_keeps():
    first = {"/work/a": b"1", "/work/b": b"2", "/work/r/.git/HEAD": b"x"}
    left = {"/work/a": b"1", "/work/b": b"3", "/work/c": b"4", "/work/r/.git/ORIG_HEAD": b"y", "/work/s.git/packed-refs": b"z"}
    assert made(first, left) == {"/work/b": b"3", "/work/c": b"4"}
