"""Requests to a keeper and its answers as bytes. The format is described where the keeper speaks it, in ``keeper/link.c``."""

import os
import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from unhobble.sandboxing import Ending, SandboxFile, User

HEADER = struct.Struct(">cI")
"""What stands before the body of a request and the content of a frame: its kind and its length in bytes."""

_COMMAND = struct.Struct(">?QQIII")
_FILE = struct.Struct(">Q")
_TEXT = struct.Struct(">I")
_MOST_BYTES = 2**32 - 1
_MOST_TEXT = 8 * 2**20
_ENDINGS = (Ending.exited, Ending.timed_out, Ending.out_of_memory, Ending.output_exceeded, None)

KILL = HEADER.pack(b"k", 0)
"""Ends the command that runs."""
STOP = HEADER.pack(b"q", 0)
"""Ends whatever the agent left."""


class Outcome(IntEnum):
    """How a request ended, the first byte of its answer: ``unfit`` is a path that is not what was asked for."""

    done = 0
    not_found = 1
    unfit = 2
    failed = 3


class Report(NamedTuple):
    """How a command ended. ``ending`` is None where it was called off."""

    ending: Ending | None
    exit_code: int | None
    stdout_truncated: bool
    stderr_truncated: bool

    @classmethod
    def read(cls, body: bytes) -> "Report":
        """The report in the answer to a command."""
        ending = _ENDINGS[body[0]]
        return cls(ending, body[1] if ending is Ending.exited else None, bool(body[2]), bool(body[3]))


def command(
    argv: Sequence[str], *, cwd: str, env: Mapping[str, str], user: User, timeout_s: float, output_bytes: int, stdin: bytes
) -> bytes:
    """Run a command. Raises ``ValueError`` where no kernel could start it."""
    variables = [f"{name}={value}" for name, value in env.items()]
    words = [cwd, *argv, *variables]
    if any("\0" in word for word in words):
        raise ValueError("its working directory, an argument or a variable holds a NUL character")
    text = b"".join(os.fsencode(word) + b"\0" for word in words)
    if len(text) > _MOST_TEXT:
        raise ValueError(f"its arguments and environment have {len(text)} bytes; at most {_MOST_TEXT} are passed on")
    numbers = (user is User.agent, int(timeout_s * 1000), output_bytes, len(argv), len(variables), len(text))
    return _request(b"x", _COMMAND.pack(*numbers), text, stdin)


def write(files: Sequence[SandboxFile], user: User) -> bytes:
    """Write files. Raises ``ValueError`` for a path without an encoding."""
    parts = [bytes([user is User.agent])]
    for file in files:
        parts += [_text(file.path), bytes([file.executable]), _FILE.pack(len(file.data)), file.data]
    return _request(b"w", *parts)


def read(path: str, max_bytes: int) -> bytes:
    """Read a file. Raises ``ValueError`` for a path without an encoding."""
    return _request(b"f", _FILE.pack(max_bytes), _text(path))


def read_directory(path: str, max_bytes: int, max_files: int) -> bytes:
    """Read a directory. Raises ``ValueError`` for a path without an encoding."""
    return _request(b"d", _FILE.pack(max_bytes), _FILE.pack(max_files), _text(path))


def file(head: bytes, data: bytes) -> SandboxFile:
    """A file of a directory, out of the frame that announces it and of its content."""
    return SandboxFile(os.fsdecode(head[1:]), data, executable=bool(head[0]))


def snapshot(number: int) -> bytes:
    """Make a snapshot of that number."""
    return _request(b"s", _TEXT.pack(number))


def restore(number: int) -> bytes:
    """Go back to the snapshot of that number."""
    return _request(b"b", _TEXT.pack(number))


def _text(path: str) -> bytes:
    data = os.fsencode(path)
    return _TEXT.pack(len(data)) + data


def _request(kind: bytes, *parts: bytes) -> bytes:
    size = sum(map(len, parts))
    if size > _MOST_BYTES:
        raise ValueError(f"{size} bytes are more than one request can hold, which is {_MOST_BYTES}")
    return b"".join((HEADER.pack(kind, size), *parts))
