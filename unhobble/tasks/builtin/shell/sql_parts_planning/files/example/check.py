"""Prints the share of the views of plan.sql that show what the files in example/ say: python3 example/check.py"""

import sqlite3
from pathlib import Path

VIEWS = {
    "explosion": "top, part, qty, nearest, deepest",
    "costs": "part, cents",
    "plan": "part, week, gross, received, planned, stock",
    "late": "part, week, qty, weeks_late",
    "lead_times": "part, weeks, path",
}


def shows(database, view, columns):
    try:
        rows = database.execute(f"SELECT {columns} FROM {view} ORDER BY 1, 2").fetchall()
    except sqlite3.Error:
        return False
    return ["|".join(map(str, row)) for row in rows] == Path("example", f"{view}.txt").read_text().splitlines()


def main():
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(Path("example/example.sql").read_text())
        database.executescript(Path("plan.sql").read_text())
    except (OSError, sqlite3.Error):
        print(0)
        return
    print(sum(shows(database, view, columns) for view, columns in VIEWS.items()) / len(VIEWS))


main()
