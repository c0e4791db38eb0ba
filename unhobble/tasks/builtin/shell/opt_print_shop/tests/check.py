"""Judges the judge, and the plans of four levels, by a judge of its own that goes minute by minute. The levels are kept in data/."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

STAGES = {"judge": 3, "flow": 3, "setups": 4, "closures": 5, "crews": 5}
DATA = Path(__file__).resolve().parent / "data"


def at(steps, minute):
    number = None
    for begin, value in steps:
        if minute >= begin:
            number = value
    return number


def is_plan(level, plan):
    """Rule 1."""
    if not isinstance(plan, dict) or sorted(plan) != sorted(job["id"] for job in level["jobs"]):
        return False
    for job in level["jobs"]:
        entries = plan[job["id"]]
        if not isinstance(entries, list) or len(entries) != len(job["operations"]):
            return False
        for entry, operation in zip(entries, job["operations"]):
            if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and entry[0] in operation["machines"]):
                return False
            if not isinstance(entry[1], int) or isinstance(entry[1], bool) or entry[1] < 0:
                return False
    return True


def verdict(level, plan):
    """What judge.py must print."""
    if not is_plan(level, plan):
        return "broken 1"
    rules, cost = set(), 0
    people, on_machine = Counter(), {}
    for job in level["jobs"]:
        last = None
        for (machine, start), operation in zip(plan[job["id"]], job["operations"]):
            end = start + operation["machines"][machine]
            if start < (job["release"] if last is None else last):
                rules.add(2)
            if last is not None and operation["within"] is not None and start > last + operation["within"]:
                rules.add(5)
            for minute in range(start, end):
                people[minute] += operation["crew"]
                cost += operation["power"] and operation["power"] * at(level["tariff"], minute)
                if any(begin <= minute < until for begin, until in level["machines"][machine]["closed"]):
                    rules.add(4)
            on_machine.setdefault(machine, []).append((start, end, operation["family"]))
            last = end
        cost += job["weight"] * max(0, last - job["due"])
    for machine, work in on_machine.items():
        ready, family = 0, level["machines"][machine]["family"]
        for start, end, other in sorted(work):
            if start - ready < level["setup"][family][other]:
                rules.add(3)
            ready, family = end, other
    if level["crew"] is not None and any(number > at(level["crew"], minute) for minute, number in people.items()):
        rules.add(6)
    return "broken " + " ".join(map(str, sorted(rules))) if rules else f"cost {cost}"


def judged(level, plans):
    """What judge.py prints for each of the plans."""
    with tempfile.TemporaryDirectory() as folder:
        level_path, plan_path = os.path.join(folder, "level.json"), os.path.join(folder, "plan.json")
        with open(level_path, "w") as out:
            json.dump(level, out)
        for plan in plans:
            with open(plan_path, "w") as out:
                json.dump(plan, out)
            done = subprocess.run([sys.executable, "-B", "judge.py", level_path, plan_path], capture_output=True, text=True, timeout=10)
            assert done.returncode == 0, f"judge.py failed: {done.stderr[-300:]}"
            yield " ".join(done.stdout.split())


def judge_case(number):
    case = json.loads((DATA / "judge.json").read_text())[number]
    plans = [entry["plan"] for entry in case["plans"]]
    for place, (said, entry) in enumerate(zip(judged(case["level"], plans), case["plans"])):
        assert said == entry["verdict"], f"plan {place}: judge.py says {said!r}, not {entry['verdict']!r}"


def meets_target(name):
    level, path = json.loads((DATA / f"{name}.json").read_text()), Path("plans", f"{name}.json")
    assert path.is_file(), f"{path} does not exist"
    word, *rest = verdict(level, json.loads(path.read_text())).split()
    assert word == "cost", f"{path} breaks the rules {rest}"
    assert int(rest[0]) <= level["target"], f"{path} costs {rest[0]}, the target is {level['target']}"


def test_judge_at_the_edges_of_the_rules():
    judge_case(0)


def test_judge_a_plan_of_flows():
    judge_case(1)


def test_judge_a_plan_with_closures():
    judge_case(2)


def test_judge_a_plan_with_crews():
    judge_case(3)


def test_flow():
    meets_target("flow")


def test_setups():
    meets_target("setups")


def test_closures():
    meets_target("closures")


def test_crews():
    meets_target("crews")
