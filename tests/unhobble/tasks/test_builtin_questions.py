"""Every question of ``builtin/questions`` is answered by a program of its own, and its answer is the one that is accepted."""

import base64
import csv
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from itertools import chain, combinations, pairwise, permutations, product
from pathlib import Path

import pytest

from unhobble.registry import installed
from unhobble.tasks import builtin
from unhobble.vocabulary import PluginKind

SUITE = installed().build(PluginKind.suite, "builtin/questions")
TASKS = {task.id: task for task in SUITE.tasks}


def file_of(task: str, delimiter: str) -> list[dict[str, str]]:
    (file,) = TASKS[task]._files
    return list(csv.DictReader(file.data.decode().splitlines(), delimiter=delimiter))


def files_of(task: str) -> dict[str, list[dict[str, str]]]:
    return {file.path: list(csv.DictReader(file.data.decode().splitlines(), delimiter="|")) for file in TASKS[task]._files}


def printed(task: str, program: str) -> str:
    code = re.search(r"```\w+\n(.*?)```", TASKS[task].instruction, re.DOTALL)
    done = subprocess.run([program, "-c", code[1]], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1].partition(":")[0]


def worlds(size: int = 4):
    return product([False, True], repeat=size)


def syllogism() -> str:
    """Every world is a set of the kinds of things that there are, a kind being which of the four words are true of it."""
    kinds = [dict(zip("gtvp", kind, strict=True)) for kind in worlds()]
    kinds = [k for k in kinds if not (k["g"] and not k["t"]) and not (k["t"] and k["v"])]
    claims = {
        "A": lambda world: any(k["p"] and k["g"] for k in world),
        "B": lambda world: all(k["g"] for k in world if k["t"]),
        "C": lambda world: not any(k["g"] and k["v"] for k in world),
        "D": lambda world: not any(k["p"] and k["t"] for k in world),
        "E": lambda world: any(k["t"] and k["p"] for k in world),
    }
    every = chain.from_iterable(combinations(kinds, n) for n in range(len(kinds) + 1))
    possible = [world for world in every if any(k["v"] and k["p"] for k in world)]
    (follows,) = [letter for letter, claim in claims.items() if all(map(claim, possible))]
    return follows


def formula() -> str:
    return str(sum((not p or q) and (q == (not r)) and (r or s) for p, q, r, s in worlds()))


def knights() -> str:
    (found,) = [w for w in worlds() if list(w) == [w[1] != w[3], sum(w) <= 2, w[0] and not w[3], not w[2]]]
    return ", ".join(name for name, knight in zip(("Ada", "Ben", "Cleo", "Dov"), found, strict=True) if knight)


def queue() -> str:
    (found,) = [
        "".join(order)
        for order in permutations("ABCDE")
        if "".join(order).find("BD") >= 0
        and order.index("A") in (1, 2, 3)
        and order.index("C") < order.index("E") < order.index("B")
        and not {"AC", "CA"} & {x + y for x, y in pairwise(order)}
    ]
    return found


def houses() -> str:
    found = set()
    for colours in permutations(["red", "blue", "green", "white"]):
        if not (colours.index("green") == colours.index("white") + 1 and colours.index("red") in (1, 2)):
            continue
        for drinks in permutations(["tea", "milk", "coffee", "water"]):
            if drinks[2] != "tea" or drinks.index("coffee") != colours.index("green"):
                continue
            for animals in permutations(["cat", "dog", "fish", "owl"]):
                if (
                    animals.index("dog") == drinks.index("milk")
                    and abs(animals.index("cat") - 2) == 1
                    and animals.index("fish") == colours.index("blue")
                    and drinks.index("water") > animals.index("owl")
                ):
                    found.add(colours[animals.index("owl")])
    (colour,) = found
    return colour


def fewest() -> str:
    counts: Counter[str] = Counter()
    for row in file_of("tables_1", ","):
        counts[row["shelf"]] += int(row["count"])
    return min(counts, key=counts.__getitem__)


