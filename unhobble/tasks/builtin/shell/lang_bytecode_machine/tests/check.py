"""Programs in Tarn, and what each mode must print for them; long ones lie in programs/. What is expected was checked by hand against the specification."""

import subprocess
import sys
import tempfile
from pathlib import Path

STAGES = {"tokens": 1, "tree": 2, "run": 3, "errors": 2, "compile": 4, "exec": 3}
PROGRAMS = Path(__file__).resolve().parent / "programs"


def outputs(mode, programs):
    """The lines printed for each program and the exit status; all of them are given to one call."""
    assert Path("tarn.py").is_file(), "tarn.py does not exist"
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, program in enumerate(programs):
            files.append(str(Path(folder, f"p{number}.tarn")))
            Path(files[-1]).write_text(program, encoding="utf-8", newline="")
        command = [sys.executable, "-B", "-X", "utf8", "tarn.py", mode, *files]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=30)
    parts = {}
    for line in done.stdout.split("\n")[:-1]:
        if line.startswith("# "):
            parts[line[2:]] = current = []
        else:
            assert parts, f"the output of {mode} does not start with '# FILE' but with {line!r}"
            current.append(line)
    assert list(parts) == files, f"{mode} printed {len(parts)} of {len(files)} files: {done.stderr[-300:]}"
    return list(parts.values()), done.returncode


def prints(mode, cases, status):
    """The cases: pairs of a program and the lines expected for it."""
    found, ended = outputs(mode, [program for program, _ in cases])
    for (program, want), have in zip(cases, found):
        if have != want:
            number = next((n for n, (a, b) in enumerate(zip(have, want)) if a != b), min(len(have), len(want)))
            raise AssertionError(f"{mode} of {program[:200]!r}: line {number + 1} is {have[number : number + 1]}, expected {want[number : number + 1]}")
    assert ended == status, f"the exit status of {mode} is {ended}, expected {status}"


def program(name):
    return (PROGRAMS / name).read_text(encoding="utf-8")


def lines(name):
    return program(name).split("\n")[:-1]


def test_tokens():
    cases = [
        ("", ["1:1 end"]),
        ("a<=b==!=c", ["1:1 name a", "1:2 op <=", "1:4 name b", "1:5 op ==", "1:7 op !=", "1:9 name c", "1:10 end"]),
        ("while whiles _1a 12ab", ["1:1 word while", "1:7 name whiles", "1:14 name _1a", "1:18 int 12", "1:20 name ab", "1:22 end"]),
        ('"a\\n\\"\\\\" 007\n', ['1:1 string "a\\n\\"\\\\"', "1:11 int 007", "2:1 end"]),
        ('"// no" // "c\n/* a /* b */ c\n*/\tx/**/y /', ['1:1 string "// no"', "3:4 name x", "3:9 name y", "3:11 op /", "3:12 end"]),
        ('a\r\n\r\n "grün" b\r\n', ["1:1 name a", '3:2 string "grün"', "3:9 name b", "4:1 end"]),
        ("==== = <<=", ["1:1 op ==", "1:3 op ==", "1:6 op =", "1:8 op <", "1:9 op <=", "1:11 end"]),
        ("*/ /* // */ 1", ["1:1 op *", "1:2 op /", "1:13 int 1", "1:14 end"]),
    ]
    prints("tokens", cases, 0)


def test_tokens_errors():
    cases = [
        ("a ! b", ["1:1 name a", "1:3: syntax error"]),
        ("a\n /* b /* c */", ["1:1 name a", "2:2: syntax error"]),
        ('x = "a\\q";', ["1:1 name x", "1:3 op =", "1:5: syntax error"]),
        ('"open\n"', ["1:1: syntax error"]),
        ("ok", ["1:1 name ok", "1:3 end"]),
        ("grün", ["1:1 name gr", "1:3: syntax error"]),
        ("a.b", ["1:1 name a", "1:2: syntax error"]),
    ]
    prints("tokens", cases, 1)


