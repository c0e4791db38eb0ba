"""Programs, and what the specification says about each of their lines."""

import subprocess
import sys
import tempfile
from pathlib import Path

BASES = "base kg\nbase m\nbase s\n"


def judged(program):
    assert Path("units.py").is_file(), "units.py does not exist"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.metre")
        path.write_text(program, encoding="ascii")
        done = subprocess.run([sys.executable, "-B", "units.py", str(path)], capture_output=True, text=True, timeout=20)
    return done.stdout.splitlines(), done.returncode, done.stderr[-300:]


def prints(table, bases=BASES):
    """The table: pairs of a line and what is printed for it (without its number; None for nothing)."""
    first = bases.count("\n") + 1
    found, status, said = judged(bases + "".join(line + "\n" for line, _ in table))
    expected = []
    for number, (line, want) in enumerate(table, first):
        if want is not None:
            expected.append((line, f"{number}:{want}" if want[0].isdigit() else want))
    for (line, want), have in zip(expected, found):
        assert have == want, f"{line!r}: printed {have!r}, expected {want!r}"
    assert len(found) == len(expected), f"{len(found)} lines printed, expected {len(expected)}: {found[-1:]} {said}"
    assert status == any(want[0].isdigit() for _, want in expected), f"the exit status is {status}: {said}"


def test_units_are_printed_in_order():
    prints(
        [
            ("unit N = kg*m/s^2", None),
            ("unit J = N*m", None),
            ("unit Hz = 1/s", None),
            ("let a = 1", "a : 1"),
            ("let b = 2.50[N]", "b : kg m s^-2"),
            ("let c=3[m/s*kg]", "c : kg m s^-1"),
            ("let d = 3[m/(s*kg)]", "d : kg^-1 m s^-1"),
            ("let e = 1[(m/s)^-2]", "e : m^-2 s^2"),
            ("let f = b * 1[m] / 1[J]", "f : 1"),
            ("let h = 1[m^0]", "h : 1"),
            ("\tlet  i\t= 4[Hz] # comment = (", "i : s^-1"),
            ("base Pa", None),
            ("let j = 1[m*Pa*kg*s]", "j : Pa kg m s"),
            ("  # nothing", None),
            ("let m = 1[1/m^2*1^7]", "m : m^-2"),
        ]
    )


def test_expressions():
    prints(
        [
            ("let v = 3[m] / 2[s]", "v : m s^-1"),
            ("let w = -v^2 * 2", "w : m^2 s^-2"),
            ("let x = v - -v + 2*v", "x : m s^-1"),
            ("let y = v^-1 / v / v", "y : m^-3 s^3"),
            ("let z = (v + v)^3", "z : m^3 s^-3"),
            ("let q = sqrt(v^2 * 4)", "q : m s^-1"),
            ("let r = sqrt(v^-4)", "r : m^-2 s^2"),
            ("let t = max(v, q, x) / max(1)", "t : m s^-1"),
            ("let u = v*v - w / 3", "u : m^2 s^-2"),
            ("let p = 1 - 2 * 3 / 4", "p : 1"),
            ("let o = sqrt(sqrt(v^4))", "o : m s^-1"),
        ]
    )


def test_functions():
    prints(
        [
            ("fn area(a: m, b: m) : m^2 = a*b", "area(m, m) : m^2"),
            ("let h = 2[m]", "h : m"),
            ("let k = area(h, 2*h) * h", "k : m^3"),
            ("fn one() : 1 = 1", "one() : 1"),
            ("let l = one() + 2", "l : 1"),
            ("fn hide(h: s, area: kg) : kg/s = area/h", "hide(s, kg) : kg s^-1"),
            ("fn max2(max: m) : m = max", "max2(m) : m"),
            ("fn outer(x: m) : m^2 = area(x, h)", "outer(m) : m^2"),
            ("let n = area(1[m], 1[s])", "9: argument 2 is s, not m"),
            ("let n2 = 2 * area(1[m])", "14: area takes 2, not 1"),
            ("let n3 = area(1[kg])", "10: area takes 2, not 1"),
            ("let n4 = one(1)", "10: one takes 0, not 1"),
            ("fn bad(x: m) : s = x", "4: bad is m, not s"),
            ("let n5 = bad(1[m])", "n5 : s"),
            ("fn rec(x: m) : m = rec(x)", "20: unknown name rec"),
            ("let n6 = rec(1[s])", "10: argument 1 is s, not m"),
            ("let n7 = area", "10: unknown name area"),
            ("let n8 = h(1)", "10: unknown name h"),
            ("fn twice(x: m, x: s) : m = x", "16: x is already defined"),
            ("let n9 = twice(1)", "n9 : ?"),
            ("fn f(area: m) : m^2 = area(area, area)", "23: unknown name area"),
        ]
    )


