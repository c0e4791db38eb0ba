"""What the backends have in common about commands."""

import os
from collections.abc import Sequence

from unhobble.sandboxing import Ending, ExecResult

EXCESS = 16
"""A stream of more than this many times its cap ends the command (``protocols.Sandbox.exec``)."""

CANNOT_START = 126
"""The exit code that a shell gives a command which it found but could not start."""


def not_startable(why: str) -> ExecResult:
    """The result of a command that no kernel would start: the command's fault, not the sandbox's."""
    return ExecResult(Ending.exited, CANNOT_START, b"", f"the command cannot be started: {why}\n".encode())


def unusable(argv: Sequence[str]) -> str | None:
    """What makes ``argv`` impossible as the arguments of a process; None where nothing does."""
    for word in argv:
        if "\0" in word:
            return "an argument holds a NUL character"
        try:
            os.fsencode(word)
        except UnicodeEncodeError:
            return "an argument holds a lone surrogate, which has no encoding"
    return None if argv else "there is none"
