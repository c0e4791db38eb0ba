"""The door of the packed programs: runs one of them and prints what came of it as the last line."""

from __future__ import annotations

import errno
import importlib
import json
import sys
from dataclasses import asdict

from sandboxes._attacks.inside.effects import Facts, Verdict, held, untried

_REFUSALS = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS, errno.EAFNOSUPPORT}


def main() -> None:
    """``main.py MODULE FUNCTION FACTS``: facts and verdict are JSON objects."""
    module, function, facts = sys.argv[1:]
    verdict = attempt(module, function, Facts(**json.loads(facts)))
    print("\n" + json.dumps(asdict(verdict)), flush=True)  # noqa: T201 (it is a program)


def attempt(module: str, function: str, facts: Facts) -> Verdict:
    """One program's verdict. What the system refuses has failed; what ends in any other error was not tried."""
    try:
        program = getattr(importlib.import_module(module), function)
        verdict: Verdict = program(facts)
    except OSError as error:
        return held(f"refused: {error}") if error.errno in _REFUSALS else untried(f"{type(error).__name__}: {error}")
    except Exception as error:
        return untried(f"{type(error).__name__}: {error}")
    return verdict
