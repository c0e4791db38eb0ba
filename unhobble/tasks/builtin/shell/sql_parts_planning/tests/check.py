"""Runs plan.sql on other plants and compares each view with what plain Python finds."""

import json
import random
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

STAGES = {"explosion": 2, "guard": 2, "costs": 2, "plan": 4, "late": 2}

TABLES = """
CREATE TABLE parts (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, cost INTEGER NOT NULL, scrap INTEGER NOT NULL,
  lead INTEGER NOT NULL, lot INTEGER NOT NULL, on_hand INTEGER NOT NULL
);
CREATE TABLE bom (parent INTEGER NOT NULL REFERENCES parts, child INTEGER NOT NULL REFERENCES parts, qty INTEGER NOT NULL, PRIMARY KEY (parent, child));
CREATE TABLE demand (id INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, week INTEGER NOT NULL, qty INTEGER NOT NULL);
CREATE TABLE receipts (id INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, week INTEGER NOT NULL, qty INTEGER NOT NULL);
"""


class Plant:
    def __init__(self, parts, bom, demand=(), receipts=()):
        self.parts = {row[0]: row for row in parts}  # id: (id, code, cost, scrap, lead, lot, on_hand)
        self.bom = {}
        for parent, child, qty in bom:
            self.bom.setdefault(parent, {})[child] = qty
        self.demand, self.receipts = list(demand), list(receipts)

    def write(self, path):
        database = sqlite3.connect(path)
        database.executescript(TABLES)
        database.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", self.parts.values())
        rows = [(parent, child, qty) for parent, below in self.bom.items() for child, qty in below.items()]
        database.executemany("INSERT INTO bom VALUES (?, ?, ?)", rows)
        database.executemany("INSERT INTO demand (part, week, qty) VALUES (?, ?, ?)", self.demand)
        database.executemany("INSERT INTO receipts (part, week, qty) VALUES (?, ?, ?)", self.receipts)
        database.commit()
        database.close()

    def code(self, part):
        return self.parts[part][1]

    def bottom_up(self):
        order, done = [], set()

        def visit(part):
            if part not in done:
                done.add(part)
                for child in self.bom.get(part, {}):
                    visit(child)
                order.append(part)

        for part in self.parts:
            visit(part)
        return order

    def explosion(self):
        below = {}
        for part in self.bottom_up():
            found = {}
            for child, qty in self.bom.get(part, {}).items():
                for inner, (pieces, nearest, deepest) in {child: (1, 0, 0), **below[child]}.items():
                    had = found.get(inner, (0, 10**6, 0))
                    found[inner] = (had[0] + qty * pieces, min(had[1], nearest + 1), max(had[2], deepest + 1))
            below[part] = found
        return [(self.code(top), self.code(part), *rest) for top, found in below.items() for part, rest in found.items()]

    def costs(self):
        cents = {}
        for part in self.bottom_up():
            total = self.parts[part][2]
            for child, qty in self.bom.get(part, {}).items():
                total += (qty * cents[child] * (100 + self.parts[child][3]) + 50) // 100
            cents[part] = total
        return [(self.code(part), total) for part, total in cents.items()]

    def plan(self, orders=None):
        weeks = max([row[1] for row in (*self.demand, *self.receipts)], default=0)
        gross = {(part, week): 0 for part in self.parts for week in range(1, weeks + 1)}
        received = dict(gross)
        for part, week, qty in self.demand:
            gross[part, week] += qty
        for part, week, qty in self.receipts:
            received[part, week] += qty
        rows = []
        for part in reversed(self.bottom_up()):
            _, code, _, _, lead, lot, stock = self.parts[part]
            for week in range(1, weeks + 1):
                left = stock + received[part, week] - gross[part, week]
                planned = -(left // lot) * lot if left < 0 else 0
                stock = left + planned
                rows.append((code, week, gross[part, week], received[part, week], planned, stock))
                if planned and orders is not None:
                    orders.append((code, week, planned, lead))
                for child, qty in self.bom.get(part, {}).items():
                    gross[child, max(1, week - lead)] += -(-planned * qty * (100 + self.parts[child][3]) // 100)
        return rows

    def late(self):
        orders = []
        self.plan(orders)
        return [(code, week, planned, lead + 1 - week) for code, week, planned, lead in orders if week - lead < 1]

    def lead_times(self):
        best = {}
        for part in self.bottom_up():
            lead, code = self.parts[part][4], self.code(part)
            ways = [(-best[child][0], best[child][1]) for child in self.bom.get(part, {})]
            weeks, path = min(ways, default=(0, None))
            best[part] = (lead - weeks, code if path is None else f"{code} > {path}")
        return [(self.code(part), *row) for part, row in best.items()]


CODES = ["bolt M4", 'plate 3"', "it's", "a:1", "a:11", "$.x", "Zug", "änder", "x > y", "a,b", "7", "07", "[0]", "null"]


def random_plant(seed, count=14, weeks=9, fan=3):
    rng = random.Random(seed)
    ids = rng.sample(range(1, 500), count)
    codes = CODES[:count] + [f"p{number}" for number in range(count - len(CODES))]
    parts = [
        (part, code, rng.randint(0, 400), rng.choice([0, 1, 5, 33]), rng.randint(0, 3), rng.choice([1, 3, 7, 20]), rng.randint(0, 30))
        for part, code in zip(ids, codes)
    ]
    bom = [
        (parent, child, rng.randint(1, 4))
        for place, parent in enumerate(ids[:-2])
        for child in rng.sample(ids[place + 1 :], min(fan, count - place - 1, rng.randint(0, fan)))
    ]
    rows = lambda number: [(rng.choice(ids), rng.randint(1, weeks), rng.randint(1, 30)) for _ in range(number)]
    return Plant(parts, bom, rows(count), rows(count // 2))


def ladder(steps):
    """Two parts on each step, each of which takes both parts of the next: the paths double from step to step."""
    parts = [(number, f"s{number}", number % 3, number % 2, number % 2, 1 + number % 4, 0) for number in range(2 * steps)]
    bom = [(a, b, 1 + (a + b) % 2) for a in range(2 * steps - 2) for b in (a // 2 * 2 + 2, a // 2 * 2 + 3)]
    return Plant(parts, bom, [(0, 4, 1)], [])


def sqlite(database, script, timeout=10):
    command = ["sqlite3", "-bail", "-json", database]
    return subprocess.run(command, input=script, capture_output=True, text=True, encoding="utf-8", timeout=timeout)


def rows(database, view, columns):
    names = ", ".join(columns)
    done = sqlite(database, f"SELECT {names} FROM {view};")
    assert done.returncode == 0, f"reading {view} failed: {done.stderr[-300:]}"
    return sorted(tuple(row[name] for name in columns) for row in json.loads(done.stdout or "[]"))


def made(folder, plant, name="test.db"):
    path = str(Path(folder, name))
    plant.write(path)
    assert Path("plan.sql").is_file(), "plan.sql does not exist"
    done = sqlite(path, Path("plan.sql").read_text(encoding="utf-8"))
    assert done.returncode == 0, f"plan.sql failed on another plant: {done.stderr[-300:]}"
    return path


COLUMNS = {
    "explosion": ("top", "part", "qty", "nearest", "deepest"),
    "costs": ("part", "cents"),
    "plan": ("part", "week", "gross", "received", "planned", "stock"),
    "late": ("part", "week", "qty", "weeks_late"),
    "lead_times": ("part", "weeks", "path"),
}


def compare(path, plant, view, what):
    found, wanted = rows(path, view, COLUMNS[view]), sorted(getattr(plant, view)())
    extra, missing = [row for row in found if row not in set(wanted)], [row for row in wanted if row not in set(found)]
    assert not extra and not missing, f"{view}, {what}: wrong rows {extra[:3]}, missing {missing[:3]}"
    assert len(found) == len(wanted), f"{view}, {what}: {len(found)} rows, expected {len(wanted)}"


def compare_all(view, large):
    with tempfile.TemporaryDirectory() as folder:
        for seed in (1, 2, 3):
            plant = random_plant(seed)
            compare(made(folder, plant, f"{seed}.db"), plant, view, f"random plant {seed}")
        empty = Plant([(1, "alone", 7, 0, 2, 1, 0)], [])
        compare(made(folder, empty, "empty.db"), empty, view, "a plant of one part")
        compare(made(folder, large, "large.db"), large, view, "a large plant")


def test_explosion():
    compare_all("explosion", ladder(22))


def test_explosion_of_plant_db_as_it_is():
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "copy.db"))
        shutil.copy("plant.db", path)
        database = sqlite3.connect(path)
        read = lambda table: database.execute(f"SELECT * FROM {table}").fetchall()
        plant = Plant(read("parts"), read("bom"))
        database.close()
        assert (len(plant.parts), sum(map(len, plant.bom.values()))) == (40, 90), "plant.db has lost rows"
        compare(path, plant, "explosion", "plant.db")


def test_explosion_after_a_change_and_a_second_time():
    with tempfile.TemporaryDirectory() as folder:
        plant = random_plant(4)
        path = made(folder, plant)
        parent = next(iter(plant.bom))
        child = next(iter(plant.bom[parent]))
        plant.bom[parent][child] = 9
        assert sqlite(path, f"UPDATE bom SET qty = 9 WHERE parent = {parent} AND child = {child};").returncode == 0
        compare(path, plant, "explosion", "after a change")
        done = sqlite(path, Path("plan.sql").read_text(encoding="utf-8"))
        assert done.returncode == 0, f"plan.sql cannot be run twice: {done.stderr[-300:]}"
        compare(path, plant, "explosion", "after plan.sql was run twice")


CHAIN = Plant([(n, f"c{n}", 1, 0, 0, 1, 0) for n in range(1, 7)], [(1, 2, 1), (2, 3, 1), (3, 4, 1), (5, 6, 2)])


def refused(path, statement, reason):
    before = sqlite(path, "SELECT * FROM bom ORDER BY 1, 2;").stdout
    done = sqlite(path, statement)
    assert done.returncode != 0, f"accepted: {statement}"
    assert reason in done.stderr, f"{statement} is refused for another reason than {reason!r}: {done.stderr[-200:]}"
    assert sqlite(path, "SELECT * FROM bom ORDER BY 1, 2;").stdout == before, f"refused, and still changed something: {statement}"


def accepted(path, statement):
    done = sqlite(path, statement)
    assert done.returncode == 0, f"refused: {statement}: {done.stderr[-200:]}"


def test_guard_refuses_cycles():
    with tempfile.TemporaryDirectory() as folder:
        path = made(folder, CHAIN)
        for values in ("(4, 1, 1)", "(2, 2, 1)", "(3, 1, 5)", "(6, 1, 1), (4, 5, 1)"):
            refused(path, f"INSERT INTO bom VALUES {values};", "bom: cycle")
        refused(path, "UPDATE bom SET child = 1 WHERE parent = 3;", "bom: cycle")
        refused(path, "UPDATE bom SET parent = 4 WHERE parent = 1;", "bom: cycle")
        refused(path, "INSERT OR IGNORE INTO bom VALUES (4, 1, 1);", "bom: cycle")
        refused(path, "INSERT OR REPLACE INTO bom VALUES (4, 2, 1);", "bom: cycle")


def test_guard_refuses_quantities():
    with tempfile.TemporaryDirectory() as folder:
        path = made(folder, CHAIN)
        for qty in ("0", "-1", "1.5", "'many'"):
            refused(path, f"INSERT INTO bom VALUES (1, 6, {qty});", "bom: quantity")
            refused(path, f"UPDATE bom SET qty = {qty} WHERE parent = 5;", "bom: quantity")


def test_guard_accepts_what_is_right():
    with tempfile.TemporaryDirectory() as folder:
        path = made(folder, CHAIN)
        accepted(path, "INSERT INTO bom VALUES (1, 4, 2), (1, 3, 1), (6, 4, 1);")
        accepted(path, "UPDATE bom SET parent = 6, child = 5 WHERE parent = 5;")
        accepted(path, "UPDATE bom SET qty = 3;")
        accepted(path, "INSERT OR REPLACE INTO bom VALUES (1, 2, 8);")
        found = json.loads(sqlite(path, "SELECT parent, child, qty FROM bom ORDER BY 1, 2;").stdout)
        want = [(1, 2, 8), (1, 3, 3), (1, 4, 3), (2, 3, 3), (3, 4, 3), (6, 4, 3), (6, 5, 3)]
        assert [tuple(row.values()) for row in found] == want, f"the rows are {found}"
        large = made(folder, ladder(22), "large.db")
        refused(large, "INSERT INTO bom VALUES (43, 0, 1);", "bom: cycle")
        accepted(large, "INSERT INTO bom VALUES (0, 43, 1);")


def test_costs():
    compare_all("costs", ladder(22))


def test_plan():
    compare_all("plan", random_plant(5, count=60, weeks=15))


def test_plan_after_changes():
    with tempfile.TemporaryDirectory() as folder:
        plant = random_plant(6)
        path = made(folder, plant)
        part = next(iter(plant.bom))
        plant.demand.append((part, 11, 500))
        accepted(path, f"INSERT INTO demand (part, week, qty) VALUES ({part}, 11, 500);")
        compare(path, plant, "plan", "after more demand")


def test_late():
    compare_all("late", random_plant(7, count=30))


def test_late_lead_times():
    compare_all("lead_times", ladder(22))
