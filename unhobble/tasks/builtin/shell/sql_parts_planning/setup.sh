python3 - <<'PY'
import random
import re
import sqlite3
from pathlib import Path

rng = random.Random(240)
tables = re.sub(r"INSERT[^;]*;\n", "", Path("example/example.sql").read_text())
database = sqlite3.connect("plant.db")
database.executescript(tables)
ids = rng.sample(range(100, 999), 40)
for number, part in enumerate(ids):
    code = f"{'ABCDE'[number // 8]}-{number:02d}{rng.choice(['', 'x', ':2', ' grün'])}"
    row = (part, code, rng.randint(0, 900), rng.choice([0, 0, 3, 5, 12]), rng.randint(0, 3), rng.choice([1, 1, 10, 24]), rng.randint(0, 60))
    database.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
for number, part in enumerate(ids[:30]):
    for child in rng.sample(ids[number + 1 :], min(3, 39 - number)):
        database.execute("INSERT INTO bom VALUES (?, ?, ?)", (part, child, rng.randint(1, 4)))
for _ in range(25):
    database.execute("INSERT INTO demand (part, week, qty) VALUES (?, ?, ?)", (rng.choice(ids[:20]), rng.randint(1, 12), rng.randint(1, 40)))
for _ in range(12):
    database.execute("INSERT INTO receipts (part, week, qty) VALUES (?, ?, ?)", (rng.choice(ids), rng.randint(1, 9), rng.randint(1, 80)))
database.commit()
PY
