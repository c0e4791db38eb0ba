"""Judges one submission from inside the sandbox, after the agent has stopped.

This file is copied beside a task's hidden ``check.py`` and run with ``python3 -E -s -B harness.py``; it may use nothing but
the standard library. Every function of ``check.py`` whose name starts with ``test_`` is called in the order of its
definition, with the working directory as the current directory. A function that returns has passed; one that raises has
failed. The last line on standard output is the verdict, one JSON object::

    {"score": 1.0, "passed": ["test_a"], "failed": {"test_b": "AssertionError: expected 3, found 4"}}

``score`` is 1.0 when every check passed, else 0.0. A ``check.py`` that cannot be imported, or has no checks, is a bug of
the task and not the agent's: the verdict then is ``{"error": "..."}``.
"""

import json
import sys
from pathlib import Path


def judge() -> dict[str, object]:
    """Run every check of the ``check`` module that lies beside this file; see the module's docstring for the result."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        import check
    except Exception as error:
        return {"error": f"check.py could not be imported: {type(error).__name__}: {error}"}
    checks = [(name, value) for name, value in vars(check).items() if name.startswith("test_") and callable(value)]
    if not checks:
        return {"error": "check.py defines no function whose name starts with test_"}
    passed: list[str] = []
    failed: dict[str, str] = {}
    for name, function in checks:
        try:
            function()
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"[:500]
        else:
            passed.append(name)
    return {"score": 0.0 if failed else 1.0, "passed": passed, "failed": failed}


if __name__ == "__main__":
    print("\n" + json.dumps(judge()))
