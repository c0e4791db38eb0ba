"""Programs that plant trees of files which are hard to walk, copy or remove."""

from __future__ import annotations

import os
from pathlib import Path

from sandboxes._attacks.inside.effects import Facts, Verdict, held

_DEEP, _LONG = 3000, 60
_LONGEST_NAME = 255


def plant(facts: Facts) -> Verdict:
    """Plant the tree that ``extra`` names."""
    os.chdir("/work")
    {"deep": _deep, "long": _long, "shut": _shut, "odd": _odd}[facts.extra]()
    return held("planted")


def _deep() -> None:
    _nest("d", _DEEP)


def _long() -> None:
    _nest("n" * _LONGEST_NAME, _LONG)


def _nest(name: str, depth: int) -> None:
    for _ in range(depth):
        os.mkdir(name)  # noqa: PTH102 (the directory that it is in has no path that could be spoken)
        os.chdir(name)
    Path("leaf").write_text("leaf")


def _shut() -> None:
    inner = Path("shut/inner")
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    (inner / "file").chmod(0)
    inner.chmod(0)
    Path("shut").chmod(0)
    Path("/work").chmod(0)


def _odd() -> None:
    for name in (b"line\nbreak", b"\xff\xfe", b"\x1b[2J", b"-rf", b" ", b"'\"`$(id)", b"back\\slash", "\u202e".encode()):
        Path(os.fsdecode(name)).write_bytes(name)
