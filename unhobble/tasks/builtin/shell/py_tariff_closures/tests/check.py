import json
import subprocess
import sys

DRIVER = """
import json, sys
sys.path.insert(0, '/work')
import tariffs
table = [('a', 100, 10), ('b', 200, 20), ('c', 5, 7)]
quotes = tariffs.build(table)
other = tariffs.build([('a', 1, 1)])
out = {
    'quotes': [quotes[n](g) for n in 'abc' for g in (1, 1000, 1001, 2500)] + [other['a'](10)],
    'default': {n: f(2500) for n, f in tariffs.build().items()},
    'repeat': [tariffs.total(quotes['a'], [25000, 30000, 20000]) for _ in range(3)] + [tariffs.total(quotes['a'], [1])],
}
mine = [30]
out['given'] = [tariffs.total(quotes['c'], [20001], mine), tariffs.total(quotes['c'], [20001], mine), mine]
out['keyword'] = tariffs.total(quotes['b'], [500], surcharges=[1, 2])
print(json.dumps(out))
"""
_cache = {}


def results():
    if not _cache:
        run = subprocess.run([sys.executable, "-B", "-c", DRIVER], capture_output=True, text=True, timeout=20)
        assert run.returncode == 0, "tariffs.py raised: " + run.stderr[-300:]
        _cache.update(json.loads(run.stdout.strip().splitlines()[-1]))
    return _cache


def test_each_tariff_uses_its_own_prices():
    want = [110, 110, 120, 130, 220, 220, 240, 260, 12, 12, 19, 26, 2]
    got = results()["quotes"]
    assert got == want, f"quotes from a table of three tariffs: expected {want}, found {got}"
    assert results()["default"] == {"eco": 425, "standard": 570, "express": 1220}, f"default table: {results()['default']}"


def test_total_does_not_remember_earlier_calls():
    want = [100 + 250 + 100 + 300 + 100 + 200 + 1000] * 3 + [110]
    got = results()["repeat"]
    assert got == want, f"repeated totals: expected {want}, found {got}"


def test_given_surcharges_are_used_and_left_alone():
    got = results()["given"]
    assert got == [682, 682, [30]], f"totals with a caller's list, and that list afterwards: expected [682, 682, [30]], found {got}"
    assert results()["keyword"] == 223, f"surcharges=[1, 2]: expected 223, found {results()['keyword']}"


def test_command_line():
    run = subprocess.run([sys.executable, "-B", "quote.py", "eco", "2500", "21000"], capture_output=True, text=True, timeout=20)
    assert run.stdout == "eco: 21.60\n", f"quote.py eco 2500 21000: expected 'eco: 21.60', found {run.stdout!r}"