def test_errors_of_meaning():
    prints(
        [
            ("let a = 1[m] + 2[s]", "14: m and s do not match"),
            ("let b = 1[m] - 2[s] + x", "14: m and s do not match"),
            ("let c = (1[m] + x) - 2", "17: unknown name x"),
            ("let d = 1[q] + x", "11: unknown unit q"),
            ("let e : m = 1[s]", "5: e is s, not m"),
            ("let f : q = x", "9: unknown unit q"),
            ("let g = g", "9: unknown name g"),
            ("let h = sqrt(1[m*s^2])", "9: no root of m s^2"),
            ("let i = sqrt(1[m^-1])", "9: no root of m^-1"),
            ("let j = sqrt()", "9: sqrt takes 1, not 0"),
            ("let k = sqrt(1, 2)", "9: sqrt takes 1, not 2"),
            ("let l = max()", "9: max takes 1 or more, not 0"),
            ("let n = max(1[m], 2[m], 3)", "9: argument 3 is 1, not m"),
            ("let n = 1", "5: n is already defined"),
            ("let sqrt = 1", "5: sqrt is already defined"),
            ("fn max() : 1 = 1", "4: max is already defined"),
            ("base m", "6: m is already defined"),
            ("unit s = m", "6: s is already defined"),
            ("let o = 1[m*(s/q)]", "16: unknown unit q"),
            ("let p = 1 + 2[m] * 3[s]", "11: 1 and m s do not match"),
            ("unit u = u*m", "10: unknown unit u"),
            ("let m = 1[m]", "m : m"),
            ("fn r(x: q, x: m) : z = y", "9: unknown unit q"),
            ("let sin = sinus(1[q])", "11: unknown name sinus"),
            ("let z = max(1[m], x, 1[q])", "19: unknown name x"),
            ("let y = 1[m] + 2[s] * w", "23: unknown name w"),
        ]
    )


def test_what_stays_unknown():
    prints(
        [
            ("let a = x", "9: unknown name x"),
            ("let b = a * 2[m]", "b : ?"),
            ("let c = a + 2[m]", "c : m"),
            ("let d = 2[s] - a + 1[s]", "d : s"),
            ("let e = a + 2[m] + 1[s]", "18: m and s do not match"),
            ("let f = sqrt(a) - a^2", "f : ?"),
            ("let g = max(a, 1[m], a)", "g : m"),
            ("let h = max(a, 1[m], 1[s])", "9: argument 3 is s, not m"),
            ("let i : s = a", "i : s"),
            ("let j : s = x", "13: unknown name x"),
            ("let k = j", "k : s"),
            ("unit q = zz", "10: unknown unit zz"),
            ("let l = 1[q*m]", "l : ?"),
            ("unit r = q^2/m", None),
            ("let m : r = 3[m]", "m : ?"),
            ("fn f1(x: nope) : m = x", "10: unknown unit nope"),
            ("let n = f1(1, 2, 3) + 1[kg]", "n : kg"),
            ("let o = f1(x)", "12: unknown name x"),
            ("fn f2(x: q) : m = x", "f2(?) : m"),
            ("let p = f2(1[s])", "p : m"),
            ("let q = f2()", "9: f2 takes 1, not 0"),
            ("fn f3(x: m) : q = 1[s]", "f3(m) : ?"),
            ("let r = f3(1[s])", "9: argument 1 is s, not m"),
            ("let s = f3(2[m]) * 1", "s : ?"),
            ("let a = 1[m]", "5: a is already defined"),
            ("let t = a", "t : ?"),
            ("let u : nope = 1[m]", "9: unknown unit nope"),
            ("let w = u + 2[s]", "w : s"),
            ("let v : m = 1[m] +", "19: syntax error"),
            ("let v2 = v", "10: unknown name v"),
            ("let y = 0 * a^0", "y : ?"),
        ]
    )


def test_syntax_errors():
    prints(
        [
            ("let = 1", "5: syntax error"),
            ("let a 1", "7: syntax error"),
            ("let a = x + ", "12: syntax error"),
            ("let a = (1 + 2   # open", "15: syntax error"),
            ("let a = 1 2", "11: syntax error"),
            ("let a = 1[m", "12: syntax error"),
            ("let a = 1[]", "11: syntax error"),
            ("let a = 2^1.5", "11: syntax error"),
            ("let a = 2^x", "11: syntax error"),
            ("let a = 2^3^2", "12: syntax error"),
            ("let a = 1[2*m]", "11: syntax error"),
            ("let a = .5", "9: syntax error"),
            ("let a = 5.", "10: syntax error"),
            ("let a = 1 $ 2", "11: syntax error"),
            ("let a = x +* $", "12: syntax error"),
            ("let a = 3m", "10: syntax error"),
            ("let unit = 3", "5: syntax error"),
            ("a = 3", "1: syntax error"),
            ("\t base", "7: syntax error"),
            ("base m s", "8: syntax error"),
            ("fn f(x) : m = 1", "7: syntax error"),
            ("fn f(x: m,) : m = 1", "11: syntax error"),
            ("fn f(x: m) = 1", "12: syntax error"),
            ("let a = f(1,)", "13: syntax error"),
            ("let a = +1", "9: syntax error"),
            ("let a = 2^--1", "12: syntax error"),
            ("let a = ()", "10: syntax error"),
            ("let a = fn(1)", "9: syntax error"),
            ("unit q = 1.0", "10: syntax error"),
            ("unit q = -m", "10: syntax error"),
            ("let a = x(1)(2)", "13: syntax error"),
            ("let a = 2--2^-2", "a : 1"),
            ("let lets = 1[ m ^ - 2 ]", "lets : m^-2"),
        ]
    )


def test_a_program_without_lines():
    assert judged("\n\n# nothing\n")[:2] == ([], 0), "a program without statements must print nothing"
    assert judged("base x\nlet a = 1[x]\n")[0] == ["a : x"]
