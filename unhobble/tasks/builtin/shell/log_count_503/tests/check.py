from pathlib import Path


def answer():
    path = Path("answer.txt")
    assert path.is_file(), "answer.txt does not exist"
    lines = path.read_text().split("\n")
    if lines[-1] == "":
        lines.pop()
    assert len(lines) == 3, f"answer.txt: expected three lines, found {len(lines)}"
    return [line.strip() for line in lines]


def test_count():
    assert answer()[0] == "51", f"the number of responses: expected 51, found {answer()[0]!r}"


def test_earliest():
    assert answer()[1] == "03/Jun/2024:15:12:41 +0000", f"the earliest response is another one than {answer()[1]!r}"


def test_address():
    assert answer()[2] == "198.51.100.83", f"the address with the most is another one than {answer()[2]!r}"
