"""Programs in Fen, and what each mode must print for them. Expected lines were written by hand from the specification."""

import subprocess
import sys
import tempfile
from pathlib import Path

STAGES = {"parse": 3, "types": 4, "warn": 2, "run": 3}


def prints(mode, cases, status=None):
    """The cases: pairs of a program and the lines expected for it. All of them are given to one call of fen.py."""
    assert Path("fen.py").is_file(), "fen.py does not exist"
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, (program, _) in enumerate(cases):
            files.append(str(Path(folder, f"p{number}.fen")))
            Path(files[-1]).write_text(program, encoding="utf-8", newline="")
        command = [sys.executable, "-B", "-X", "utf8", "fen.py", mode, *files]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=30)
    parts = {}
    for line in done.stdout.splitlines():
        if line.startswith("# "):
            parts[line[2:]] = current = []
        else:
            assert parts, f"the output does not start with '# FILE' but with {line!r}"
            current.append(line)
    for file, (program, want) in zip(files, cases):
        have = parts.get(file)
        assert have == want, f"{mode} of {program[:300]!r}: printed {have}, expected {want}; {done.stderr[-200:]}"
    assert list(parts) == files, "the files are not printed in the order in which they are given"
    if status is not None:
        assert done.returncode == status, f"the exit status of {mode} is {done.returncode}, expected {status}"


def value(expression, *lines):
    return (f"let v = {expression};", list(lines))


def test_parse_expressions():
    cases = [
        value("1 + 2 * 3 - 4", "(let v (- (+ 1 (* 2 3)) 4))"),
        value("a || b && c || d", "(let v (|| a (|| (&& b c) d)))"),
        value("1 :: 2 + 3 :: []", "(let v (:: 1 (:: (+ 2 3) nil)))"),
        value("f x y :: g z == h", "(let v (== (:: (app (app f x) y) (app g z)) h))"),
        value("- - f x * 2", "(let v (* (neg (neg (app f x))) 2))"),
        value("a - -1", "(let v (- a (neg 1)))"),
        value("a--1\n-1", "(let v (- a 1))"),
        value("f -1", "(let v (- f 1))"),
        value("fun x y -> x y", "(let v (fun x (fun y (app x y))))"),
        value("let rec f x y = x in f", "(let v (letrec f (fun x (fun y x)) f))"),
        value("if a then fun x -> x else let y = 1 in y", "(let v (if a (fun x x) (let y 1 y)))"),
        value('[1, "a\\n\\"b\\\\\\t", (), (x, (y))]', '(let v (:: 1 (:: "a\\n\\"b\\\\\\t" (:: () (:: (pair x y) nil)))))'),
        value("Just 3 007 == Nothing", "(let v (== (app (app Just 3) 7) Nothing))"),
        value("fail (a ++ b) ++ c", "(let v (++ (fail (++ a b)) c))"),
        value("match f x with _ -> 1 | -1 -> 2 end", "(let v (match (app f x) (_ 1) (-1 2)))"),
        value("match x with | A (B y) _ :: [c, []] -> true | (a, 'b) -> 1 end", "1:59: syntax error"),
        value("match x with | A (B y) _ :: [c, []] -> true | (A, \"b\") -> 1 end", '(let v (match x ((:: (A (B y) _) (:: c (:: nil nil))) true) ((pair A "b") 1)))'),
        value("match x with a :: b :: [] -> match a with () -> 1 end | true -> 2 end", "(let v (match x ((:: a (:: b nil)) (match a (() 1))) (true 2)))"),
        value("3x_' ", "1:12: syntax error"),
        value("(f) x (1)[2]", "(let v (app (app (app f x) 1) (:: 2 nil)))"),
    ]
    prints("parse", cases, status=1)


def test_parse_declarations():
    cases = [
        ("", []),
        ("-- nothing\n", []),
        ("let f x y = x;let g = f -- c\n;", ["(let f (fun x (fun y x)))", "(let g f)"]),
        ("let rec f x = f x;", ["(letrec f (fun x (app f x)))"]),
        ("data T = T;", ["(data T () (T))"]),
        ("data P a b = P a (b, [Int]) | Q (P a (P b b)) | R (a -> Int -> b) [P a b];", ["(data P (a b) (P a (b, [Int])) (Q (P a (P b b))) (R (a -> (Int -> b)) [(P a b)]))"]),
        ("data F = F ((Int -> Int) -> Int) ((Int));", ["(data F () (F ((Int -> Int) -> Int) Int))"]),
        ("data D = D [Int -> Bool] (String, Unit -> Int);", ["(data D () (D [(Int -> Bool)] (String, (Unit -> Int))))"]),
    ]
    prints("parse", cases, status=0)


