"""The average of a polygon through the readings, over time: 62.119375 cm."""

import re
from pathlib import Path


def answer():
    path = Path("average.txt")
    assert path.is_file(), "average.txt does not exist"
    return path.read_text().strip()


def test_form():
    assert re.fullmatch(r"[0-9]+\.[0-9]{2}", answer()), f"expected one number with two decimals, found {answer()[:40]!r}"


def test_average():
    assert answer() == "62.12", f"the average level over the day is not {answer()[:40]!r}"
