import random
import sqlite3
import subprocess
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

TABLE = """CREATE TABLE moves (
  id INTEGER PRIMARY KEY, item TEXT NOT NULL, at TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('receipt', 'issue', 'count')),
  qty INTEGER NOT NULL CHECK (qty > 0 OR kind = 'count' AND qty = 0),
  unit_cost INTEGER CHECK ((unit_cost IS NULL) = (kind <> 'receipt'))
)"""
GIVEN = [
    (1, "bolt", "2024-01-01 08:00:00", "receipt", 100, 20), (2, "bolt", "2024-01-05 10:00:00", "issue", 30, None),
    (3, "bolt", "2024-01-09 08:00:00", "receipt", 50, 24), (4, "bolt", "2024-01-10 12:00:00", "issue", 90, None),
    (5, "bolt", "2024-01-31 18:00:00", "count", 26, None), (6, "bolt", "2024-01-20 09:00:00", "issue", 40, None),
    (7, "bolt", "2024-02-02 09:00:00", "issue", 10, None), (8, "nut", "2024-01-02 09:00:00", "issue", 5, None),
    (9, "nut", "2024-01-03 09:00:00", "count", 8, None), (10, "nut", "2024-01-04 09:00:00", "receipt", 10, 7),
    (11, "nut", "2024-01-05 09:00:00", "count", 6, None), (12, "nut", "2024-01-06 09:00:00", "issue", 9, None),
]


def reference(moves):
    lots, last, allocations, shortages = {}, {}, [], []
    for number, item, _at, kind, qty, cost in sorted(moves, key=lambda move: (move[2], move[0])):
        queue = lots.setdefault(item, [])
        there = sum(lot[1] for lot in queue)
        out = 0
        if kind == "receipt":
            queue.append([number, qty, cost])
            last[item] = cost
        elif kind == "issue":
            out = min(qty, there)
            if qty > there:
                shortages.append((number, item, qty - there))
        elif qty > there:
            queue.append([number, qty - there, last.get(item, 0)])
        else:
            out = there - qty
        while out:
            part = min(out, queue[0][1])
            allocations.append((number, queue[0][0], part, queue[0][2]))
            queue[0][1] -= part
            out -= part
            if not queue[0][1]:
                queue.pop(0)
    stock = [(item, sum(q for _, q, _ in queue), sum(q * c for _, q, c in queue)) for item, queue in lots.items()]
    return {"allocations": sorted(allocations), "shortages": sorted(shortages), "stock": sorted(stock)}


COLUMNS = {"allocations": "out_id, lot_id, qty, unit_cost", "shortages": "issue_id, item, qty", "stock": "item, qty, value"}


def compare(connection):
    moves = connection.execute("SELECT id, item, at, kind, qty, unit_cost FROM moves").fetchall()
    for view, want in reference(moves).items():
        deadline = time.monotonic() + 12
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 100000)
        cursor = connection.execute(f"SELECT * FROM {view}")
        names = ", ".join(column[0] for column in cursor.description)
        assert names == COLUMNS[view], f"columns of {view}: expected {COLUMNS[view]}, found {names}"
        found = cursor.fetchall()
        for row in found:
            assert all(type(value) is int or isinstance(value, str) for value in row), f"{view}: not integers: {row}"
        found.sort()
        missing, extra = [row for row in want if row not in set(found)], [row for row in found if row not in set(want)]
        assert not missing and not extra, f"{view}: missing {missing[:3]}, not expected {extra[:3]}"
        assert found == want, f"{view}: a row occurs more than once"


def database(moves, change=None):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/test.db"
        connection = sqlite3.connect(path)
        connection.execute(TABLE)
        connection.executemany("INSERT INTO moves VALUES (?, ?, ?, ?, ?, ?)", moves)
        connection.commit()
        connection.close()
        script = Path("fifo.sql")
        assert script.is_file(), "fifo.sql does not exist"
        with script.open("rb") as lines:
            run = subprocess.run(["sqlite3", "-bail", path], stdin=lines, capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, f"sqlite3 -bail failed: {run.stderr[-300:]}"
        connection = sqlite3.connect(path)
        try:
            after = connection.execute("SELECT * FROM moves ORDER BY id").fetchall()
            assert after == sorted(moves), "moves was changed by fifo.sql"
            compare(connection)
            if change:
                connection.executescript(change)
                compare(connection)
        finally:
            connection.close()


def random_moves(seed, count, items):
    rng = random.Random(seed)
    ids = list(range(1, count + 1))
    rng.shuffle(ids)
    moves = []
    for number in ids:
        kind = rng.choice(["receipt", "receipt", "issue", "issue", "issue", "count"])
        at = datetime(2024, 2, 28) + timedelta(hours=rng.randrange(max(2, count // items * 2)))
        qty = {"receipt": rng.randrange(1, 40), "issue": rng.randrange(1, 30), "count": rng.randrange(0, 40)}[kind]
        cost = rng.randrange(0, 500) if kind == "receipt" else None
        moves.append((number, f"item{rng.randrange(items)}", f"{at:%Y-%m-%d %H:%M:%S}", kind, qty, cost))
    return moves


def test_stock_db():
    assert Path("stock.db").is_file(), "stock.db does not exist"
    connection = sqlite3.connect("file:stock.db?mode=ro", uri=True)
    try:
        kinds = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')").fetchall())
        for view in COLUMNS:
            assert kinds.get(view) == "view", f"stock.db has no view {view}"
        tables = [name for name, kind in kinds.items() if kind == "table" and not name.startswith("sqlite_")]
        assert tables == ["moves"], f"tables in stock.db: expected only moves, found {tables}"
        assert connection.execute("SELECT * FROM moves ORDER BY id").fetchall() == GIVEN, "moves in stock.db was changed"
        compare(connection)
    finally:
        connection.close()


def test_small_cases():
    day = "2024-03-0{} 00:00:00".format
    database([
        (1, "a", day(1), "count", 0, None), (2, "a", day(2), "count", 5, None), (3, "a", day(2), "receipt", 5, 11),
        (4, "a", day(3), "issue", 20, None), (5, "a", day(4), "receipt", 4, 0), (6, "a", day(5), "count", 4, None),
        (9, "a", day(6), "receipt", 1, 3), (7, "a", day(6), "issue", 5, None), (10, "a", day(7), "count", 3, None),
        (11, "b", day(1), "issue", 1, None), (12, "c", day(9), "receipt", 2, 5), (13, "c", day(9), "count", 0, None),
        (14, "d", day(1), "receipt", 7, 100),
    ])
    database([])


def test_later_changes():
    database(GIVEN, """
        INSERT INTO moves VALUES (20, 'bolt', '2023-12-31 00:00:00', 'receipt', 15, 99), (21, 'cog', '2024-01-01 00:00:00', 'issue', 2, NULL);
        DELETE FROM moves WHERE id = 3;
        UPDATE moves SET qty = 2 WHERE id = 11;
    """)


def test_random_moves():
    database(random_moves(1, 120, 3))
    database(random_moves(2, 200, 20))


def test_thousand_moves():
    database(random_moves(3, 1000, 20))