def test_parse_syntax_errors():
    cases = [
        ("let x = 1", ["1:10: syntax error"]),
        ("let x = 1;\nlet y = ;\n", ["2:9: syntax error"]),
        ("let x = 1\n", ["2:1: syntax error"]),
        ("let x = 1 -- c", ["1:15: syntax error"]),
        ("let X = 1;", ["1:5: syntax error"]),
        ("let rec x = 1;", ["1:11: syntax error"]),
        ("let x = 1 < 2 <= 3;", ["1:15: syntax error"]),
        ("let x = 1 == 2 == 3;", ["1:16: syntax error"]),
        ("let x = f fun y -> y;", ["1:11: syntax error"]),
        ("let x = 1 + if a then b else c;", ["1:13: syntax error"]),
        ("let x = (1, 2, 3);", ["1:14: syntax error"]),
        ("let x = [1, ];", ["1:13: syntax error"]),
        ("let x = match a with end;", ["1:22: syntax error"]),
        ("let x = match a with b -> 1;", ["1:28: syntax error"]),
        ("let x = match a with | | b -> 1 end;", ["1:24: syntax error"]),
        ('let x = "a\nb";', ["1:9: syntax error"]),
        ('let x = "a\\q";', ["1:9: syntax error"]),
        ("let x = a ? b;", ["1:11: syntax error"]),
        ("let x = ) ? b;", ["1:9: syntax error"]),
        ("let in = 1;", ["1:5: syntax error"]),
        ("let x = _;", ["1:9: syntax error"]),
        ("let x = fail;", ["1:13: syntax error"]),
        ("let x = fail \"a\" b;", ["1:18: syntax error"]),
        ("data t = A;", ["1:6: syntax error"]),
        ("data T A = B;", ["1:8: syntax error"]),
        ("data T = A | ;", ["1:14: syntax error"]),
        ("data T = A Int -> Int;", ["1:16: syntax error"]),
        ("data T = A (Int, Int, Int);", ["1:21: syntax error"]),
        ("1;", ["1:1: syntax error"]),
        ("let x = match a with - x -> 1 end;", ["1:24: syntax error"]),
        ("let f = fun -> 1;", ["1:13: syntax error"]),
    ]
    prints("parse", cases, status=1)
    prints("run", [("let x = 1;\nlet y = ;\n", ["2:9: syntax error"])], status=1)


DATA = "data Maybe a = Nothing | Just a;\ndata E a b = L a | R b;\n"


def test_types_of_lets():
    program = DATA + """
let id x = x;
let const x y = x;
let s f g x = f x (g x);
let twice f x = f (f x);
let pair = (id 1, id "a");
let none = Nothing;
let list = [id, fun x -> x + 1];
let empty = [];
let rec map f l = match l with [] -> [] | x :: r -> f x :: map f r end;
let rec len l = match l with [] -> 0 | _ :: r -> 1 + len r end;
let swap p = match p with (a, b) -> (b, a) end;
let mono = fun x -> let y = x in (y, y);
let poly = let i = fun x -> x in (i 1, i true);
let k = fun x -> let f = fun y -> (x, y) in (f 1, f "s");
let both = fun f -> (f 1, f 2);
let e1 = L 3;
let e2 = fun x -> if x then L 1 else R "a";
let m = map Just;
let n = Just (Just (fun x -> x));
let ho f = f id;
let never x = fail x;
let cmp a b = a == b;
"""
    lines = [
        "id : a -> a",
        "const : a -> b -> a",
        "s : (a -> b -> c) -> (a -> b) -> a -> c",
        "twice : (a -> a) -> a -> a",
        "pair : (Int, String)",
        "none : Maybe a",
        "list : [Int -> Int]",
        "empty : [a]",
        "map : (a -> b) -> [a] -> [b]",
        "len : [a] -> Int",
        "swap : (a, b) -> (b, a)",
        "mono : a -> (a, a)",
        "poly : (Int, Bool)",
        "k : a -> ((a, Int), (a, String))",
        "both : (Int -> a) -> (a, a)",
        "e1 : E Int a",
        "e2 : Bool -> E Int String",
        "m : [a] -> [Maybe a]",
        "n : Maybe (Maybe (a -> a))",
        "ho : ((a -> a) -> b) -> b",
        "never : String -> a",
        "cmp : a -> a -> Bool",
    ]
    more = """data Maybe a = Nothing | Just a;
data T k = E | N (T k) k [T k];
let f t = match t with E -> [] | N a b c -> b :: [] end;
let g = N E 1;
let h x = match x with (N l _ _, n) -> Just (l, n) | _ -> Nothing end;
"""
    prints(
        "types",
        [
            (program, lines),
            (more, ["f : T a -> [a]", "g : [T Int] -> T Int", "h : (T a, b) -> Maybe (T a, b)"]),
            ("let x = 1; let x = (x, show x); let show = x;", ["x : Int", "x : (Int, String)", "show : (Int, String)"]),
            ("let a = \"x\" ++ show (-3 % 2); let b = fun x -> x < 1 || x <= 2; let u = ();", ["a : String", "b : Int -> Bool", "u : Unit"]),
            ("data W a = W (a -> Int) [a]; let w = W; let v x = match x with W f l -> f end;", ["w : (a -> Int) -> [a] -> W a", "v : W a -> a -> Int"]),
        ],
        status=0,
    )


