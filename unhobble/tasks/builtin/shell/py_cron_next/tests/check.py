import json
import subprocess
import sys

# group: (expression, start, the next runs)
CASES = {
    'steps': [
        ('*/15 * * * *', '2024-01-01 00:00', ['2024-01-01 00:15', '2024-01-01 00:30', '2024-01-01 00:45']),
        ('5/20 9 * * *', '2024-01-01 00:00', ['2024-01-01 09:05', '2024-01-01 09:25', '2024-01-01 09:45', '2024-01-02 09:05']),
        ('1-59/10 8 * * *', '2024-01-01 00:00', ['2024-01-01 08:01', '2024-01-01 08:11', '2024-01-01 08:21', '2024-01-01 08:31', '2024-01-01 08:41', '2024-01-01 08:51', '2024-01-02 08:01']),
        ('0 0 1-31/10 * *', '2024-02-05 12:00', ['2024-02-11 00:00', '2024-02-21 00:00', '2024-03-01 00:00', '2024-03-11 00:00', '2024-03-21 00:00', '2024-03-31 00:00']),
        ('7-9,30-40/5 3 * * *', '2023-12-31 03:08', ['2023-12-31 03:09', '2023-12-31 03:30', '2023-12-31 03:35', '2023-12-31 03:40', '2024-01-01 03:07']),
        ('0 0 1 */5 *', '2024-01-15 00:00', ['2024-06-01 00:00', '2024-11-01 00:00', '2025-01-01 00:00', '2025-06-01 00:00']),
        ('0 2-23/7 * * *', '2024-06-30 22:00', ['2024-06-30 23:00', '2024-07-01 02:00', '2024-07-01 09:00', '2024-07-01 16:00']),
        ('0 5/9 * * *', '2024-06-30 22:00', ['2024-06-30 23:00', '2024-07-01 05:00', '2024-07-01 14:00', '2024-07-01 23:00']),
    ],
    'weekdays': [
        ('0 12 * * 0', '2024-05-01 00:00', ['2024-05-05 12:00', '2024-05-12 12:00', '2024-05-19 12:00']),
        ('0 12 * * 7', '2024-05-01 00:00', ['2024-05-05 12:00', '2024-05-12 12:00', '2024-05-19 12:00']),
        ('0 12 * * 5-7', '2024-05-01 00:00', ['2024-05-03 12:00', '2024-05-04 12:00', '2024-05-05 12:00', '2024-05-10 12:00']),
        ('0 12 * * Mon-FRI', '2024-05-03 12:00', ['2024-05-06 12:00', '2024-05-07 12:00']),
        ('0 12 * * sun', '2024-05-05 11:59', ['2024-05-05 12:00', '2024-05-12 12:00']),
        ('0 12 * * 6', '2024-05-01 00:00', ['2024-05-04 12:00', '2024-05-11 12:00']),
        ('0 0 * jan,DEC tue', '2024-02-01 00:00', ['2024-12-03 00:00', '2024-12-10 00:00', '2024-12-17 00:00']),
        ('0 0 * * 1-7/3', '2024-05-01 00:00', ['2024-05-02 00:00', '2024-05-05 00:00', '2024-05-06 00:00', '2024-05-09 00:00']),
        ('0 0 * * 2/2', '2024-05-01 00:00', ['2024-05-02 00:00', '2024-05-04 00:00', '2024-05-07 00:00', '2024-05-09 00:00']),
    ],
    'day_rule': [
        ('30 4 1,15 * fri', '2024-05-01 00:00', ['2024-05-01 04:30', '2024-05-03 04:30', '2024-05-10 04:30', '2024-05-15 04:30', '2024-05-17 04:30', '2024-05-24 04:30']),
        ('0 0 13 * 5', '2024-09-01 00:00', ['2024-09-06 00:00', '2024-09-13 00:00', '2024-09-20 00:00', '2024-09-27 00:00', '2024-10-04 00:00']),
        ('0 0 */2 * mon', '2024-05-01 00:00', ['2024-05-13 00:00', '2024-05-27 00:00', '2024-06-03 00:00', '2024-06-17 00:00']),
        ('0 0 1-7 * */7', '2024-05-01 00:00', ['2024-05-05 00:00', '2024-06-02 00:00', '2024-07-07 00:00']),
        ('0 0 31 * *', '2024-01-31 00:00', ['2024-03-31 00:00', '2024-05-31 00:00', '2024-07-31 00:00', '2024-08-31 00:00']),
        ('0 0 10 * *', '2024-05-11 00:00', ['2024-06-10 00:00', '2024-07-10 00:00']),
        ('0 0 1-7 * *', '2024-05-11 00:00', ['2024-06-01 00:00', '2024-06-02 00:00']),
        ('0 0 31 2 1', '2024-01-31 00:00', ['2024-02-05 00:00', '2024-02-12 00:00', '2024-02-19 00:00']),
    ],
    'search': [
        ('* * * * *', '2024-12-31 23:59', ['2025-01-01 00:00', '2025-01-01 00:01']),
        ('0 0 * * *', '2024-03-01 00:00', ['2024-03-02 00:00']),
        ('10 5 * * *', '2024-03-01 04:50', ['2024-03-01 05:10', '2024-03-02 05:10']),
        ('0 9 1 3 *', '2024-01-31 17:45', ['2024-03-01 09:00', '2025-03-01 09:00']),
        ('15 10 * * *', '2024-03-01 10:15', ['2024-03-02 10:15', '2024-03-03 10:15']),
        ('0 0 29 2 *', '2096-02-29 00:00', ['2104-02-29 00:00', '2108-02-29 00:00']),
        ('59 23 29 feb *', '2023-01-01 00:00', ['2024-02-29 23:59', '2028-02-29 23:59']),
        ('0 0 1 1 *', '2024-01-01 00:01', ['2025-01-01 00:00']),
        ('3,1,2 0 * * *', '2024-02-28 00:02', ['2024-02-28 00:03', '2024-02-29 00:01', '2024-02-29 00:02']),
        ('0 6 30 4 *', '2024-03-31 06:00', ['2024-04-30 06:00', '2025-04-30 06:00']),
    ],
}

