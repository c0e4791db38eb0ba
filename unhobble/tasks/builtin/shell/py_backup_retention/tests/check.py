import os
import random
import re
import subprocess
import sys
import tempfile
from datetime import date, timedelta

PATTERN = re.compile(r"([a-z0-9-]+)_(\d{4})(\d\d)(\d\d)T(\d{6})Z\.tar\Z")


def expected(lines, daily, weekly, monthly):
    hosts = {}
    for line in lines:
        match = PATTERN.match(line.strip())
        if match:
            day = date(int(match[2]), int(match[3]), int(match[4]))
            hosts.setdefault(match[1], []).append((day, match[5], line.strip()))
    output = []
    for host in sorted(hosts):
        backups = sorted(hosts[host], reverse=True)
        keep = set()
        rules = ((daily, lambda d: d), (weekly, lambda d: d - timedelta(days=d.weekday())), (monthly, lambda d: (d.year, d.month)))
        for count, period in rules:
            seen = []
            for day, _time, name in backups:
                if period(day) not in seen:
                    seen.append(period(day))
                    if len(seen) <= count:
                        keep.add(name)
        output += [("keep " if name in keep else "drop ") + name for _day, _time, name in backups]
    return output


def run(lines, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "names.txt")
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write("".join(lines))
        result = subprocess.run([sys.executable, "-B", "retention.py", path, *options], capture_output=True, text=True, timeout=20)
    assert result.returncode == 0, f"retention.py {' '.join(options)} failed: {result.stderr[-300:]}"
    return result.stdout.splitlines()


def compare(lines, daily, weekly, monthly):
    got = run(lines, "--daily", str(daily), "--weekly", str(weekly), "--monthly", str(monthly))
    want = expected(lines, daily, weekly, monthly)
    for number, (a, b) in enumerate(zip(want, got), 1):
        assert a == b, f"--daily {daily} --weekly {weekly} --monthly {monthly}, line {number}: expected {a!r}, found {b!r}"
    assert len(want) == len(got), f"--daily {daily} --weekly {weekly} --monthly {monthly}: expected {len(want)} lines, found {len(got)}"


def sample(seed):
    rng = random.Random(seed)
    lines = set()
    for host in ("db", "db-2", "a9", "zz"):
        for _ in range(60):
            day = date(2020, 12, 1) + timedelta(days=rng.randrange(60))
            lines.add(f"{host}_{day:%Y%m%d}T{rng.randrange(24):02d}{rng.randrange(60):02d}00Z.tar\n")
    lines = sorted(lines)
    rng.shuffle(lines)
    return lines


def test_iso_weeks_around_new_year():
    days = ["20241228", "20241229", "20241230", "20241231", "20250101", "20250105", "20250106", "20201228", "20210103", "20210104"]
    compare([f"h_{day}T040000Z.tar\n" for day in days], 0, 3, 0)


def test_zero_keeps_nothing():
    lines = sample(1)
    assert all(line.startswith("drop ") for line in run(lines, "--daily", "0", "--weekly", "0", "--monthly", "0")), \
        "with three zeros some backup was kept"
    compare(lines, 0, 0, 1)


def test_mixed_hosts_in_any_order():
    compare(sample(2), 5, 3, 2)


def test_more_than_there_are_and_defaults():
    lines = sample(3)
    compare(lines, 500, 0, 0)
    assert run(lines) == expected(lines, 7, 4, 12), "the output with the default options is wrong"


def test_other_names_are_ignored():
    good = ["h_20250101T010000Z.tar\r\n", "  h_20250102T010000Z.tar \n", "\n", "h_20250103T010000Z.tar"]
    bad = ["h_20250104T010000Z.tar.part\n", "H_20250104T010000Z.tar\n", "old/h_20250104T010000Z.tar\n",
           "h_20250104T010000Z.tarx\n", "h_20250104T010000.tar\n", "h_20250104T010000Zxtar\n", "notes.txt\n"]
    compare(bad + good, 1, 0, 0)
