"""Prints how many of the six examples house.py gets right, as a share."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = {  # command: (input, output, tolerance of a number, relative to it)
    "clean": ("raw.csv", "clean.csv", 0.0011, 0),
    "simulate": ("simulate.json", "simulate.txt", 0.00003, 0),
    "thermostat": ("thermostat.json", "thermostat.txt", 0.0005, 0.0001),
    "preheat": ("preheat.json", "preheat.txt", 0.0005, 0),
    "fit": ("clean.csv", "fit.json", 0, 0.003),
    "errors": ("clean.csv", "errors.json", 0, 0.01),
}


def parts(text):
    """The numbers and words of an output, in order; those of a JSON object by the order of its keys."""
    if text.lstrip().startswith("{"):
        text = json.dumps(json.loads(text), sort_keys=True)
    for mark in ',:"{}':
        text = text.replace(mark, " ")
    return text.split()


def same(found, expected, absolute, relative):
    try:
        return abs(float(found) - float(expected)) <= absolute + relative * abs(float(expected))
    except ValueError:
        return found == expected


def right(command, given, wanted, absolute, relative):
    try:
        done = subprocess.run([sys.executable, "-B", "house.py", command, HERE / given], capture_output=True, text=True, timeout=10)
        found, expected = parts(done.stdout), parts((HERE / wanted).read_text())
    except (subprocess.TimeoutExpired, ValueError):
        return False
    return len(found) == len(expected) and all(same(a, b, absolute, relative) for a, b in zip(found, expected))


print(sum(right(command, *example) for command, example in EXAMPLES.items()) / len(EXAMPLES))
