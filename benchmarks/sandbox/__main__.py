"""Measures what sandboxes cost, beside Inspect AI, and says whether the targets are met.

    make bench-sandbox [ARGS="--quick --json FILE"]

The exit status is 0 where all targets are met, 1 where one is missed, 2 where the measurement could not be made.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.sandbox.arms import Arm, arms, environment, make_home
from benchmarks.sandbox.engine import PEERS, ROOT, Engine, Unmeasurable, own_engine, require_prepared, version_of
from benchmarks.sandbox.figures import BadAnswer, Cost, cost_of_one
from benchmarks.sandbox.report import Measurements


@dataclass(frozen=True)
class Plan:
    """How much is measured. ``docker`` and ``local`` are the sizes of a small and a large batch of rollouts."""

    repetitions: int
    docker: tuple[int, int]
    local: tuple[int, int]
    at_once: int
    latency: dict[int, int]
    opened: int

    def batches(self, arm: Arm) -> tuple[int, int]:
        """The sizes of an arm's small and large batch."""
        return self.docker if arm.kind.uses_engine else self.local


FULL = Plan(repetitions=3, docker=(2, 8), local=(5, 25), at_once=2, latency={1: 300, 32: 40}, opened=10)
QUICK = Plan(repetitions=1, docker=(1, 3), local=(2, 6), at_once=2, latency={1: 50, 32: 5}, opened=3)


def main() -> int:
    """Measure, print the tables, and give the exit status."""
    parser = argparse.ArgumentParser(prog="make bench-sandbox", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run: one repetition of little; its figures are no evidence")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measured value there")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    plan = QUICK if arguments.quick else FULL
    try:
        require_prepared()
        with contextlib.ExitStack() as cleanup:
            # Not tempfile's own removal, which raises where an engine's mount is slow to go.
            scratch = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="unhobble-bench-", ignore_cleanup_errors=True)))
            scratch.chmod(0o711)  # the agent's uid has to reach its sandbox below it
            say("starting a Docker engine of the measurement's own")
            measured = measure(plan, cleanup.enter_context(own_engine(scratch)), scratch)
    except (Unmeasurable, BadAnswer) as problem:
        say(str(problem))
        return 2
    if arguments.json:
        arguments.json.write_text(json.dumps(measured.as_json(), indent=2) + "\n")
    print(measured.as_markdown())  # noqa: T201
    return 0 if all(target.met for target in measured.targets) else 1


def measure(plan: Plan, engine: Engine, scratch: Path) -> Measurements:
    """Everything, one after the other: two measurements at once would be measuring each other."""
    described = about(plan, engine)
    costs = rollouts(plan, engine, scratch)
    probe = _prober(engine, scratch)
    backends = ("docker", "bubblewrap")
    latency = {backend: {n: probe("latency", backend, n, commands) for n, commands in plan.latency.items()} for backend in backends}
    memory = {backend: probe("memory", backend) for backend in backends}
    opening = {
        "docker, none ahead": probe("opening", "docker", plan.opened, 0),
        "docker, started ahead": probe("opening", "docker", plan.opened, 2),
        "bubblewrap": probe("opening", "bubblewrap", plan.opened, 0),
    }
    return Measurements(described, costs, latency, memory, opening)


def rollouts(plan: Plan, engine: Engine, scratch: Path) -> dict[str, list[Cost]]:
    """The cost of one rollout by arm, one figure for each repetition; the arms take turns, so that all see the same machine."""
    costs: dict[str, list[Cost]] = {}
    with arms(engine, scratch) as running:
        for arm in running:
            say(f"warming up: {arm.kind.name}")
            arm.run(plan.at_once, plan.at_once)
        for repetition in range(plan.repetitions):
            for arm in running:
                few, many = plan.batches(arm)
                cost = cost_of_one(few, arm.run(few, plan.at_once), many, arm.run(many, plan.at_once))
                costs.setdefault(arm.kind.name, []).append(cost)
                say(f"rollouts {repetition + 1}/{plan.repetitions}: {arm.kind.name}: {cost.framework_s:.3f} CPU s each")
    return costs


def _prober(engine: Engine, scratch: Path) -> Callable[..., Any]:
    """Runs ``probes`` in a fresh process, with the environment that the arms have."""
    home = make_home(scratch)

    def probe(name: str, backend: str, *numbers: int) -> Any:
        words = [name, backend, *map(str, numbers)]
        say(" ".join(words))
        command = [str(ROOT / ".venv/bin/python"), "-m", "benchmarks.sandbox.probes", *words]
        done = subprocess.run(command, cwd=ROOT, env=environment(home, engine), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BadAnswer(f"{' '.join(words)} failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout)

    return probe


def about(plan: Plan, engine: Engine) -> dict[str, Any]:
    """What must be known to judge the figures."""
    docker = ["docker", "--host", engine.host, "version", "--format", "{{.Server.Version}}"]
    compose = ["env", f"DOCKER_CONFIG={PEERS / 'docker'}", "docker", "compose", "version", "--short"]
    inspect = [str(PEERS / "bin/python"), "-c", "from importlib.metadata import version; print(version('inspect-ai'))"]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load at the start": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "Docker engine": version_of(docker),
        "compose": version_of(compose),
        "runc": version_of(["runc", "--version"]).removeprefix("runc version "),
        "bubblewrap": version_of(["bwrap", "--version"]).removeprefix("bubblewrap "),
        "Inspect AI": version_of(inspect),
        "Python": platform.python_version(),
        "repetitions": plan.repetitions,
        "rollouts a repetition": f"{_sizes(plan.docker)} in Docker, {_sizes(plan.local)} without",
        "rollouts at once": plan.at_once,
    }


def _sizes(batches: Sequence[int]) -> str:
    return " and ".join(map(str, batches))


def say(text: str) -> None:
    """Progress, for a person."""
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