def test_types_that_do_not_match():
    no = "types do not match"
    cases = [
        value('1 + "a"', f"1:13: {no}"),
        value('"a" + x', f"1:9: {no}"),
        value('x + "a"', "1:9: unknown name x"),
        value("if 1 then 2 else 3", f"1:12: {no}"),
        value('if true then 2 else "a"', f"1:29: {no}"),
        value('[1, "a", true]', f"1:18: {no}"),
        value('[1, "a"]', f"1:13: {no}"),
        value("(fun x -> x x)", f"1:21: {no}"),
        value("fun f -> (f 1, f true)", f"1:26: {no}"),
        value("fun x -> let y = x in (y + 1, y ++ \"\")", f"1:39: {no}"),
        value("1 2", f"1:11: {no}"),
        value("show (1, 2)", f"1:14: {no}"),
        value("show ((1))", 'v : String'),
        value("(1 + 2) == ((true))", f"1:22: {no}"),
        value("1 :: 2", f"1:14: {no}"),
        value("1 :: []", "v : [Int]"),
        value("fail 1", f"1:14: {no}"),
        value("-true", f"1:10: {no}"),
        value('match 1 with "a" -> 1 end', f"1:22: {no}"),
        value('match 1 with x -> x | 2 -> "a" end', f"1:36: {no}"),
        value("match [1] with x :: y :: [true] -> 1 end", f"1:24: {no}"),
        value("match 1 with (x :: 3) -> 1 end", f"1:28: {no}"),
        value("match [1] with [a, [b]] -> b end", f"1:25: {no}"),
        value("1 < true && 3", f"1:13: {no}"),
        value("true && 1 :: []", f"1:17: {no}"),
        ("let a = 1;\nlet rec f x = f;\nlet b = 2;", ["a : Int", f"2:11: {no}"]),
        ("let rec f x = x + f;", [f"1:11: {no}"]),
        ("let f x = x x;", [f"1:13: {no}"]),
        ("let rec f x y = if x then f y x else y + 1;", [f"1:11: {no}"]),
        ("let g h = h h;", [f"1:13: {no}"]),
    ]
    prints("types", cases, status=1)


def test_types_other_errors():
    cases = [
        ("data A = A; data A = B;", ["1:18: type A is already defined"]),
        ("data A = A | B | A;", ["1:18: constructor A is already defined"]),
        ("data Int = A;", ["1:6: type Int is already defined"]),
        ("data A = C; data B = C;", ["1:22: constructor C is already defined"]),
        ("data A = C D;", ["1:12: unknown type D"]),
        ("data A a = C b;", ["1:14: unknown type b"]),
        ("data A a = C (A Int) [A];", ["1:23: type A takes 1"]),
        ("data A = C (Int a);", ["1:13: type Int takes 0"]),
        ("data A a b a = C;", ["1:12: a occurs twice"]),
        ("data A = C D | C;", ["1:12: unknown type D"]),
        value("Foo 1", "1:9: unknown constructor Foo"),
        value("fun x -> let y = y in x", "1:26: unknown name y"),
        value("match 1 with Foo x -> y end", "1:22: unknown constructor Foo"),
        value("match (1, 2) with (a, a) -> y end", "1:31: a occurs twice"),
        value("match x with (a, a) -> y end", "1:15: unknown name x"),
        value("match 1 with [a, b, (c, a)] -> y end", "1:33: a occurs twice"),
        ("data M a = N | J a; let v = J 1 2;", ["1:33: types do not match"]),
        ("data M a = N | J a; let v = match N with J -> 1 end;", ["1:42: constructor J takes 1"]),
        ("data M a = N | J a; let v = match N with N x -> 1 end;", ["1:42: constructor N takes 0"]),
        ("data M a = N | J a; let v = match J 1 with J true -> 1 end;", ["1:44: types do not match"]),
        ("data M a = N | J a Int; let v = match N with J true false -> 1 end;", ["1:53: types do not match"]),
        ("let f x = x; let g y = f z; let h = 1;", ["f : a -> a", "1:26: unknown name z"]),
        ("let f x = g x; let g x = 1;", ["1:11: unknown name g"]),
        ("let f = match 1 with x -> x end + x;", ["1:33: syntax error"]),
        ("let f = (match 1 with x -> x end) + x;", ["1:37: unknown name x"]),
    ]
    prints("types", cases, status=1)
    prints("warn", cases[:1] + [("let f x = 1 + true; let g x = match x with 1 -> 1 end;", ["1:15: types do not match"])], status=1)


