"""Judges one submission from inside the sandbox, after the agent has stopped.

This file is copied beside a task's hidden ``check.py`` and run with ``python3 -E -s -B harness.py``; it may use nothing but
the standard library. Every function of ``check.py`` whose name starts with ``test_`` is called in the order of its
definition, with the working directory as the current directory. A function that returns has passed; one that raises has
failed. The last line on standard output is the verdict, one JSON object::

    {"score": 1.0, "passed": ["test_a"], "failed": {"test_b": "AssertionError: expected 3, found 4"}}

``score`` is 1.0 when every check passed, else 0.0. A long task may be made of stages: a ``check.py`` that defines
``STAGES = {"tokens": 1, "parser": 3}`` has named its stages, in order, with their weights; each of its checks belongs to the
stage after whose name it is called (``test_parser_...``). Then ``score`` is the weight of the stages of which every check
passed, as a share of all.

A ``check.py`` that cannot be imported, has no checks, or has a stage without checks or a check without stage, is a bug of the
task and not the agent's: the verdict then is ``{"error": "..."}``.
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
    stages: dict[str, float] = getattr(check, "STAGES", {"": 1})
    stage_of = {name: _stage(name, stages) for name, _ in checks}
    if empty := sorted(set(stages) - set(stage_of.values())):
        return {"error": f"check.py has no check of the stages {empty}"}
    if astray := [name for name, stage in stage_of.items() if stage is None]:
        return {"error": f"check.py has checks of no stage: {astray}"}
    passed: list[str] = []
    failed: dict[str, str] = {}
    for name, function in checks:
        try:
            function()
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"[:500]
        else:
            passed.append(name)
    lost = {stage_of[name] for name in failed}
    kept = sum(weight for stage, weight in stages.items() if stage not in lost)
    return {"score": 1.0 if not failed else kept / sum(stages.values()), "passed": passed, "failed": failed}


def _stage(name: str, stages: dict[str, float]) -> "str | None":
    """The stage that the check called ``name`` belongs to: the longest that its name goes on with."""
    rest = name.removeprefix("test_")
    found = [stage for stage in stages if not stage or rest == stage or rest.startswith(f"{stage}_")]
    return max(found, key=len, default=None)


if __name__ == "__main__":
    print("\n" + json.dumps(judge()))