def test_tree():
    cases = [
        ("", []),
        ("var a; var b = 1 + 2 * 3 - 4;", ["(var a)", "(var b (- (+ 1 (* 2 3)) 4))"]),
        ("a or b and not c == d or e;", ["(expr (or (or a (and b (not (== c d)))) e))"]),
        ("not not - - a % b * c;", ["(expr (not (not (* (% (neg (neg a)) b) c))))"]),
        ("f(1)[2](a, b)();", ["(expr (call (call (index (call f 1) 2) a b)))"]),
        ("-a[0] + -f();", ["(expr (+ (neg (index a 0)) (neg (call f))))"]),
        ("a = 1; a[i] = b; (a)[0] = (1); f()[0][1] = [];", ["(set a 1)", "(setindex a i b)", "(setindex a 0 1)", "(setindex (index (call f) 0) 1 (list))"]),
        ("fun f() {} fun g(a, b) { return; return a; }", ["(fun f ())", "(fun g (a b) (return) (return a))"]),
        ("fun (x) { print; print 1, \"a\\n\"; }(2);", ['(expr (call (lambda (x) (print) (print 1 "a\\n")) 2))']),
        ("if a { } else if b { c; } else { { } }", ["(if a (block) (if b (block (expr c)) (block (block))))"]),
        ("if a { b; }", ["(if a (block (expr b)))"]),
        ("while true { break; continue; } for x in [nil, 007] { }", ["(while true (block (break) (continue)))", "(for x (list nil 7) (block))"]),
        ("a - b - c < d + e;", ["(expr (< (- (- a b) c) (+ d e)))"]),
        ("var f = fun () { fun g() { } };", ["(var f (lambda () (fun g ())))"]),
        ("[1, [2], fun () { }];", ["(expr (list 1 (list 2) (lambda ())))"]),
        ("a == (b == c);", ["(expr (== a (== b c)))"]),
    ]
    prints("tree", cases, 0)


def test_tree_syntax_errors():
    cases = [
        ("a", "1:2"), ("a = 1", "1:6"), ("var 1;", "1:5"), ("a == b == c;", "1:8"), ("a < b >= c;", "1:7"), ("a == not b;", "1:6"), ("(a) = 1;", "1:5"), ("(a[0]) = 1;", "1:8"),
        ("-a[0] = 1;", "1:7"), ("a == b[0] = 1;", "1:11"), ("f() = 1;", "1:5"), ("a = b = c;", "1:7"), ("if a b;", "1:6"), ("if (a) { } else b;", "1:17"), ("{ a;\n", "2:1"),
        ("fun f(a,) { }", "1:9"), ("fun f { }", "1:7"), ("[1, ];", "1:5"), ("f(1 2);", "1:5"), ("print 1,;", "1:9"), ("return\n}", "2:1"), ("for 1 in a { }", "1:5"), ("for a of b { }", "1:7"),
        ("var x = 1 ? 2;", "1:11"), ("var x = ) ?", "1:9"), ("}", "1:1"), ("- not a;", "1:3"), ("a[];", "1:3"), ("while { }", "1:7"), ("else { }", "1:1"), ("var if = 1;", "1:5"),
        ("print print;", "1:7"), ("fun () { };\nfun () { }", "2:11"), ("a;;", "1:3"), ("/* open", "1:1"), ("var x = +1;", "1:9"),
    ]
    prints("tree", [(text, [f"{place}: syntax error"]) for text, place in cases], 1)
    some = [(text, [f"{place}: syntax error"]) for text, place in cases[:3]]
    prints("run", some, 1)
    prints("compile", some, 1)


def test_run():
    prints("run", [(program("run.tarn"), lines("run.out")), ("", []), ("print 1;", ["1"])], 0)


def test_run_that_loops_and_deep_calls_work():
    text = """var n = 0; var sum = 0;
while n < 20000 { n = n + 1; if n % 3 == 0 { continue; } sum = sum + n; }
print sum;
fun down(n) { if n == 0 { return "bottom"; } return down(n - 1); }
print down(299);
var l = []; for i in [1, 2, 3] { for j in [1, 2] { push(l, i * j); } } print l;
var grow = [1]; for x in grow { if len(grow) < 50 { push(grow, x + 1); } } print len(grow), grow[49];
"""
    prints("run", [(text, ["133346667", "bottom", "[1, 2, 2, 4, 3, 6]", "50 50"])], 0)


def value(text, *want):
    return (f"print 0; print {text};", ["0", *want])


