from pathlib import Path

EXPECTED = [
    "Nadia.Roth@example.org",
    "p.oduya@example.net",
    "zoe@example.com",
    "karl@example.org",
    "anna-lena@example.com",
    "zoe@example.community",
    "b.ito@example.net",
    "karla@example.org",
    "anna_lena@example.com",
    "a.zimmer@example.org",
    "e.nunez@example.com",
    "p-oduya@example.net",
]


def found():
    path = Path("unique.txt")
    assert path.is_file(), "unique.txt does not exist"
    return path.read_text(encoding="utf-8").splitlines()


def test_each_address_is_there_once():
    have = sorted(line.lower() for line in found())
    assert have == sorted(line.lower() for line in EXPECTED), f"the addresses are {have}"


def test_the_first_spelling_stays():
    wrong = [line for line in found() if line not in EXPECTED]
    assert not wrong, f"not as written where the address appears first: {wrong}"


def test_the_order_stays():
    assert found() == EXPECTED, f"the lines are {found()}"