INVALID = ["* * * *", "* * * * * *", "", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8",
           "5-3 * * * *", "* * * * fri-sun", "*/0 * * * *", "1-5/0 * * * *", "1,,2 * * * *", "1, * * * *", "* * * foo *", "* * * * jan",
           "*/x * * * *", "5- * * * *", "*/ * * * *", "-1 * * * *"]
IMPOSSIBLE = [("0 0 30 2 *", "2024-01-01 00:00"), ("0 0 31 4,6,9,11 *", "2024-01-01 00:00")]

DRIVER = """
import json, sys
from datetime import datetime
sys.path.insert(0, '/work')
from cronnext import next_runs
answers = []
for expression, start, count in json.load(sys.stdin):
    try:
        start = datetime.fromisoformat(start)
        answers.append([run.isoformat() for run in next_runs(expression, start, count)])
    except (ValueError, LookupError) as error:
        answers.append('ValueError' if isinstance(error, ValueError) else 'LookupError')
    except Exception as error:
        answers.append(type(error).__name__)
print(json.dumps(answers))
"""
_cache = []


def ask():
    """Answers to everything at once: (group answers by expression and start, seconds, invalid, impossible)."""
    if not _cache:
        questions = [(e, s, len(runs)) for rows in CASES.values() for e, s, runs in rows]
        questions += [("* * * * *", "2024-02-28T23:59:30.5", 2), ("0 0 1 * *", "2024-03-01T00:00:01", 1)]
        questions += [(e, "2024-01-01 00:00", 1) for e in INVALID] + [(e, s, 1) for e, s in IMPOSSIBLE]
        run = subprocess.run([sys.executable, "-B", "-c", DRIVER], input=json.dumps(questions), capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, "cronnext.py could not be used: " + run.stderr[-300:]
        _cache.extend(json.loads(run.stdout.strip().splitlines()[-1]))
    return list(_cache)


def check_group(group):
    answers = ask()
    for name, rows in CASES.items():
        for expression, start, runs in rows:
            answer = answers.pop(0)
            want = [run.replace(" ", "T") + ":00" for run in runs]
            if name == group:
                assert answer == want, f"{expression!r} after {start}: expected {want}, found {answer}"


def test_steps():
    check_group("steps")


def test_weekdays_and_names():
    check_group("weekdays")


def test_day_rule():
    check_group("day_rule")


def test_search():
    check_group("search")
    answers = ask()[sum(len(rows) for rows in CASES.values()):][:2]
    want = [["2024-02-29T00:00:00", "2024-02-29T00:01:00"], ["2024-04-01T00:00:00"]]
    assert answers == want, f"starts with seconds: expected {want}, found {answers}"


def test_errors():
    answers = ask()[-len(INVALID) - len(IMPOSSIBLE):]
    for expression, answer in zip(INVALID, answers):
        assert answer == "ValueError", f"{expression!r}: expected ValueError, found {answer}"
    for (expression, start), answer in zip(IMPOSSIBLE, answers[len(INVALID):]):
        assert answer == "LookupError", f"{expression!r}: expected LookupError, found {answer}"


def test_command_line():
    command = [sys.executable, "-B", "cronnext.py", "30 4 1,15 * fri", "2024-05-01 00:00", "3"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    want = "2024-05-01 04:30\n2024-05-03 04:30\n2024-05-10 04:30\n"
    assert run.stdout == want, f"command line: expected {want!r}, found {run.stdout!r}"
