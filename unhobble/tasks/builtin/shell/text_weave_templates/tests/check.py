"""The template engine weave.py: output, white space, scopes, includes and the place of errors."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

DRIVER = """
import json, os, sys
sys.path.insert(0, os.getcwd())
cases = json.load(open(sys.argv[1], encoding="utf-8"))
import weave
results = []
for main, data in cases:
    before = json.dumps(data)
    try:
        result = ["text", weave.render(main, data)]
    except weave.TemplateError as error:
        result = ["error", error.file, error.line]
    except BaseException as error:
        result = ["crash", type(error).__name__ + ": " + str(error)]
    if json.dumps(data) != before:
        result = ["crash", "render changed the data it was given"]
    results.append(result)
json.dump(results, open(sys.argv[2], "w", encoding="utf-8"))
"""

# each case: the templates (the first is rendered), the data, and the text or the (file, line) of the error
EXPRESSIONS = [
    ("{{ 1 }}{{'a'}}{{ null }}{{ true }}{{false}}{{ -12 }}|{{x}}", {"x": "é\u4e2d"}, "1atruefalse-12|é\u4e2d"),
    ("{{ a.b.c }}|{{ a.list.1 }}|{{ a.list.9 }}|{{ a.x.y.z }}|{{ nope }}|{{ s.0 }}|{{ a.7 }}",
     {"a": {"b": {"c": 5}, "list": ["p", "q"], "7": "seven"}, "s": "text"}, "5|q||||"+"|seven"),
    ("{{ v }} {{ o }}", {"v": [1, None, "ä\"", True], "o": {"z": [], "a": {}}}, '[1,null,"ä\\"",true] {"z":[],"a":{}}'),
    (r"""{{ "}}" }}{{ '%}' }}{{ "a\"b\\\n\tc\'" }}""", {}, "}}%}a\"b\\\n\tc'"),
    ("{{ '|' | replace('|', \"a|b\") | upper }}", {}, "A|B"),
    ("{{ 1 == true }}{{ 0 == false }}{{ '1' == 1 }}{{ l == m }}{{ null == nope }}{{ 2 != 2 }}", {"l": [1, [0]], "m": [True, [False]]},
     "falsefalsefalsefalsetruefalse"),
    ("{{ o == p }}{{ l == l }}", {"o": {"a": 1, "b": [2]}, "p": {"b": [2], "a": 1}, "l": [1, "x"]}, "truetrue"),
    ("{{ 2 < 10 }}{{ 'a' < 'B' }}{{ 'Z' <= 'Z' }}{{ 3 > 3 }}{{ 3 >= 3 }}", {}, "truefalsetruefalsetrue"),
    ("{{ 'x' or 0 }}{{ '' or null }}{{ 1 and 'y' }}{{ not empty }}{{ not not 'a' }}", {"empty": {}}, "truefalsetruetruetrue"),
    ("{{ true or false and false }}{{ (true or false) and false }}{{ not 1 == 2 }}{{ not false and false }}", {}, "truefalsetruefalse"),
    ("{{ false and (1 < 'a') }}{{ true or (1 < 'a') }}", {}, "falsetrue"),
    ("{{ 'b' in 'abc' }}{{ 1 in l }}{{ true in l }}{{ 'k' in o }}{{ 'v' in o }}{{ 3 in nope }}{{ not 'q' in o }}",
     {"l": [1, 2], "o": {"k": "v"}}, "truetruefalsetruefalsefalsetrue"),
    ("{{ x | length > 2 and x | upper == 'ABC' }}", {"x": "abc"}, "true"),
    ("{{ missing | default(alt | default('n/a')) }}{{ '' | default(7) }}{{ 0 | default(7) }}{{ false | default(7) }}", {}, "n/a70false"),
    ("{{ l | join(', ') }};{{ l | sort | join('') }};{{ w | sort | join(' ') }};{{ l | length }}", {"l": [10, 9, -1], "w": ["b", "B", "a"]},
     "10, 9, -1;-1910;B a b;3"),
    ("{{ m | join('/') }}", {"m": [None, True, "x", [1]]}, "/true/x/[1]"),
    ("{{ h | escape }}{{ 5 | escape }}{{ nope | escape }}", {"h": "<a href=\"x\">Tom's &amp;</a>"},
     "&lt;a href=&quot;x&quot;&gt;Tom&#39;s &amp;amp;&lt;/a&gt;5"),
    ("[{{ ' \t x \n' | trim }}][{{ 'ab' | pad(5) }}][{{ 'ab' | pad(-5) }}][{{ 'abcdef' | pad(3) }}]", {}, "[x][ab   ][   ab][abcdef]"),
    ("{{ l | first }}{{ l | last }}{{ 'xyz' | first }}{{ 'xyz' | last }}{{ '' | first }}{{ e | last | default('none') }}", {"l": [1, 2], "e": []}, "12xznone"),
    ("{{ t | indent(2) }}", {"t": "a\nb\n\nc\n"}, "a\n  b\n\n  c\n"),
    ("{{ o.in }}{{ o.true }}{{ o._x1 }}", {"o": {"in": 1, "true": 2, "_x1": 3}}, "123"),
    ("}} %} { # { { {x} #}", {}, "}} %} { # { { {x} #}"),
    ("a{# {{ not }} \" {% even %} \n #}b{##}c", {}, "abc"),
    ("{{\n  'two\nlines'\n  |\n  upper\n}}", {}, "TWO\nLINES"),
]
STATEMENTS = [
    ("{% if a %}A{% elif b %}B{% elif c %}C{% else %}D{% end %}", {"a": 0, "b": "", "c": [0]}, "C"),
    ("{% if a %}A{% elif b %}B{% else %}D{% end %}", {"a": {}, "b": False}, "D"),
    ("{% if 1 %}{% if 0 %}x{% else %}y{% end %}{% end %}", {}, "y"),
    ("{% for x in l %}{{ loop.index }}/{{ loop.length }}{{ x }}{% if not loop.last %},{% end %}{% end %}", {"l": ["a", "b", "c"]}, "1/3a,2/3b,3/3c"),
    ("{% for k, v in o %}{{ k }}={{ v }};{% end %}{% for k in o %}{{ k }}{% end %}{% for i, v in l %}{{ i }}{{ v }}{% end %}",
     {"o": {"z": 1, "a": 2}, "l": ["p", "q"]}, "z=1;a=2;za0p1q"),
    ("{% for x in e %}x{% else %}none{% end %}{% for x in nope %}x{% else %}null{% end %}{% for x in o %}x{% else %}empty{% end %}{% for x in l %}x{% else %}y{% end %}",
     {"e": [], "o": {}, "l": [0]}, "nonenullemptyx"),
    ("{% for r in t %}{% for c in r %}{{ loop.parent.index }}.{{ loop.index }}{% if loop.first %}f{% end %}{{ c }} {% end %}{{ loop.index }};{% end %}{{ loop }}",
     {"t": [["a", "b"], ["c"]]}, "1.1fa 1.2b 1;2.1fc 2;"),
    ("{% for x in l %}{% if loop.parent == null %}top{% end %}{% end %}", {"l": [1]}, "top"),
    ("{% set n = 1 %}{% for x in l %}{{ n }}{% set n = x %}{{ n }} {% end %}{{ n }}", {"l": [5, 6]}, "15 16 1"),
    ("{% if true %}{% set n = 'inside' %}{% end %}{{ n }}", {}, "inside"),
    ("{% for x in e %}{% else %}{% set n = 'kept' %}{% end %}{{ n }}", {"e": []}, "kept"),
    ("{% set x = x | upper %}{{ x }}{% for x in l %}{{ x }}{% end %}{{ x }}", {"x": "a", "l": [1]}, "A1A"),
    ("{% set ok = a < 3 and not b %}{{ ok }}", {"a": 2}, "true"),
    ("{% for x in 'a' | default(l) %}{% end %}", {"l": []}, ("main.t", 1)),
    ("{% for x in l | sort %}{{ x }}{% end %}{{ l }}", {"l": [3, 1, 2]}, "123[3,1,2]"),
    ("{% set y = null %}[{{ y }}]{{ y | default('d') }}", {"y": 4}, "[]d"),
]
SPACES = [
    ("a\n{% if 1 %}\nb\n{% end %}\nc\n", {}, "a\nb\nc\n"),
    ("a\n  {% if 1 %}  \n  b\n\t{% end %}\nc", {}, "a\n  b\nc"),
    ("<ul>\n  {% for x in l %}\n  <li>{{ x }}</li>\n  {% end %}\n</ul>\n", {"l": [1, 2]}, "<ul>\n  <li>1</li>\n  <li>2</li>\n</ul>\n"),
    ("a\n{# note #}\nb\n {# two\n lines #} \nc\n", {}, "a\nb\nc\n"),
    ("a\n{% if 1 %}{% end %}\nb\n", {}, "a\n\nb\n"),
    ("a\n{% if 1 %} x\n{% end %}\nb\n", {}, "a\n x\nb\n"),
    ("a\nx {% if 1 %}\n{% end %}\nb\n", {}, "a\nx \nb\n"),
    ("a\n{{ 'v' }}\n  {{ '' }}\nb", {}, "a\nv\n  \nb"),
    ("a\r\n{% set x = 1 %}\r\nb{{ x }}\r\n", {}, "a\r\nb1\r\n"),
    ("a\n  {% set x = 1 %}  ", {}, "a\n"),
    ("{% set x = 1 %}\n\nb", {}, "\nb"),
    ("a\n{# c\n #}{% set x = 1 %}\nb", {}, "a\n\nb"),
    ("a \n\t {{- 1 -}} \r\n b", {}, "a1b"),
    ("a \n {%- if 1 -%} \n\n b {%- end %} c", {}, "ab c"),
    ("a\n\n  {%- set x = 1 %}\nb", {}, "ab"),
    ("a\n\n  {% set x = 1 -%}\n\n  b", {}, "a\n\nb"),
    ("a {#- c -#} b", {}, "ab"),
    ("x {{-1}} {{ -1}} {{- -1 -}} y", {}, "x1 -1-1y"),
    ("{{ ' a ' }} {{- ' b ' }}", {}, " a  b "),
    ("{% for x in l -%}\n  {{ x }}\n{%- end %}!", {"l": [1, 2]}, "12!"),
    ("1\n{% if 1 %}\n2\n{% else %}\n3\n{% end %}\n4", {}, "1\n2\n4"),
]
INCLUDES = [
    ({"main.t": "<{% include 'a.t' %}>{{ x }}", "a.t": "{{ x }}{% set x = 2 %}{{ x }}"}, {"x": 1}, "<12>1"),
    ({"main.t": "{% for x in l %}\n{% include 'sub/row.t' %}\n{% end %}\n", "sub/row.t": "- {{ x }} {{ loop.index }}{% include \"end.t\" %}\n", "sub/end.t": "!"},
     {"l": ["a", "b"]}, "- a 1!\n- b 2!\n"),
    ({"main.t": "{% include name | lower %}{% include 'a.t' %}{% if 0 %}{% include 'none.t' %}{% end %}", "a.t": "A"}, {"name": "A.T"}, "AA"),
    ({"main.t": "x\n{% if 1 %}\n{% include 'none.t' %}\n{% end %}"}, {}, ("main.t", 3)),
    ({"main.t": "x\n{% include 'a.t' %}", "a.t": "\n\n{{ 1 < 'b' }}"}, {}, ("a.t", 3)),
    ({"main.t": "x\n{% include 'a.t' %}", "a.t": "{% include 'sub/b.t' %}", "sub/b.t": "\n {% if 1 %}\n"}, {}, ("b.t", 2)),
    ({"main.t": "x\n{% include 'a.t' %}", "a.t": "\n{% include 'main.t' %}"}, {}, ("a.t", 2)),
    ({"main.t": "\n\n{% include 'sub/../main.t' %}", "sub/x": ""}, {}, ("main.t", 3)),
    ({"main.t": "{% if 0 %}{% include 'broken.t' %}{% end %}ok", "broken.t": "{{"}, {}, "ok"),
    ({"main.t": "{% include 5 %}"}, {}, ("main.t", 1)),
]
ERRORS = [
    ("a\nb {{ x", 2), ("a\n{{ 'x }}\n", 2), ("\n\n{# x }}", 3), ("{% if 1 %}\n{{ x }\n}}", 2),
    ("a\n{% if x %}\nb\n", 2), ("{% for x in l %}\n{% if 1 %}\n{% end %}\n", 1), ("a\n\n{% end %}", 3), ("{% else %}", 1),
    ("{% if 1 %}\n{% else %}\n{% else %}\n{% end %}", 3), ("{% if 1 %}\n{% else %}\n{% elif 1 %}\n{% end %}", 3),
    ("{% for x in l %}\n{% elif x %}\n{% end %}", 2), ("{% if 0 %}\n{{ x | nope }}\n{% end %}", 2), ("{% if 0 %}\n\n{% foo %}\n{% end %}", 3),
    ("{% if 0 %}{{ x | pad }}{% end %}", 1), ("\n{{ 'x' | upper(1) }}", 2), ("{{ 1 < 2 < 3 }}", 1), ("{{ }}", 1), ("\n{{ a b }}", 2), ("{{ a. }}", 1),
    ("{{ a .b }}", 1), ("{{ (1 }}", 1), ("{{ 'a\\q' }}", 1), ("{% if %}x{% end %}", 1), ("\n{% set 5 = x %}", 2), ("{% set true = x %}", 1), ("{% set a.b = 1 %}", 1),
    ("{% end x %}", 1), ("{% if 1 %}\n{% end 1 %}", 2), ("{% for x, y, z in l %}{% end %}", 1), ("{{ in }}", 1), ("{{ 12ab }}", 1),
    ("a\n{{\n\n 'a' | length | upper }}", 2), ("\n{{ null | upper }}", 2), ("{{ l | sort }}", 1), ("{{ true | pad(3) }}", 1), ("{{ 'a' | pad(true) }}", 1),
    ("{{ 'a' | replace('', 'b') }}", 1), ("{{ true < 2 }}", 1), ("{{ 1 in 'a1' }}", 1), ("{{ 1 in 5 }}", 1), ("{{ 5 | join(',') }}", 1), ("{% for x in 5 %}{% end %}", 1),
    ("{% if 0 %}\n{% elif 1 < 'a' %}\n{% end %}", 2), ("{{ 1 == 2 == 3 }}", 1), ("{{ 'a' not in 'abc' }}", 1), ("{{ null < 1 }}", 1),
]


_KNOWN: list = []  # the results of all cases, which are run by one process


def _results(cases: list) -> list:
    every = [*EXPRESSIONS, *STATEMENTS, *SPACES, *INCLUDES, *[(text, {"l": [1, "a"], "x": None}, None) for text, _ in ERRORS]]
    if not _KNOWN:
        _KNOWN.extend(_run(every))
    starts = [index for index in range(len(every)) if every[index][:2] == cases[0][:2]]
    return _KNOWN[starts[0]:starts[0] + len(cases)]


def _run(cases: list) -> list:
    assert Path("weave.py").is_file(), "weave.py does not exist"
    with tempfile.TemporaryDirectory() as folder:
        root, todo = Path(folder), []
        for number, (templates, data, _) in enumerate(cases):
            for name, text in ({"main.t": templates} if isinstance(templates, str) else templates).items():
                path = root / str(number) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode("utf-8"))
            todo.append([str(root / str(number) / "main.t"), data])
        (root / "cases.json").write_text(json.dumps(todo), encoding="utf-8")
        run = subprocess.run([sys.executable, "-B", "-c", DRIVER, str(root / "cases.json"), str(root / "results.json")],
                             capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, f"weave.py cannot be used as a module: {run.stderr[-300:]}"
        return json.loads((root / "results.json").read_text(encoding="utf-8"))


def _judge(cases: list) -> None:
    wrong = []
    for (templates, _, expected), result in zip(cases, _results(cases)):
        want = ["text", expected] if isinstance(expected, str) else ["error", *expected]
        if result != want:
            wrong.append(f"{templates!r}: {result}, expected {want}")
    assert not wrong, f"{len(wrong)} of {len(cases)} cases are wrong; the first: {wrong[0]}"


def test_expressions_and_filters():
    _judge(EXPRESSIONS)


def test_statements_and_scopes():
    _judge(STATEMENTS)


def test_white_space():
    _judge(SPACES)


def test_includes():
    _judge(INCLUDES)


def test_errors_have_their_line():
    _judge([(text, {"l": [1, "a"], "x": None}, ("main.t", line)) for text, line in ERRORS])


def test_command_line():
    assert Path("weave.py").is_file(), "weave.py does not exist"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "data.json").write_text('{"name": "Zo\u00eb", "items": [1, 2]}', encoding="utf-8")
        (root / "good.t").write_bytes("{% for i in items %}\n{{ name }} {{ i }}\r\n{% end %}\n".encode())
        (root / "bad.t").write_bytes(b"some text\n{{ name | length | trim }}\n")

        def run(name):
            return subprocess.run([sys.executable, "-B", "weave.py", str(root / name), str(root / "data.json")], capture_output=True, timeout=20)

        good, bad = run("good.t"), run("bad.t")
    assert good.returncode == 0 and good.stdout == "Zo\u00eb 1\r\nZo\u00eb 2\r\n".encode(), f"good template: exit {good.returncode}, output {good.stdout!r}"
    assert bad.returncode == 2 and bad.stdout == b"", f"bad template: exit {bad.returncode}, output {bad.stdout!r}"
    message = bad.stderr.decode("utf-8", "replace")
    assert message.startswith("bad.t:2: ") and message.count("\n") == 1 and message.endswith("\n"), f"bad template: message {message!r}"
