import subprocess
import sys
import tempfile
from pathlib import Path

PICKUPS = """\
time,depot,crates
07:10,North,12
07:25,Harbour,4
07:40,North,3
08:05,east,9
08:20,Harbour,11
08:35,North,5
09:00,Abbey,7
09:15,east,1
"""


def printed(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "other.csv")
        path.write_text(content, encoding="utf-8")
        command = [sys.executable, "-B", "-X", "utf8", "totals.py", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=10)
    assert done.returncode == 0, f"totals.py failed: {done.stderr[-300:]}"
    return done.stdout.splitlines()


def test_the_given_file():
    assert Path("pickups.csv").read_text() == PICKUPS, "pickups.csv was changed"
    have = printed(PICKUPS)
    assert have == ["North: 20", "Harbour: 15", "east: 10", "Abbey: 7"], f"printed {have}"


def test_another_file():
    have = printed('time,depot,crates\n1,b,1\n2,"a, old",2\n3,b,-1\n4,C,0\n5,"a, old",40\n6,B,5\n')
    assert have == ["b: 0", "a, old: 42", "C: 0", "B: 5"], f"printed {have}"


def test_no_rows():
    assert printed("time,depot,crates\n") == []
    broken = printed(PICKUPS)
    assert len(broken) == 4, f"printed {broken}"
