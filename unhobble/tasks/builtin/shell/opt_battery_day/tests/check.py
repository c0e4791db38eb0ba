"""Plans of a battery's day. The least costs were found by a search with the peak in its state, and by trying all plans of small days."""

import functools
import json
import os
import subprocess
import sys
import tempfile

INSTANCES = {  # name: (instance, least cost)
    "summer": (
        {
            "capacity": 14, "start": 10, "end": 4, "charge": 2, "discharge": 2, "loss_percent": 7, "limit": 40, "start_fee": 20, "peak_fee": 11,
            "slots": [
                (0, 15, 12), (1, 14, 9), (2, 24, 19), (6, 9, 6), (4, -1, -12), (8, -6, -14), (5, 26, 32), (1, 8, -1),
                (8, 16, 10), (1, 17, 10), (7, -2, -4), (7, 21, 15), (5, 22, 13), (3, 26, 20), (5, -3, -6), (8, 20,
                22), (4, 35, 23), (0, 41, 30),
            ],
        },
        833,
    ),
    "two_peaks": (
        {
            "capacity": 20, "start": 0, "end": 18, "charge": 5, "discharge": 6, "loss_percent": 12, "limit": 13, "start_fee": 12, "peak_fee": 25,
            "slots": [
                (6, 9, 5), (2, 28, 16), (1, 11, 2), (8, 16, 4), (6, 26, 17), (3, 38, 35), (2, 37, 28), (4, 23, 28),
                (6, 19, 10), (8, 23, 27), (6, 38, 34), (2, 20, 8), (4, 26, 21), (8, 22, 11), (0, 18, 24), (8, 11, 5),
                (6, 34, 29), (1, 40, 29), (2, 37, 33), (3, 8, 1), (6, 22, 26), (9, 18, 11), (6, 26, 17), (5, 8, -3),
            ],
        },
        2747,
    ),
    "lossy": (
        {
            "capacity": 16, "start": 10, "end": 14, "charge": 5, "discharge": 2, "loss_percent": 30, "limit": 11, "start_fee": 20, "peak_fee": 11,
            "slots": [
                (1, -7, -13), (6, 9, 4), (6, 24, 26), (5, 19, 24), (0, 34, 23), (6, 35, 24), (7, -1, 0), (7, 17, 12),
                (8, 25, 21), (2, 19, 17), (0, -7, -11), (9, 26, 16), (2, -4, -8), (3, -3, -10), (0, 28, 16), (8, 29,
                20), (2, 37, 31), (2, 37, 26), (1, 37, 31), (3, 30, 19), (4, -8, -11), (1, 16, 10), (1, 43, 34), (0,
                12, 10),
            ],
        },
        1106,
    ),
    "tight": (
        {
            "capacity": 16, "start": 2, "end": 6, "charge": 2, "discharge": 3, "loss_percent": 25, "limit": 11, "start_fee": 12, "peak_fee": 25,
            "slots": [
                (2, 15, 12), (4, 10, -2), (4, 18, 11), (2, 15, 13), (5, 29, 21), (2, 29, 17), (2, 44, 33), (4, 15,
                13), (3, 13, 1), (1, 25, 18), (1, 43, 32), (4, 11, 9), (4, 14, 6), (0, 21, 13), (8, 30, 18), (0, 27,
                18), (1, 36, 34), (0, 26, 14), (0, 27, 31), (4, 13, 8), (0, 20, 9), (2, 11, 0), (1, 24, 17), (0, 24,
                13),
            ],
        },
        1277,
    ),
    "eighteen": (
        {
            "capacity": 14, "start": 3, "end": 8, "charge": 4, "discharge": 3, "loss_percent": 12, "limit": 40, "start_fee": 12, "peak_fee": 11,
            "slots": [
                (5, 16, 4), (9, 9, -2), (1, 20, 14), (0, 19, 8), (7, 23, 19), (1, 34, 24), (6, 35, 33), (4, 12, 0),
                (2, 27, 33), (1, 25, 22), (8, 23, 15), (3, 30, 21), (5, 25, 18), (9, 23, 14), (8, 21, 25), (3, 14,
                11), (4, 41, 29), (6, 42, 35),
            ],
        },
        2049,
    ),
    "negative_prices": (
        {
            "capacity": 9, "start": 4, "end": 2, "charge": 3, "discharge": 4, "loss_percent": 20, "limit": 12, "start_fee": 10, "peak_fee": 6,
            "slots": [
                (2, 20, 9), (2, -6, -9), (2, -8, -9), (2, 14, 3), (2, 22, 30), (2, 25, 12), (2, -5, -7), (2, -9, -12),
                (2, -7, -8),
            ],
        },
        -134,
    ),
    "only_the_battery": (
        {
            "capacity": 6, "start": 5, "end": 0, "charge": 3, "discharge": 3, "loss_percent": 0, "limit": 0, "start_fee": 4, "peak_fee": 90,
            "slots": [
                (1, 9, 3), (2, 9, 9), (0, 9, 12), (0, 9, -4), (1, 9, 2),
            ],
        },
        -4,
    ),
    "impossible": (
        {
            "capacity": 9, "start": 4, "end": 9, "charge": 3, "discharge": 4, "loss_percent": 20, "limit": 5, "start_fee": 10, "peak_fee": 6,
            "slots": [
                (2, 20, 9), (2, -6, -9), (11, 5, 4),
            ],
        },
        None,
    ),
}


