"""The commit that brought a fault back, its author and its first release."""

from pathlib import Path


def _lines() -> list[str]:
    path = Path("answer.txt")
    assert path.is_file(), "answer.txt does not exist"
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert len(lines) == 3, f"answer.txt has {len(lines)} lines, expected 3"
    return lines


def test_commit():
    assert _lines()[0] == "9cec224ae85e406a7f59a54fa8cf9f85187a3d6f", f"{_lines()[0]!r} is not the commit"


def test_author():
    assert _lines()[1] == "Linnea Berg <linnea@example.org>", f"{_lines()[1]!r} is not the author"


def test_release():
    assert _lines()[2] == "v1.9", f"{_lines()[2]!r} is not the first release with the fault"
