import subprocess
import sys
import tempfile
from pathlib import Path


def ends(program, expected, status=0):
    assert Path("pile.py").is_file(), "pile.py does not exist"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.pile")
        path.write_text(program, encoding="utf-8")
        command = [sys.executable, "-B", "-X", "utf8", "pile.py", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=10)
    assert done.stdout.splitlines() == expected, f"{program!r} printed {done.stdout.splitlines()}, {done.stderr[-200:]}"
    assert done.returncode == status, f"{program!r} ended with status {done.returncode}"


def test_the_given_program():
    ends("( sums of squares )\n: sq dup * ;\n: sumsq sq swap sq + ;\n3 4 sumsq .\n-7 2 / .\n1 0 mod .\n", ["25", "-3", "division by zero: mod"], 1)


def test_the_words_of_the_table():
    ends("1 2 - . 2 3 over . . . 5 6 swap . . 4 dup * . 9 8 drop .", ["-1", "2", "3", "2", "5", "6", "16", "9"])
    ends("\t-5\n -3 + . 007 . -0 .\n", ["-8", "7", "0"])


def test_division():
    ends("7 2 / . -7 2 / . 7 -2 / . -7 -2 / . -1 2 / .", ["3", "-3", "-3", "3", "0"])
    ends("7 2 mod . -7 2 mod . 7 -2 mod . -7 -2 mod . 6 3 mod .", ["1", "-1", "1", "-1", "0"])
    ends("100000000000000000000000001 -10 / . 90071992547409931 1 / .", ["-10000000000000000000000000", "90071992547409931"])


def test_definitions():
    ends(": two 2 ; : four two two * ; : two 3 ; four . two .", ["4", "3"])
    ends(": dup dup dup ; 1 dup . . .", ["1", "1", "1"])
    ends(": + - ; 5 3 + . : - * ; 5 3 + . 5 3 - .", ["2", "2", "15"])
    ends(": nothing ; nothing 1 . : grün 5 ; grün .", ["1", "5"])


def test_comments():
    ends("( : x ; ) 1 ( 2 ) . : f ( a -- b ) 3 * ( triple ) ; 4 f .", ["1", "12"])
    ends("(x 1", ["unknown: (x"], 1)


def test_errors():
    ends("1 . nope 2 .", ["1", "unknown: nope"], 1)
    ends("1 . : f 2 g ; 3 .", ["1", "unknown: g"], 1)
    ends(": f f ; 1 .", ["unknown: f"], 1)
    ends("1 +", ["underflow: +"], 1)
    ends(": f 1 . over ; f", ["1", "underflow: over"], 1)
    ends("dup", ["underflow: dup"], 1)
    ends(".", ["underflow: ."], 1)
    ends("0 /", ["underflow: /"], 1)
    ends("1 0 /", ["division by zero: /"], 1)
    ends("1- .", ["unknown: 1-"], 1)
    ends("+5", ["unknown: +5"], 1)
    ends("٣ .", ["unknown: ٣"], 1)
