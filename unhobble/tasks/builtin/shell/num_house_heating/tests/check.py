"""The six commands of house.py on hidden inputs.

What is expected was calculated with other methods than one would use here: the matrix exponential and a general integrator with
events for the model, a library's least squares for the fit.
"""

import csv
import functools
import io
import json
import subprocess
import sys
from pathlib import Path

STAGES = {"clean": 3, "simulate": 3, "thermostat": 4, "preheat": 2, "fit": 5, "errors": 3}
DATA = Path(__file__).resolve().parent / "data"
CONSTANTS = ["Gv", "Gw", "Ge", "Ca", "Cw"]


@functools.cache
def printed(command, name):
    done = subprocess.run([sys.executable, "-B", "house.py", command, str(DATA / name)], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, f"house.py {command} failed: {done.stderr[-300:]}"
    return done.stdout


def expected(name):
    return (DATA / name).read_text()


def near(what, found, wanted, tolerance):
    try:
        distance = abs(float(found) - float(wanted))
    except (TypeError, ValueError):
        raise AssertionError(f"{what} is no number: {found!r}") from None
    assert distance <= tolerance, f"{what}: {found} is {distance:.2g} off, more than {tolerance:.2g}"


def same_lines(command, case, tolerances):
    """Compare word by word: numbers to the tolerance for the first word of their line (or for None), the rest exactly."""
    found = [line.split() for line in printed(command, f"{command}_{case}.json").splitlines()]
    wanted = [line.split() for line in expected(f"{command}_{case}.txt").splitlines()]
    for number, (a, b) in enumerate(zip(found, wanted), 1):
        assert len(a) == len(b), f"{case}: line {number} has {len(a)} words, not {len(b)}"
        for x, y in zip(a, b):
            if y[-1].isdigit():
                near(f"{case}: line {number}", x, y, tolerances.get(b[0], tolerances.get(None)))
            else:
                assert x == y, f"{case}: line {number}: {x!r} in place of {y!r}"
    assert len(found) == len(wanted), f"{case}: {len(found)} lines, not {len(wanted)}"


def clean(case):
    found = list(csv.reader(io.StringIO(printed("clean", f"clean_{case}.raw"))))
    wanted = list(csv.reader(io.StringIO(expected(f"clean_{case}.csv"))))
    assert found and found[0] == wanted[0], f"the header is {found[:1]}"
    assert len(found) == len(wanted), f"{case}: the grid has {len(found) - 1} moments, not {len(wanted) - 1}"
    for a, b in zip(found[1:], wanted[1:]):
        assert len(a) == len(b), f"{case}: at {b[0]} h: {len(a)} columns"
        for column, x, y in zip(wanted[0], a, b):
            if y:
                near(f"{case}: {column} at {b[0]} h", x, y, 0.00115)
            else:
                assert x == "", f"{case}: heat in the last line"


def test_clean_day():
    clean("day")


def test_clean_night():
    clean("night")


def test_simulate_stiff():
    same_lines("simulate", "stiff", {None: 0.00003})


def test_simulate_late_points():
    same_lines("simulate", "late_points", {None: 0.00003})


def test_simulate_weak_link():
    same_lines("simulate", "weak_link", {None: 0.00003})


def test_thermostat_cold_start():
    same_lines("thermostat", "cold_start", {"on": 0.0005, "off": 0.0005, "energy": 0.01})


def test_thermostat_minima():
    same_lines("thermostat", "minima", {"on": 0.0005, "off": 0.0005, "energy": 0.01})


def test_thermostat_mild():
    same_lines("thermostat", "mild", {"on": 0.0005, "off": 0.0005, "energy": 0.01})


def test_preheat_jump():
    same_lines("preheat", "jump", {None: 0.0005})


def test_preheat_too_late():
    same_lines("preheat", "too_late", {None: 0.0005})


def test_preheat_warm():
    same_lines("preheat", "warm", {None: 0.0005})


def judged_fit(case):
    found, wanted = json.loads(printed("fit", f"fit_{case}.csv")), json.loads(expected(f"fit_{case}.json"))
    for name in CONSTANTS:
        near(f"{case}: {name}", found.get(name), wanted[name], 0.003 * wanted[name])
    for name in ("air", "wall"):
        near(f"{case}: {name}", found.get(name), wanted[name], 0.01)
    near(f"{case}: sse", found.get("sse"), wanted["sse"], 0.0001 * wanted["sse"])


def judged_errors(case):
    found, wanted = json.loads(printed("errors", f"fit_{case}.csv")), json.loads(expected(f"errors_{case}.json"))
    for name in ("sigma", "loss"):
        near(f"{case}: {name}", found.get(name), wanted[name], 0.003 * wanted[name])
    near(f"{case}: durbin_watson", found.get("durbin_watson"), wanted["durbin_watson"], 0.01 * wanted["durbin_watson"])
    for name in ("low", "high"):
        near(f"{case}: {name}", found.get(name), wanted[name], 0.02 * (wanted["high"] - wanted["low"]))
    errors = found.get("se")
    assert isinstance(errors, dict), f"{case}: se is no object"
    for name in (*CONSTANTS, "air", "wall"):
        near(f"{case}: the standard error of {name}", errors.get(name), wanted["se"][name], 0.01 * wanted["se"][name])


def test_fit_six_days():
    judged_fit("six_days")


def test_fit_heavy():
    judged_fit("heavy")


def test_errors_six_days():
    judged_errors("six_days")


def test_errors_heavy():
    judged_errors("heavy")
