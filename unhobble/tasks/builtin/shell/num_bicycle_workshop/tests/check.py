"""Reports of the workshop. What is expected was found by a simulation that goes by events and by one that goes minute by minute."""

import os
import subprocess
import sys
import tempfile

CASES = {  # name: (scenario, report)
    "busy": (
        r"""
{"seed": 77, "mechanics": 3, "room": 5, "close": 1500, "warmup": 100, "stint": 9, "rest": 15, "gaps": [[4, 0, 4], [3, 3, 7]], "kinds": [
    {"name": "puncture", "weight": 5, "rank": 2, "urgent": false, "work": [[3, 5, 12], [1, 15, 15]], "patience": [[1, 10, 25], [1, 30, 60]]},
    {"name": "brakes", "weight": 3, "rank": 1, "urgent": true, "work": [[1, 4, 9]], "patience": [[1, 12, 40]]},
    {"name": "overhaul", "weight": 2, "rank": 3, "urgent": false, "work": [[2, 25, 40], [1, 41, 55]], "patience": null}
]}
""",
        """
arrived 413
turned_away 124
gave_up 6
served 283
interrupted 105
kind puncture 119 6.454 29
kind brakes 119 0.042 4
kind overhaul 45 116.578 188
queue 4.273
mechanic 1 0.860
mechanic 2 0.864
mechanic 3 0.880
last 1596
""",
    ),
    "no_rest": (
        r"""
{"seed": 18446744073709551557, "mechanics": 2, "room": 2, "close": 900, "warmup": 0, "stint": null, "rest": 15, "gaps": [[3, 0, 6], [5, 4, 14], [1, 20, 30]], "kinds": [
    {"name": "puncture", "weight": 5, "rank": 2, "urgent": false, "work": [[3, 5, 12], [1, 15, 15]], "patience": [[1, 10, 25], [1, 30, 60]]},
    {"name": "brakes", "weight": 3, "rank": 1, "urgent": true, "work": [[1, 4, 9]], "patience": [[1, 12, 40]]},
    {"name": "overhaul", "weight": 2, "rank": 3, "urgent": false, "work": [[2, 25, 40], [1, 41, 55]], "patience": null}
]}
""",
        """
arrived 102
turned_away 2
gave_up 2
served 98
interrupted 16
kind puncture 50 4.480 30
kind brakes 30 0.067 2
kind overhaul 18 12.000 46
queue 0.502
mechanic 1 0.825
mechanic 2 0.723
last 930
""",
    ),
    "three_ranks": (
        r"""
{"seed": 5, "mechanics": 4, "room": 9, "close": 1000, "warmup": 60, "stint": 4, "rest": 7, "gaps": [[1, 1, 1], [6, 1, 5]], "kinds": [
    {"name": "courier", "weight": 2, "rank": 1, "urgent": true, "work": [[1, 3, 6]], "patience": null},
    {"name": "school", "weight": 2, "rank": 2, "urgent": true, "work": [[7, 5, 9], [2, 1, 30]], "patience": [[1, 2, 9]]},
    {"name": "guest", "weight": 3, "rank": 4, "urgent": false, "work": [[1, 10, 20]], "patience": [[1, 5, 5]]},
    {"name": "club", "weight": 3, "rank": 4, "urgent": false, "work": [[1, 8, 24]], "patience": [[2, 1, 3], [3, 30, 50]]},
    {"name": "tandem", "weight": 0, "rank": 9, "urgent": false, "work": [[1, 1, 1]], "patience": null}
]}
""",
        """
arrived 357
turned_away 0
gave_up 78
served 279
interrupted 112
kind courier 75 0.000 0
kind school 68 0.147 4
kind guest 44 6.636 19
kind club 92 8.598 34
kind tandem 0 - -
queue 1.486
mechanic 1 0.846
mechanic 2 0.847
mechanic 3 0.860
mechanic 4 0.831
last 1022
""",
    ),
    "nobody_waits": (
        r"""
{"seed": 11, "mechanics": 1, "room": 0, "close": 300, "warmup": 20, "stint": 1, "rest": 3, "gaps": [[1, 7, 7]], "kinds": [
    {"name": "any", "weight": 1, "rank": 1, "urgent": true, "work": [[1, 5, 9]], "patience": null}
]}
""",
        """
arrived 40
turned_away 20
gave_up 0
served 20
interrupted 0
kind any 20 0.000 0
queue 0.000
mechanic 1 0.504
last 294
""",
    ),
    "coarse_minutes": (
        r"""
{"seed": 90125, "mechanics": 2, "room": 2, "close": 1600, "warmup": 8, "stint": 3, "rest": 8, "gaps": [[1500000000, 4, 4], [900000000, 0, 0], [600000000, 8, 8]], "kinds": [
    {"name": "plain", "weight": 2000000000, "rank": 1, "urgent": false, "work": [[1, 8, 8], [2, 4, 4], [2, 12, 12]], "patience": [[1, 4, 4], [1, 8, 8]]},
    {"name": "racing", "weight": 700000000, "rank": 0, "urgent": true, "work": [[1, 4, 4]], "patience": [[1, 4, 4]]}
]}
""",
        """
arrived 458
turned_away 51
gave_up 82
served 325
interrupted 83
kind plain 210 4.857 20
kind racing 115 0.313 4
queue 0.918
mechanic 1 0.705
mechanic 2 0.653
last 1608
""",
    ),
    "all_in_warmup": (
        r"""
{"seed": 3, "mechanics": 2, "room": 5, "close": 40, "warmup": 900, "stint": 6, "rest": 15, "gaps": [[3, 0, 6], [5, 4, 14], [1, 20, 30]], "kinds": [
    {"name": "puncture", "weight": 5, "rank": 2, "urgent": false, "work": [[3, 5, 12], [1, 15, 15]], "patience": [[1, 10, 25], [1, 30, 60]]},
    {"name": "brakes", "weight": 3, "rank": 1, "urgent": true, "work": [[1, 4, 9]], "patience": [[1, 12, 40]]},
    {"name": "overhaul", "weight": 2, "rank": 3, "urgent": false, "work": [[2, 25, 40], [1, 41, 55]], "patience": null}
]}
""",
        """
arrived 0
turned_away 0
gave_up 0
served 0
interrupted 0
kind puncture 0 - -
kind brakes 0 - -
kind overhaul 0 - -
queue -
mechanic 1 -
mechanic 2 -
last 76
""",
    ),
    "closed": (
        r"""
{"seed": 3, "mechanics": 2, "room": 5, "close": 0, "warmup": 0, "stint": 6, "rest": 15, "gaps": [[3, 0, 6], [5, 4, 14], [1, 20, 30]], "kinds": [
    {"name": "puncture", "weight": 5, "rank": 2, "urgent": false, "work": [[3, 5, 12], [1, 15, 15]], "patience": [[1, 10, 25], [1, 30, 60]]},
    {"name": "brakes", "weight": 3, "rank": 1, "urgent": true, "work": [[1, 4, 9]], "patience": [[1, 12, 40]]},
    {"name": "overhaul", "weight": 2, "rank": 3, "urgent": false, "work": [[2, 25, 40], [1, 41, 55]], "patience": null}
]}
""",
        """
arrived 0
turned_away 0
gave_up 0
served 0
interrupted 0
kind puncture 0 - -
kind brakes 0 - -
kind overhaul 0 - -
queue -
mechanic 1 -
mechanic 2 -
last 0
""",
    ),
}