def test_errors_of_names():
    cases = [
        ("print 1; print x;", ["1:16: x is not defined"]),
        ("var a; var b; var a;", ["1:19: a is already defined"]),
        ("var a; { var a; { var a; } var b; fun b() { } }", ["1:39: b is already defined"]),
        ("fun f(a, b, a) { }", ["1:13: a is already defined"]),
        ("fun f(a) { var a; }", ["1:16: a is already defined"]),
        ("fun f(f) { { var f; } f = 1; } var f;", ["1:36: f is already defined"]),
        ("for i in [1] { var i; } for i in i { }", ["1:34: i is not defined"]),
        ("var a = a;", ["1:9: a is not defined"]),
        ("var f = fun () { f(); };", ["1:18: f is not defined"]),
        ("fun f() { f(); g(); } fun g() { }", ["1:16: g is not defined"]),
        ("{ var a; } a = 1;", ["1:12: a is not defined"]),
        ("len = 1;", ["1:1: len cannot be assigned"]),
        ("var str = 1; str = 2; pop = str;", ["1:23: pop cannot be assigned"]),
        ("break;", ["1:1: break outside of a loop"]),
        ("while true { fun f() { continue; } }", ["1:24: continue outside of a loop"]),
        ("while true { fun f() { while true { } break; } }", ["1:39: break outside of a loop"]),
        ("if true { return x; }", ["1:11: return outside of a function"]),
        ("var a; var a = b;", ["1:12: a is already defined"]),
        ("a[b] = c;", ["1:1: a is not defined"]),
        ("print 1; a = b;", ["1:10: a is not defined"]),
        ("var a = b; len = 1; break;", ["1:9: b is not defined"]),
    ]
    prints("run", cases, 1)
    prints("compile", cases, 1)


def test_errors_of_values():
    cases = [
        value("1 + \"a\"", "1:18: cannot apply + to int and string"),
        value("[1] + nil", "1:20: cannot apply + to list and nil"),
        value("\"a\" * 2", "1:20: cannot apply * to string and int"),
        value("[1] < [2]", "1:20: cannot apply < to list and list"),
        value("true >= false", "1:21: cannot apply >= to bool and bool"),
        value("1 + true", "1:18: cannot apply + to int and bool"),
        value("1 / 0", "1:18: division by zero"),
        value("1 % (2 - 2)", "1:18: division by zero"),
        value("1 - len", "1:18: cannot apply - to int and function"),
        value("-true", "1:16: cannot apply - to bool"),
        value("not 1", "1:16: cannot apply not to int"),
        value("1 and 2", "1:18: condition is not a bool"),
        value("true and nil or 1", "1:29: condition is not a bool"),
        value("1[0]", "1:17: cannot index int"),
        value("[1][true]", "1:19: index is not an int"),
        value("[1][-1]", "1:19: index -1 out of range"),
        value("\"ab\"[2]", "1:20: index 2 out of range"),
        value("nil()", "1:19: cannot call nil"),
        value("nil(1 / 0)", "1:22: division by zero"),
        value("len(1)", "1:19: cannot apply len to int"),
        value("len()", "1:19: expected 1 arguments, not 0"),
        value("push(1, 2)", "1:20: cannot apply push to int"),
        value("push([])", "1:20: expected 2 arguments, not 1"),
        value("pop(\"a\")", "1:19: cannot apply pop to string"),
        value("pop([])", "1:19: pop of an empty list"),
        value("str(1, 2)", "1:19: expected 1 arguments, not 2"),
        value("fun (a) { }()", "1:27: expected 1 arguments, not 0"),
        ("if 1 { }", ["1:1: condition is not a bool"]),
        ("var x; while x { }", ["1:8: condition is not a bool"]),
        ("if true { } for i in \"abc\" { }", ["1:13: cannot iterate over string"]),
        ("var s = \"abc\"; s[0] = \"x\";", ["1:17: cannot assign to an element of string"]),
        ("var s = [1]; s[nil] = 1 / 0;", ["1:25: division by zero"]),
        ("var s = [1]; s[nil] = 1;", ["1:15: index is not an int"]),
        ("var s = [[1]]; s[0][1] = 1;", ["1:20: index 1 out of range"]),
        ("print 1, 2; print 3, -nil;", ["1 2", "1:22: cannot apply - to nil"]),
    ]
    prints("run", cases, 1)


