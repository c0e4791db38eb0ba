import random
import sqlite3
import time
from datetime import datetime, timedelta
from pathlib import Path

SCHEMA = """
CREATE TABLE bookings (id INTEGER PRIMARY KEY, room TEXT NOT NULL, starts TEXT NOT NULL, ends TEXT, status TEXT NOT NULL);
"""
COLUMNS = ["room", "starts", "ends", "minutes", "bookings"]


def moment(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M")


def reference(bookings):
    spans = {}
    for _id, room, starts, ends, status in bookings:
        if status != "cancelled" and starts != ends:
            first = moment(starts)
            last = moment(ends) if ends else first.replace(hour=0, minute=0) + timedelta(days=1)
            spans.setdefault(room, []).append((first, last))
    rows = []
    for room in sorted(spans):
        merged = []
        for first, last in sorted(spans[room]):
            if merged and first <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], last)
                merged[-1][2] += 1
            else:
                merged.append([first, last, 1])
        for first, last, count in merged:
            rows.append((room, f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}", int((last - first).total_seconds()) // 60, count))
    return rows


def compare(bookings):
    path = Path("occupied.sql")
    assert path.is_file(), "occupied.sql does not exist"
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    connection.executemany("INSERT INTO bookings VALUES (?, ?, ?, ?, ?)", bookings)
    deadline = time.monotonic() + 15
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 100000)
    cursor = connection.execute(path.read_text(encoding="utf-8"))
    found = cursor.fetchall()
    names = [column[0] for column in cursor.description or ()]
    assert names == COLUMNS, f"columns: expected {COLUMNS}, found {names}"
    want = reference(bookings)
    for a, b in zip(want, found):
        assert a == b, f"expected {a}, found {b}"
        assert isinstance(b[3], int), f"minutes is not an integer: {b}"
    assert len(want) == len(found), f"expected {len(want)} rows, found {len(found)}"


def test_nested_and_touching():
    compare([
        (1, "r", "2024-01-01 08:00", "2024-01-01 18:00", "confirmed"),
        (2, "r", "2024-01-01 09:00", "2024-01-01 10:00", "confirmed"),
        (3, "r", "2024-01-01 12:00", "2024-01-01 13:00", "tentative"),
        (4, "r", "2024-01-01 18:00", "2024-01-01 18:01", "confirmed"),
        (5, "r", "2024-01-01 18:02", "2024-01-01 19:00", "confirmed"),
        (6, "s", "2024-01-01 18:01", "2024-01-01 18:02", "confirmed"),
        (7, "s", "2024-01-01 18:01", "2024-01-01 18:02", "confirmed"),
    ])


def test_without_end():
    compare([
        (1, "r", "2023-12-31 00:00", None, "confirmed"),
        (2, "r", "2024-01-01 00:00", "2024-01-01 00:30", "confirmed"),
        (3, "r", "2024-02-29 23:59", None, "confirmed"),
        (4, "r", "2024-03-01 00:01", None, "cancelled"),
        (5, "s", "2023-02-28 10:00", None, "confirmed"),
    ])


def test_left_out():
    compare([
        (1, "r", "2024-01-01 08:00", "2024-01-01 08:00", "confirmed"),
        (2, "r", "2024-01-01 09:00", "2024-01-01 10:00", "confirmed"),
        (3, "r", "2024-01-01 10:00", "2024-01-01 11:00", "cancelled"),
        (4, "r", "2024-01-01 11:00", "2024-01-01 12:00", "confirmed"),
        (5, "r", "2024-01-01 10:30", "2024-01-01 10:30", "confirmed"),
        (6, "r", "2024-01-01 10:00", "2024-01-01 10:00", "confirmed"),
        (7, "t", "2024-01-01 10:00", "2024-01-01 11:00", "cancelled"),
    ])
    compare([])


def test_many_bookings():
    rng = random.Random(5)
    bookings = []
    for number in range(1, 2501):
        starts = datetime(2024, 2, 20) + timedelta(minutes=15 * rng.randrange(96 * 120))
        minutes = 15 * rng.choice([0, 1, 2, 4, 4, 8, 40])
        ends = None if rng.random() < 0.04 else f"{starts + timedelta(minutes=minutes):%Y-%m-%d %H:%M}"
        status = rng.choice(["confirmed", "tentative", "confirmed", "cancelled"])
        bookings.append((number, rng.choice("ABCDEFGH"), f"{starts:%Y-%m-%d %H:%M}", ends, status))
    compare(bookings)
