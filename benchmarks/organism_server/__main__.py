"""Measures whether the organism server keeps to its latency under 200 clients, and how much CPU time that takes.

    make bench-server [ARGS="--quick --json FILE"]

The exit status is 0 where all targets are met, 1 where one is missed, 2 where the measurement could not be made.
"""

import argparse
import datetime
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.organism_server.measure import ORGANISM, RATE, Load, Measured, measure, served
from benchmarks.organism_server.workload import Body, bodies
from benchmarks.sandbox.figures import BadAnswer, Spread, Target, percentile, spread

DEVIATION = 0.10
CORES = 0.5


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    repetitions: int
    clients: int
    requests: int
    latency_s: float

    @property
    def loads(self) -> list[Load]:
        """Clients that are spread over time as those of a study are, and clients that keep in step, which is the worst case."""
        return [Load(self.clients, self.requests, self.latency_s, at_once) for at_once in (False, True)]


FULL = Plan(repetitions=3, clients=200, requests=11, latency_s=1.0)
QUICK = Plan(repetitions=1, clients=40, requests=4, latency_s=0.5)


@dataclass(frozen=True)
class Findings:
    """All that was measured, by load."""

    about: dict[str, Any]
    measured: dict[str, list[Measured]]

    @property
    def targets(self) -> list[Target]:
        """What must hold, in the median of the repetitions."""
        found = []
        for name, some in self.measured.items():
            for part in ("mean", "median"):
                off = median(abs(one.deviations[part]) for one in some)
                found.append(Target(f"{part} latency off by, {name}", off * 100, DEVIATION * 100, "%"))
            found.append(Target(f"cores for {RATE} requests/s, {name}", median(one.cores for one in some), CORES, ""))
        return found

    def as_json(self) -> dict[str, Any]:
        """Every value."""
        loads = {
            name: [{"seconds": one.seconds, "server_cpu_s": one.cpu_s, f"cores_at_{RATE}_per_s": one.cores} for one in some]
            for name, some in self.measured.items()
        }
        targets = [vars(target) | {"met": target.met} for target in self.targets]
        return {"about": self.about, "loads": loads, "targets": targets}

    def as_markdown(self) -> str:
        """The tables."""
        about = "; ".join(f"{name} {value}" for name, value in self.about.items())
        rows = [[name, *self._row(some)] for name, some in self.measured.items()]
        heads = ["load", "mean", "median", "p95", "longest", "requests/s", f"cores at {RATE} requests/s"]
        met = [
            [target.claim, f"{target.measured:.3g} {target.unit}", f"{target.limit:.3g} {target.unit}", _word(target)]
            for target in self.targets
        ]
        return "\n\n".join(
            [f"Measured by `make bench-server`: {about}.", _table(heads, rows), _table(["target", "measured", "at most", ""], met)]
        )

    def _row(self, some: Sequence[Measured]) -> list[str]:
        parts: list[Spread] = [
            spread([fmean(one.seconds) for one in some]),
            *(spread([percentile(one.seconds, p) for one in some]) for p in (50, 95, 100)),
        ]
        rate = spread([one.load.clients / fmean(one.seconds) for one in some])
        return [*(f"{part:.3f} s" for part in parts), f"{rate:.0f}", f"{spread([one.cores for one in some]):.3f}"]


def main() -> int:
    """Measure, print the tables, and give the exit status."""
    parser = argparse.ArgumentParser(prog="make bench-server", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run: one repetition of little; its figures are no evidence")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measured value there")
    arguments = parser.parse_args()
    try:
        found = take(QUICK if arguments.quick else FULL)
    except BadAnswer as problem:
        say(str(problem))
        return 2
    if arguments.json:
        arguments.json.write_text(json.dumps(found.as_json(), indent=2) + "\n")
    print(found.as_markdown())  # noqa: T201
    return 0 if all(target.met for target in found.targets) else 1


def take(plan: Plan) -> Findings:
    """Every load on one server, in turns, after a small one that lets it read its tasks. Raises ``BadAnswer``."""
    described = about(plan, bodies(f"organism/{ORGANISM}", plan.loads[0].tasks))
    found: dict[str, list[Measured]] = {load.name: [] for load in plan.loads}
    with served(plan.latency_s) as server:
        measure(server, Load(clients=10, requests=2, latency_s=plan.latency_s, at_once=True))
        for repetition in range(plan.repetitions):
            for load in plan.loads:
                one = measure(server, load)
                found[load.name].append(one)
                say(f"{repetition + 1}/{plan.repetitions}: {load.name}: median {median(one.seconds):.3f} s, {one.cores:.3f} cores")
    return Findings(described, found)


def about(plan: Plan, asked: Sequence[Body]) -> dict[str, Any]:
    """What must be known to judge the figures."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load at the start": round(os.getloadavg()[0], 2),
        "Python": platform.python_version(),
        "uvicorn": version("uvicorn"),
        "HTTP": "httptools" if importlib.util.find_spec("httptools") else "h11",
        "configured latency": f"{plan.latency_s} s",
        "requests a client": plan.requests,
        "repetitions": plan.repetitions,
        "messages a request": f"{fmean(body.messages for body in asked):.1f}",
        "bytes a request": f"{fmean(len(body.content) for body in asked):.0f}",
    }


def say(text: str) -> None:
    """Progress, for a person."""
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


def _word(target: Target) -> str:
    return "met" if target.met else "**MISSED**"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