def reported(scenario):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scenario.json")
        with open(path, "w") as stream:
            stream.write(scenario)
        done = subprocess.run([sys.executable, "-B", "workshop.py", path], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, f"workshop.py failed: {done.stderr[-300:]}"
    return done.stdout


def check(name):
    scenario, report = CASES[name]
    expected, found = report.lstrip().splitlines(), reported(scenario).splitlines()
    for number, (a, b) in enumerate(zip(expected, found), 1):
        assert a == b, f"line {number} of the report: expected {a!r}, found {b!r}"
    assert len(expected) == len(found), f"expected {len(expected)} lines, found {len(found)}"


def test_busy():
    check("busy")


def test_no_rest():
    check("no_rest")


def test_three_ranks():
    check("three_ranks")


def test_nobody_waits():
    check("nobody_waits")


def test_coarse_minutes():
    check("coarse_minutes")


def test_all_in_warmup():
    check("all_in_warmup")


def test_closed():
    check("closed")


def test_the_example_is_as_it_was():
    with open("bikes.json") as stream:
        found = reported(stream.read())
    assert found == BIKES, "the report of bikes.json is another one"


BIKES = """arrived 52
turned_away 0
gave_up 5
served 47
interrupted 14
kind puncture 16 14.063 29
kind brakes 16 0.313 5
kind overhaul 15 44.333 107
queue 1.894
mechanic 1 0.827
mechanic 2 0.878
last 540
"""
