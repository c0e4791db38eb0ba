"""The expected files were computed from what the generator of the logs knew, not from the logs."""

from pathlib import Path

STAGES = {"calls": 3, "clocks": 2, "timeline": 3, "answers": 2}
EXPECTED = Path(__file__).resolve().parent / "expected"


def lines(name):
    path = Path(name)
    assert path.is_file(), f"{name} does not exist"
    data = path.read_bytes()
    assert b"\r" not in data, f"{name} contains carriage returns"
    return data.decode("utf-8").rstrip("\n").split("\n")


def expected(name):
    return (EXPECTED / name).read_text(encoding="utf-8").splitlines()


def same_rows(name, columns):
    """That the rows have the expected fields in these columns (from 0), whatever the others hold."""
    chosen = lambda line: [field for place, field in enumerate(line.split(",")) if place in columns]
    found, wanted = lines(name), expected(name)
    assert found[0] == wanted[0], f"the header of {name} is {found[0]!r}"
    for number, (have, want) in enumerate(zip(found, wanted), 1):
        assert chosen(have) == chosen(want), f"line {number} of {name} is {have!r}, expected {want!r}"
    assert len(found) == len(wanted), f"{name} has {len(found)} lines, expected {len(wanted)}"


def test_calls_spans_and_who_called_whom():
    same_rows("calls.csv", {0, 1, 2, 3})


def test_calls_times_of_the_callers():
    same_rows("calls.csv", {0, 4, 7})


def test_calls_times_of_the_called():
    same_rows("calls.csv", {0, 5, 6})


def test_calls_nothing_else():
    same_rows("calls.csv", set(range(99)))


def test_clocks_of_the_applications():
    found = lines("clocks.csv")
    assert found[:4] == expected("clocks.csv")[:4], f"clocks.csv starts with {found[:4]}"


def test_clocks_of_the_database():
    found = lines("clocks.csv")
    assert found[4:] == expected("clocks.csv")[4:], f"clocks.csv ends with {found[4:]}"


def test_timeline_start_and_duration():
    same_rows("timeline.csv", {0, 2, 3})


def test_timeline_depth_and_self():
    same_rows("timeline.csv", {0, 1, 4})


def test_timeline_nothing_else():
    same_rows("timeline.csv", set(range(99)))


def test_answers_about_requests():
    found = [line.rstrip() for line in lines("answers.txt")]
    for number, (have, want) in enumerate(zip(found, expected("answers.txt")[:3]), 1):
        assert have == want, f"line {number} of answers.txt is {have!r}"


def test_answers_about_the_cause():
    found = [line.rstrip() for line in lines("answers.txt")]
    assert len(found) == 5, f"answers.txt has {len(found)} lines"
    for number, (have, want) in enumerate(zip(found[3:], expected("answers.txt")[3:]), 4):
        assert have == want, f"line {number} of answers.txt is {have!r}"