def test_warn():
    def match(of, *patterns):
        return DATA + "data C = X | Y | Z;\nlet v w = match w with\n" + "\n".join(f"| {p} -> 0" for p in patterns) + "\nend;" if of else ""

    no, unused = "4:11: not exhaustive", lambda *numbers: [f"{4 + number}:3: unused case" for number in numbers]
    cases = [
        (match(1, "x"), []),
        (match(1, "x", "y"), unused(2)),
        (match(1, "true", "false"), []),
        (match(1, "true", "true", "false", "_"), unused(2, 4)),
        (match(1, "1", "2", "1"), [no, *unused(3)]),
        (match(1, '"a"', "_"), []),
        (match(1, "()"), []),
        (match(1, "()", "_"), unused(2)),
        (match(1, "X", "Z"), [no]),
        (match(1, "Z", "X", "Y"), []),
        (match(1, "X", "Y", "_", "Z"), unused(4)),
        (match(1, "[]", "[x]", "x :: y :: z"), []),
        (match(1, "[]", "[x]", "[x, y]"), [no]),
        (match(1, "[]", "true :: _", "[false]", "false :: _ :: _", "_"), unused(5)),
        (match(1, "(true, _)", "(_, true)", "(false, false)"), []),
        (match(1, "(true, _)", "(_, true)", "(false, true)"), [no, *unused(3)]),
        (match(1, "(_, X)", "(X, _)", "(Y, Y)", "(Z, Z)", "(Y, Z)"), [no]),
        (match(1, "(_, X)", "(X, _)", "(Y, Y)", "(Z, Z)", "(Y, Z)", "(Z, Y)", "(_, _)"), unused(7)),
        (match(1, "Just (Just 1)", "Nothing", "Just Nothing"), [no]),
        (match(1, "Just (Just _)", "Nothing", "Just Nothing", "Just _"), unused(4)),
        (match(1, "L (R x)", "R (L X)", "L (L _)", "R (R _)", "R (L Y)"), [no]),
        (match(1, "L (R x)", "R (L X)", "L (L _)", "R (R _)", "R (L Y)", "R (L Z)"), []),
        (match(1, "(1, x)", "(x, 1)", "(2, 2)", "(1, 1)", "(y, z)", "(3, 3)"), unused(4, 6)),
        (match(1, "-1", "1", "-1"), [no, *unused(3)]),
        (match(1, "(X, (a, true))", "(_, (_, false))", "(Y, b)"), [no]),
        (match(1, "(X, (a, true))", "(_, (_, false))", "(Y, b)", "(Z, (_, true))"), []),
    ]
    prints("warn", cases, status=0)


def test_warn_in_the_order_of_the_text():
    program = """let f x = match match x with true -> 1 end with
  1 -> match x with false -> (match x with y -> 1 | z -> 2 end) | false -> 1 end
end;
let g = match [1] with [] -> 1 end;
let h = fun p -> if match p with (a, _) -> a end then 1 else let q = match p with (true, c) -> c end in q;"""
    want = [
        "1:11: not exhaustive",
        "1:17: not exhaustive",
        "2:8: not exhaustive",
        "2:53: unused case",
        "2:67: unused case",
        "4:9: not exhaustive",
        "5:70: not exhaustive",
    ]
    prints("warn", [(program, want), ("let x = 1;", []), ("let x = 1 / 0;", [])], status=0)


