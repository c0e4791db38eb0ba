"""Measures how well strategies search surfaces whose best is known.

    python -m benchmarks.search --strategies pooled tpe random --classes additive gated --seeds 0-9 --budgets 200 1000 --keep FILE
    make bench-search [ARGS="..."]

The exit status is 0, or 2 where something cannot be played.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from benchmarks.search.contenders import contender, names
from benchmarks.search.figures import beside, rows
from benchmarks.search.plays import Job, Play, carried_out, keep, kept, surface_of, wanted
from benchmarks.search.report import plot, tables
from benchmarks.search.surfaces import KINDS
from unhobble.errors import BadInput, Issue, UnhobbleError

T = TypeVar("T")

_COSTLY = {"smac3"}
"""Who searches only where it is named: hours of computing for a thousand rollouts on a few surfaces."""

_MOST_IN_FLIGHT = 10_000


def main(given: Sequence[str] | None = None) -> int:
    """Play what is missing, print the tables, and give the exit status."""
    arguments = _arguments(given)
    try:
        jobs = _jobs(arguments)
        plays = _all(jobs, arguments)
        found = rows(plays, arguments.strategies, arguments.budgets)
        if arguments.json:
            figures = {"rows": [asdict(row) for row in found], "beside": [asdict(one) for one in beside(found)]}
            content = figures | {"plays": [one.model_dump() for one in plays]}
            arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        if arguments.plot:
            plot(found, arguments.plot)
    except (UnhobbleError, ValueError, OSError) as problem:
        _say(" ".join([str(problem), *getattr(problem, "__notes__", [])]))
        return 2
    print(tables(found, beside(found)))  # noqa: T201
    return 0


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--strategies", nargs="+", metavar="NAME[:OPTION=VALUE,...]", help="all but smac3; the first is held against the others"
    )
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help=f"of {', '.join(KINDS)} (all, or none with --surface)")
    parser.add_argument("--surface", nargs="+", default=[], metavar="FILE.py:FACTORY", help="surfaces of your own: FACTORY(seed)")
    parser.add_argument("--seeds", nargs="+", default=["0-2"], metavar="A-B", help="seeds, or from one to another (0-2)")
    parser.add_argument("--budgets", nargs="+", type=int, default=[200, 500, 1000], metavar="N", help="rollouts (200 500 1000)")
    parser.add_argument("--in-flight", type=int, default=64, metavar="N", help="rollouts that are under way at once (64)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (2)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="add each finished play there, and go on from what is there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and all plays there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there, as SVG")
    return parser.parse_args(given)


def _jobs(arguments: argparse.Namespace) -> list[Job]:
    """What is to be played; completes ``arguments``. Raises ``BadInput`` with all that is wrong with them."""
    issues: list[Issue] = []
    arguments.strategies = _once(arguments.strategies or [name for name in names() if name not in _COSTLY])
    for strategy in arguments.strategies:
        try:
            contender(strategy)
        except BadInput as error:
            issues += error.issues
    classes = _once(arguments.classes if arguments.classes is not None else [] if arguments.surface else KINDS)
    unknown = [name for name in classes if name not in KINDS]
    issues += [Issue("classes", f"no class {name!r}; there are {', '.join(KINDS)}") for name in unknown]
    try:
        seeds = _once([seed for written in arguments.seeds for seed in _seeds(written)])
    except ValueError as error:
        seeds = []
        issues.append(Issue("seeds", str(error)))
    arguments.budgets = sorted(set(arguments.budgets))
    issues += [Issue("budgets", f"must be at least 1, not {budget}") for budget in arguments.budgets if budget < 1]
    if not 1 <= arguments.in_flight <= _MOST_IN_FLIGHT:
        issues.append(Issue("in-flight", f"must be from 1 to {_MOST_IN_FLIGHT}, not {arguments.in_flight}"))
    if arguments.jobs < 1:
        issues.append(Issue("jobs", f"must be at least 1, not {arguments.jobs}"))
    if seeds:
        for name in arguments.surface:
            try:
                surface_of(name, seeds[0])
            except BadInput as error:
                issues += error.issues
    if issues:
        raise BadInput(issues)
    return wanted(arguments.strategies, [*classes, *_once(arguments.surface)], seeds, arguments.budgets, arguments.in_flight)


def _seeds(written: str) -> list[int]:
    """``3``, ``0-9`` or several with commas between them. Raises ``ValueError``."""
    seeds: list[int] = []
    for one in written.split(","):
        first, dash, last = one.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise ValueError(f"write a whole number, or the first and the last with - between them, not {one!r}")
        seeds += range(int(first), int(last if dash else first) + 1)
    return seeds


def _once(values: Sequence[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _all(jobs: Sequence[Job], arguments: argparse.Namespace) -> list[Play]:
    """What was kept of ``jobs`` and the rest as it is played, each with the readings that its job asks for."""
    known, unreadable = kept(arguments.keep)
    if unreadable:
        _say(f"{unreadable} lines of {arguments.keep} cannot be read and are left out")
    done = {job: next((one for one in reversed(known) if job.is_done_by(one)), None) for job in jobs}
    missing = [job for job, one in done.items() if one is None]
    plays = [one for one in done.values() if one is not None]
    began_s = time.monotonic()
    for count, one in enumerate(carried_out(missing, processes=arguments.jobs) if missing else [], start=1):
        if arguments.keep:
            keep([one], arguments.keep)
        plays.append(one)
        last = one.readings[-1]
        left_s = (time.monotonic() - began_s) / count * (len(missing) - count)
        _say(
            f"{count} of {len(missing)} plays, about {left_s:.0f} s left; "
            f"{one.strategy} on {one.surface} {one.seed}: regret {last.regret:.3f} after {last.rollouts} rollouts"
        )
    return plays


def _say(text: str) -> None:
    """Progress, for a person."""
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