@functools.cache
def answer(name):
    day = INSTANCES[name][0]
    day = {**day, "slots": [{"demand": demand, "buy": buy, "sell": sell} for demand, buy, sell in day["slots"]]}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "instance.json")
        with open(path, "w") as stream:
            json.dump(day, stream)
        done = subprocess.run([sys.executable, "-B", "charge.py", path], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, f"{name}: charge.py failed: {done.stderr[-200:]}"
    return json.loads(done.stdout)


def cost_of(name, changes):
    """What a plan costs; raises AssertionError where it is not permitted."""
    day, _ = INSTANCES[name]
    assert isinstance(changes, list) and len(changes) == len(day["slots"]), f"{name}: not one change for each slot"
    assert all(type(change) is int for change in changes), f"{name}: a change is not a whole number"
    level, cents, peak = day["start"], 0, 0
    for place, (change, (demand, buy, sell)) in enumerate(zip(changes, day["slots"])):
        before = changes[place - 1] if place else 0
        assert -day["discharge"] <= change <= day["charge"], f"{name}: slot {place}: a change of {change}"
        assert not (change > 0 > before or change < 0 < before), f"{name}: slot {place}: no idle slot between charging and discharging"
        level += change
        assert 0 <= level <= day["capacity"], f"{name}: slot {place}: the level is {level}"
        lost = (change * day["loss_percent"] + 99) // 100 if change > 0 else 0
        balance = demand + change + lost
        assert balance <= day["limit"], f"{name}: slot {place}: {balance} units purchased"
        cents += balance * buy if balance >= 0 else balance * sell
        if (change > 0 and before <= 0) or (change < 0 and before >= 0):
            cents += day["start_fee"]
        peak = max(peak, balance)
    assert level >= day["end"], f"{name}: the last level is {level}"
    return cents + peak * day["peak_fee"]


POSSIBLE = [name for name, (_, least) in INSTANCES.items() if least is not None]


def test_plans_are_permitted_and_cost_what_they_say():
    for name in POSSIBLE:
        said = answer(name)
        real = cost_of(name, said.get("changes"))
        assert said.get("cost") == real, f"{name}: the plan costs {real}, not {said.get('cost')}"


def test_plans_are_the_cheapest():
    for name in POSSIBLE:
        real = cost_of(name, answer(name).get("changes"))
        assert real <= INSTANCES[name][1], f"{name}: there is a cheaper plan than one of {real} cents"


def test_no_plan_where_none_is_permitted():
    assert answer("impossible") == {"cost": None, "changes": None}, f"found {answer('impossible')}"