def test_run_values():
    program = DATA + r"""
data T = Leaf | Node T Int (Maybe Int) [Int];
let a = [7 / 2, -7 / 2, 7 / -2, 7 % 3, -7 % 3, 7 % -3, 2 - 3 - 4];
let b = ("q\"\\" ++ "\n\t", ((), true && false || 1 <= 1));
let c = Node Leaf (-3) (Just (-1)) [-2];
let d = (Just Leaf, L (R Nothing));
let e = Node Leaf;
let f = (fun x -> x, [Just, fun x -> Nothing]);
let g = [(1, "a") == (1, "a"), [1, 2] == [1, 3], Just 1 == Nothing, () == (), [] == [1], Node Leaf 1 Nothing [1] == c];
let h = let x = 1 in let f = fun y -> x + y in let x = 10 in f x;
let i = false && (1 / 0 == 1) || true || fail "no";
let j = match (1, [2, 3]) with (1, []) -> 0 | (n, [m]) -> 1 | (n, m :: k :: []) -> n * 100 + m * 10 + k | _ -> 9 end;
let k = show (-12) ++ show 0;
let l = match -1 with -1 -> "minus" | _ -> "other" end;
let show x = "mine";
let m = show 1;
let n = Just (Just (-1));
let o = [(Just (-1), -1)];
let p = 123456789012345678901234567890 * 10;
let q = match "a" with "b" -> 1 | "a" -> 2 | _ -> 3 end;
let r = if [1] == [] then 1 else if "x" == "x" then 2 else 3;
let s = (1, fun x -> x) == (2, fun x -> x);
"""
    lines = [
        "a = [3, -4, -4, 1, 2, -2, -5]",
        'b = ("q\\"\\\\\\n\\t", ((), true))',
        "c = Node Leaf (-3) (Just (-1)) [-2]",
        "d = (Just Leaf, L (R Nothing))",
        "e = <fun>",
        "f = (<fun>, [<fun>, <fun>])",
        "g = [true, false, false, true, false, false]",
        "h = 11",
        "i = true",
        "j = 123",
        'k = "-120"',
        'l = "minus"',
        "show = <fun>",
        'm = "mine"',
        "n = Just (Just (-1))",
        "o = [(Just (-1), -1)]",
        "p = 1234567890123456789012345678900",
        "q = 2",
        "r = 2",
        "s = false",
    ]
    prints("run", [(program, lines)], status=0)


def test_run_errors():
    start = "let a = 1;\n"
    cases = [
        (start + "let b = (1 +\n 2) / (1 - 1);", ["a = 1", "3:5: division by zero"]),
        (start + "let b = 1 % 0; let c = 2;", ["a = 1", "2:11: division by zero"]),
        (start + "let f x = match x with 1 -> 2 end; let b = f 1; let c = f 2;", ["a = 1", "f = <fun>", "b = 2", "2:11: no case matches"]),
        (start + "let b = (fun x -> x) == (fun x -> x);", ["a = 1", "2:22: functions cannot be compared"]),
        (start + "let b = (1, fun x -> x) == (1, fun x -> x);", ["a = 1", "2:25: functions cannot be compared"]),
        (start + "let f x = if x then fail (\"a\" ++ \"b \\\"c\\\"\") else 1; let b = f false; let c = f true;", ["a = 1", "f = <fun>", "b = 1", "2:21: failed: ab \"c\""]),
        ("let f = fail \"f\"; let x = 1;", ["1:9: failed: f"]),
        ("let x = (fun a -> fail \"body\") (fail \"argument\");", ["1:33: failed: argument"]),
        ("let x = (1 / 0) :: fail \"x\";", ["1:12: division by zero"]),
        ("let x = (fail \"function\") (1 / 0);", ["1:10: failed: function"]),
        ("data M = A | B Int (Int -> Int); let x = B 1 (fun x -> x) == B 2 (fun x -> x); let y = B 1 (fun x -> x) == A; let z = B 1 (fun x -> x) == B 1 (fun x -> x);",
         ["x = false", "y = false", "1:136: functions cannot be compared"]),
        ("let x = 1 + \"a\"; let y = 1;", ["1:13: types do not match"]),
        ("let x = 2; let y = x + true;", ["1:24: types do not match"]),
    ]
    prints("run", cases, status=1)


def test_run_loops_and_recursion():
    program = """
let rec loop n acc = if n == 0 then acc else loop (n - 1) (acc + n);
let a = loop 30000 0;
let rec down n = match n with 0 -> "done" | _ -> let m = n - 1 in down m end;
let b = down 30000;
let rec sum n = if n == 0 then 0 else n + sum (n - 1);
let c = sum 3000;
let rec upto n = if n == 0 then [] else n :: upto (n - 1);
let rec len l = match l with [] -> 0 | _ :: r -> 1 + len r end;
let d = len (upto 3000);
"""
    lines = ["loop = <fun>", "a = 450015000", "down = <fun>", 'b = "done"', "sum = <fun>", "c = 4501500", "upto = <fun>", "len = <fun>", "d = 3000"]
    prints("run", [(program, lines)], status=0)