def test_errors_in_calls():
    cases = [
        ("fun f(n) {\n  if n == 0 { return 1 / n; }\n  return f(n - 1);\n}\nprint f(2);", ["2:24: division by zero", "  called at 3:11", "  called at 3:11", "  called at 5:8"]),
        ("fun f(g) { g(1); }\nfun ok(a) { }\nf(ok);\nf(fun () { });", ["1:13: expected 0 arguments, not 1", "  called at 4:2"]),
        ("fun f(n) { return f(n + 1); }\nf(0);", ["1:20: too many calls", *["  called at 1:20"] * 10, "  ..."]),
        ("fun f(n) { if n == 9 { nil(); } f(n + 1); }\nf(0);", ["1:27: cannot call nil", *["  called at 1:34"] * 9, "  called at 2:2"]),
        ("fun f(n) { if n == 10 { len(n); } f(n + 1); }\nf(0);", ["1:28: cannot apply len to int", *["  called at 1:36"] * 10, "  ..."]),
        ("fun f() { for i in [1] { while true { return 1; } } }\nf(); f(); pop([1]);\n(fun () { f(); 1[0]; })();", ["3:17: cannot index int", "  called at 3:24"]),
        ("fun d(n) { if n == 0 { return len([]); } return d(n - 1); } print d(299); print d(300);", ["0", "1:50: too many calls", *["  called at 1:50"] * 10, "  ..."]),
    ]
    prints("run", cases, 1)


def test_compile_variables_and_statements():
    prints("compile", [(program("a.tarn"), lines("a.code")), ("", ["function 0 main parameters 0 slots 0", "  0 1:1 CONST nil", "  1 1:1 RETURN"])], 0)


def test_compile_captures():
    prints("compile", [(program("b.tarn"), lines("b.code"))], 0)


def test_compile_captures_in_loops():
    prints("compile", [(program("c.tarn"), lines("c.code"))], 0)


def test_compile_a_name_that_is_declared_later():
    text = "var x = 1;\n{ fun f() { return x; } var x = 2; f(); }\nx;"
    want = [
        "function 0 main parameters 0 slots 3",
        "  0 1:9 CONST 1",
        "  1 1:5 NEWCELL 0",
        "  2 2:3 CLOSURE 1",
        "  3 2:7 SET 1",
        "  4 2:33 CONST 2",
        "  5 2:29 SET 2",
        "  6 2:36 GET 1",
        "  7 2:37 CALL 0",
        "  8 2:39 POP",
        "  9 3:1 GETCELL 0",
        "  10 3:2 POP",
        "  11 3:3 CONST nil",
        "  12 3:3 RETURN",
        "function 1 f parameters 0 slots 0 captures local 0",
        "  0 2:20 GETUP 0",
        "  1 2:13 RETURN",
        "  2 2:23 CONST nil",
        "  3 2:23 RETURN",
    ]
    prints("compile", [(text, want)], 0)


WRITTEN = """
function 2 twice parameters 1 slots 1
  0 9:1 CONST 5
  1 9:1 GET 0
  2 9:2 GET 0
  3 9:3 ADD
  4 9:4 RETURN

function 0 main parameters 0 slots 4
  0 1:1 CONST 3
  1 1:1 SET 2
  2 1:2 GET 2
  3 1:3 CONST 0
  4 1:4 GT
  5 1:5 JUMPIFNOT 16
  6 1:6 CONST "left  behind"
  7 1:6 GET 2
  8 1:7 CLOSURE 2
  9 1:8 GET 2
  10 1:9 CALL 1
  11 1:10 PRINT 3
  12 1:11 GET 2
  13 1:12 CONST 1
  14 1:13 SUB
  15 1:14 JUMP 1
  16 2:1 CONST 10
  17 2:1 NEWCELL 0
  18 2:2 CLOSURE 7
  19 2:2 SET 1
  20 2:2 CLOSURE 7
  21 2:2 SET 3
  22 2:3 CONST 20
  23 2:3 SETCELL 0
  24 2:4 GET 1
  25 2:4 CALL 0
  26 2:4 GET 3
  27 2:4 CALL 0
  28 2:4 GETCELL 0
  29 2:5 PRINT 3
  30 2:6 CONST 0
  31 2:6 NEWCELL 0
  32 2:7 GET 1
  33 2:7 CALL 0
  34 2:7 GETCELL 0
  35 2:7 LIST 2
  36 2:8 PRINT 1
  37 2:8 BUILTIN str
  38 2:8 CLOSURE 7
  39 2:8 CALL 1
  40 2:8 CONST true
  41 2:8 OR 44
  42 2:8 CONST nil
  43 2:8 POP
  44 2:8 PRINT 2
  45 2:9 CONST nil
  46 2:9 RETURN
  47 3:1 CONST "never"
  48 3:1 PRINT 1
function 7 - parameters 0 slots 1 captures local 0
  0 4:1 CLOSURE 1
  1 4:2 CALL 0
  2 4:3 RETURN
function 1 inner parameters 0 slots 1 captures up 0
  0 5:1 GETUP 0
  1 5:2 CONST 1
  2 5:3 ADD
  3 5:4 SETUP 0
  4 5:5 GETUP 0
  5 5:6 RETURN
"""


