from pathlib import Path

EXPECTED = """\
expired carla
expired hugo
expired ines
expired lena
group farid
member adm syslog
member deniz annabel
member docker annabel
member sudo bru
member users carl
no-passwd annabel
no-passwd mail
no-shadow jonas
open gwen
open toor
password eve
shell anna
shell carla
shell sync
uid 0 root toor
uid 1002 bruno hugo deploy
""".splitlines()


def audit():
    path = Path("audit.txt")
    assert path.is_file(), "audit.txt does not exist"
    return path.read_text().splitlines()


def same(*words):
    expected = {line for line in EXPECTED if line.split()[0] in words}
    found = {line for line in audit() if line.split()[:1] and line.split()[0] in words}
    assert found == expected, f"not found: {sorted(expected - found)}; wrong: {sorted(found - expected)}"


def test_accounts():
    same("expired", "open", "password", "shell")


def test_lines_that_belong_together():
    same("group", "member", "no-passwd", "no-shadow")


def test_shared_user_numbers():
    same("uid")


def test_the_lines_are_sorted_and_there_is_nothing_else():
    assert audit() == EXPECTED, "audit.txt has the findings in another order, doubled, or among other lines"


def test_the_user_database_is_as_it_was():
    assert Path("etc/passwd").read_text().count("\n") == 22 and len(Path("etc/shadow").read_text().splitlines()) == 24, "etc has changed"
