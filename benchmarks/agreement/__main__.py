"""Measures whether simulated rollouts agree with real ones in real sandboxes, for every shipped organism.

    make bench-agreement [ARGS="--rollouts 60 --organism looper --keep FILE.jsonl --json FILE --verbose"]

The exit status is 0 where the means agree, 1 where those of an organism do not, 2 where the measurement could not be made.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from benchmarks.agreement.cases import Case, drawn, rehearsals
from benchmarks.agreement.figures import LEVEL, Row, bound
from benchmarks.agreement.played import Outcome
from benchmarks.agreement.spread_out import spread_out
from unhobble.errors import UnhobbleError
from unhobble.models.organism.traits import organism_names


def main() -> int:
    """Play what is missing, print the table, and give the exit status."""
    arguments = _arguments()
    names = arguments.organism or organism_names()
    cases = {(case.organism, case.number): case for name in names for case in drawn(name, arguments.rollouts, arguments.seed)}
    try:
        outcomes = {(one.organism, one.number): one for one in _all(cases, arguments)}
        rows = [Row.of(name, [outcomes[place] for place in cases if place[0] == name]) for name in names]
    except (UnhobbleError, ValueError) as problem:
        _say(str(problem))
        return 2
    if arguments.verbose:
        for place, case in cases.items():
            if outcomes[place].differs or outcomes[place].error:
                print(_described(case, outcomes[place]), end="\n\n")  # noqa: T201
    limit = bound(len(rows))
    if arguments.json:
        found = [asdict(row) | {"z_paired": row.paired.z, "z_unpaired": row.unpaired.z} for row in rows]
        arguments.json.write_text(json.dumps({"bound": limit, "level": LEVEL, "organisms": found}, indent=2) + "\n")
    print(_table(rows))  # noqa: T201
    worst = max(rows, key=lambda row: abs(row.unpaired.z))
    agree = abs(worst.unpaired.z) <= limit
    print(  # noqa: T201
        f"\nLargest |z| of {len(rows)}, unpaired: {abs(worst.unpaired.z):.2f} ({worst.organism}); "
        f"at most {limit:.2f} at {LEVEL:.0%} over all: {'met' if agree else '**MISSED**'}."
    )
    return 0 if agree else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-agreement", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--organism", nargs="+", choices=organism_names(), metavar="NAME", help="only these; else every shipped one"
    )
    parser.add_argument("--rollouts", type=int, default=2_000, help="real rollouts of each organism (2000)")
    parser.add_argument("--at-once", type=int, default=8, help="sandboxes of one process that are open at once (8)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="add each finished rollout there, and go on from what is there")
    parser.add_argument("--verbose", action="store_true", help="show each rollout that came out differently, and where it parted")
    return parser.parse_args()


def _all(cases: dict[tuple[str, int], Case], arguments: argparse.Namespace) -> Iterator[Outcome]:
    """What was kept of ``cases``, then the rest as it is played."""
    kept = [one for one in _kept(arguments.keep) if _is_of(one, cases.get((one.organism, one.number)), arguments.seed)]
    yield from kept
    done = {(one.organism, one.number) for one in kept}
    missing = [case for place, case in cases.items() if place not in done]
    if not missing:
        return
    _say("rehearsing what is not rehearsed")
    known = rehearsals()
    count, began_s = 0, time.monotonic()
    for some in spread_out(missing, known, seed=arguments.seed, at_once=arguments.at_once, jobs=arguments.jobs):
        if arguments.keep:
            _keep(some, arguments.keep)
        yield from some
        count += len(some)
        rate = count / (time.monotonic() - began_s)
        differing = sum(one.differs for one in some)
        _say(f"{count} of {len(missing)} rollouts, {rate:.1f} a second; {differing} differ of the last {len(some)}")


def _keep(outcomes: Sequence[Outcome], file: Path) -> None:
    """Add a line for each of ``outcomes``; where the last line was cut short, it gets its end first."""
    with file.open("a+b") as kept:
        if kept.tell():
            kept.seek(-1, os.SEEK_END)
            if kept.read() != b"\n":
                kept.write(b"\n")
        kept.writelines(one.model_dump_json().encode() + b"\n" for one in outcomes)


def _kept(file: Path | None) -> Iterator[Outcome]:
    """What stands in ``file``; a line that was cut short is left out."""
    if file is None or not file.exists():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            yield Outcome.model_validate_json(line)
        except ValidationError:
            _say("a line that cannot be read is left out")


def _is_of(outcome: Outcome, case: Case | None, seed: int) -> bool:
    return case is not None and (outcome.seed, outcome.case) == (seed, case.digest)


def _described(case: Case, outcome: Outcome) -> str:
    values = " ".join(f"{path}={value}" for path, value in sorted(case.configuration.root.items()))
    scores = f"real {outcome.real}, simulated {outcome.simulated}" + (f", error {outcome.error}" if outcome.error else "")
    return f"{case.organism} {case.number} {case.task}: {scores}\n  {values}\n  {outcome.parting or 'no transcript parts'}"


def _table(rows: Sequence[Row]) -> str:
    heads = ["organism", "rollouts", "invalid", "real", "simulated", "paired difference", "z", "independent", "difference", "z"]
    heads += ["scores differ", "transcripts part", "real CPU s", "wall s", "simulated CPU s"]
    lines = [heads, ["---"] * len(heads), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> list[str]:
    return [
        row.organism,
        str(row.rollouts),
        str(row.invalid),
        f"{row.real:.4f}",
        f"{row.simulated:.4f}",
        f"{row.paired.mean:+.4f} ± {row.paired.standard_error:.4f}",
        f"{row.paired.z:+.2f}",
        f"{row.other:.4f}",
        f"{row.unpaired.mean:+.4f} ± {row.unpaired.standard_error:.4f}",
        f"{row.unpaired.z:+.2f}",
        str(row.differing),
        str(row.parted),
        f"{row.real_cpu_s:.0f}",
        f"{row.real_wall_s:.0f}",
        f"{row.simulated_cpu_s:.0f}",
    ]


def _say(text: str) -> None:
    """Progress, for a person."""
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