def fullest() -> str:
    inside: Counter[str] = Counter()
    most = 0
    for row in file_of("tables_3", ";"):
        inside[row["line"]] += int(row["on"]) - int(row["off"])
        most = max(most, inside[row["line"]])
    assert set(inside.values()) == {0}
    return str(most)


def richest_city() -> str:
    files = files_of("tables_4")
    city = {row["id"]: row["city"] for row in files["/work/people.txt"]}
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for row in files["/work/orders.txt"]:
        sums[city[row["customer"]]] += Fraction(row["amount"])
    best = max(sums, key=sums.__getitem__)
    return f"{best} {float(sums[best]):.2f}"


def ranking() -> str:
    (file,) = TASKS["tables_5"]._files
    table: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one, other, *goals in re.findall(r"(\w+) - (\w+) (\d+):(\d+)", file.data.decode()):
        a, b = map(int, goals)
        for team, own, their in ((one, a, b), (other, b, a)):
            points = 3 * (own > their) + (own == their)
            table[team] = [x + y for x, y in zip(table[team], (points, own - their, own), strict=True)]
    assert len({tuple(row) for row in table.values()}) == len(table)
    return ",".join(sorted(table, key=table.__getitem__, reverse=True))


def partitions(size: int) -> int:
    """Labellings of the elements in which a new label is always the next one."""
    return sum(
        all(label <= max(labels[:place], default=-1) + 1 for place, label in enumerate(labels))
        for labels in product(range(size), repeat=size)
    )


def three_heads() -> str:
    """Expected tosses from k heads in a row: e0 = 1 + (e1 + e0) / 2, ..., solved from the end as a + b * e0."""
    a, b = Fraction(0), Fraction(0)
    for _ in range(3):
        a, b = 1 + a / 2, b / 2 + Fraction(1, 2)
    return str(a / (1 - b))


def ruin() -> str:
    """By iteration, not by the formula."""
    chances = [0.0] * 7 + [1.0]
    for _ in range(2000):
        chances = [0.0, *(0.6 * chances[coins + 1] + 0.4 * chances[coins - 1] for coins in range(1, 7)), 1.0]
    return f"{chances[3]:.4f}"


def posterior() -> str:
    sick, well = Fraction(2, 100) * Fraction(90, 100), Fraction(98, 100) * Fraction(5, 100)
    return f"{float(100 * sick / (sick + well)):.1f}"


def landing() -> str:
    left = datetime(2025, 3, 1, 0, 15, tzinfo=timezone(timedelta(hours=9)))
    landed = (left.astimezone(UTC) + timedelta(hours=11, minutes=50)).astimezone(timezone(timedelta(hours=-8)))
    return landed.strftime("%Y-%m-%d %H:%M")


def luhn() -> str:
    def holds(digits: str) -> bool:
        doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
        return sum(d - 9 * (d > 9) for d in doubled) % 10 == 0

    (last,) = [str(d) for d in range(10) if holds(f"4539148803{d}")]
    return last


def unfolded() -> str:
    long = re.sub(r"(\d)(.)", lambda run: int(run[1]) * run[2], "2h2wl2prf")
    return "".join(chr((ord(letter) - ord("a") - 3) % 26 + ord("a")) for letter in reversed(long))


def odd_primes() -> str:
    primes = {n for n in range(2, 20) if all(n % d for d in range(2, n))}
    return ",".join(map(str, sorted(primes ^ set(range(3, 16, 2)))))


def drawn_two_red() -> str:
    draws = list(combinations("rrrrbbbbbb", 3))
    return str(Fraction(sum(draw.count("r") == 2 for draw in draws), len(draws)))