def code(*instructions, slots=3):
    return f"function 0 main parameters 0 slots {slots}\n" + "".join(f"  {n} {n + 1}:7 {line}\n" for n, line in enumerate(instructions))


def test_exec_written_code():
    want = ["left  behind 3 6", "left  behind 2 4", "left  behind 1 2", "21 22 22", "[23, 0]", "<fun> true"]
    loop = ["CONST 1", "CONST 2", "LIST 2", "ITER 1", "NEXT 1 8", "CONST \"at\"", "PRINT 2", "JUMP 4", "CONST \"\\\"\\n\\\\t\"", "LIST 1", "PRINT 1", "CONST -5", "PRINT 1", "CONST false", "RETURN"]
    cases = [(WRITTEN, want), (code(*loop), ["1 at", "2 at", '["\\"\\n\\\\t"]', "-5"]), (code("PRINT 0", "CONST 1", "RETURN"), [""])]
    cases.append((code("CONST false", "AND 3", "CONST 1", "JUMPIFNOT 6", "CONST \"no\"", "PRINT 1", "CONST \"yes\"", "PRINT 1", "CONST nil", "RETURN"), ["yes"]))
    prints("exec", cases, 0)


def test_exec_errors():
    call = "function 0 main parameters 0 slots 1\n  0 1:1 CLOSURE 1\n  1 1:2 CALL 0\n  2 1:3 RETURN\nfunction 1 f parameters 0 slots 0\n"
    cases = [
        (code("CONST 1", "PRINT 1", "CONST 1", "CONST nil", "ADD"), ["1", "5:7: cannot apply + to int and nil"]),
        (code("CONST 1", "JUMPIFNOT 0"), ["2:7: condition is not a bool"]),
        (code("CONST nil", "OR 0"), ["2:7: condition is not a bool"]),
        (code("CONST 1", "ITER 0"), ["2:7: cannot iterate over int"]),
        (code("CONST \"a\"", "CONST 0", "CONST 1", "SETINDEX"), ["4:7: cannot assign to an element of string"]),
        (code("BUILTIN pop", "LIST 0", "CALL 1"), ["3:7: pop of an empty list"]),
        (call + "  0 2:1 CONST 1\n  1 2:2 CONST 0\n  2 2:3 MOD\n", ["2:3: division by zero", "  called at 1:2"]),
        (call + "  0 2:1 CLOSURE 1\n  1 2:2 CALL 0\n  2 2:3 RETURN\n", ["2:2: too many calls", *["  called at 2:2"] * 10, "  ..."]),
        (call + "  0 2:1 CONST 5\n  1 2:2 CALL 0\n", ["2:2: cannot call int", "  called at 1:2"]),
    ]
    prints("exec", cases, 1)


def test_exec_gives_what_run_gives():
    texts = [program("run.tarn"), "fun f(n) { return 10 / n + f(n - 1); } print 1; f(3);", "var l = [1]; for x in l { print x; l[len(l)] = 1; }", "fun d(n) { d(n + 1); } d(0);"]
    codes, _ = outputs("compile", texts)
    ran, _ = outputs("run", texts)
    done, _ = outputs("exec", ["\n".join(part) + "\n" for part in codes])
    assert ran[0] == lines("run.out"), "run does not print what it should"
    for text, have, want in zip(texts, done, ran):
        assert have == want, f"exec of the code of {text[:80]!r} prints {have[-3:]}, run prints {want[-3:]}"