DAY, FRIDAY = timedelta(days=1), 5
SOLVERS = {
    "units_1": lambda: str(Fraction(18) * Fraction(160, 60)),
    "units_2": lambda: str(12 * 8 * 5 // 6),  # in decimetres: a cubic decimetre is a litre
    "units_3": lambda: f"{6.4 * 4.25 * 1.75:.2f}",
    "units_4": lambda: str(3_600_000_000 * 8 // 48_000_000),
    "units_5": lambda: str(Fraction(90 * 1000, 3600) * Fraction("9.81") * 12 / Fraction(3, 4)),
    "calendar_1": lambda: date(2028, 2, 29).strftime("%A"),
    "calendar_2": lambda: str((date(2024, 3, 5) - date(2023, 11, 17) + DAY).days),
    "calendar_3": lambda: str(sum(date(y, m, 13).isoweekday() == FRIDAY for y in range(2026, 2030) for m in range(1, 13))),
    "calendar_4": lambda: date(2027, 1, 2).strftime("%G-W%V-%u"),
    "calendar_5": landing,
    "logic_1": syllogism,
    "logic_2": formula,
    "logic_3": knights,
    "logic_4": queue,
    "logic_5": houses,
    "tables_1": fewest,
    "tables_2": lambda: f"{float(sum(int(r['count']) * Fraction(r['price']) for r in file_of('tables_2', ','))):.2f}",
    "tables_3": fullest,
    "tables_4": richest_city,
    "tables_5": ranking,
    "code_1": lambda: printed("code_1", sys.executable),
    "code_2": lambda: printed("code_2", sys.executable),
    "code_3": lambda: printed("code_3", sys.executable),
    "code_4": lambda: printed("code_4", "bash"),
    "code_5": lambda: printed("code_5", sys.executable),
    "sets_1": lambda: str(len(set(range(12)) | set(range(7, 16)))),
    "sets_2": lambda: str(sum((n % 4 == 0 or n % 6 == 0) and n % 9 != 0 for n in range(1, 301))),
    "sets_3": odd_primes,
    "sets_4": lambda: str(partitions(5)),
    "sets_5": lambda: str(sum(len(set(values)) == 4 for values in product(range(4), repeat=6))),
    "probability_1": lambda: str(Fraction(sum(a + b >= 10 for a, b in product(range(1, 7), repeat=2)), 36)),
    "probability_2": drawn_two_red,
    "probability_3": posterior,
    "probability_4": three_heads,
    "probability_5": ruin,
    "encoding_1": lambda: "Zo\u00eb".encode().hex(),
    "encoding_2": lambda: base64.b64decode("ZmlzaCAmIGNoaXBz").decode(),
    "encoding_3": lambda: f"{2024:b}",
    "encoding_4": luhn,
    "encoding_5": unfolded,
}


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda task: task.id)
async def test_a_program_comes_to_the_answer_that_is_accepted(task):
    answer = SOLVERS[task.id]()
    assert (await task.scorer.score(None, answer)).score == 1, answer


def test_every_question_has_a_program():
    assert SOLVERS.keys() == TASKS.keys()


def test_there_are_about_forty_questions_in_eight_families_from_half_a_minute_to_half_an_hour():
    families = Counter(task.family for task in SUITE.tasks)
    minutes = [task.human_minutes for task in SUITE.tasks]
    assert len(SUITE.tasks) >= 40
    assert len(families) >= 8
    assert min(families.values()) >= 3
    assert (min(minutes), max(minutes)) == (0.5, 30)
    assert "estimates" in SUITE.human_minutes_note


def test_every_way_of_judging_is_used():
    from unhobble.tasks.matching import Match

    lines = (Path(builtin.__file__).parent / "questions.jsonl").read_text()
    assert [match for match in Match if f'"match": "{match.value}"' not in lines] == []


def test_no_question_stands_within_another():
    instructions = [" ".join(task.instruction.split()) for task in SUITE.tasks]
    assert not [a for a in instructions for b in instructions if a is not b and a in b]


def test_no_hint_gives_the_answer_away():
    assert [t.id for t in SUITE.tasks for hint in t.hints if re.search(rf"\b{re.escape(t.reference_submission)}\b", hint)] == []
