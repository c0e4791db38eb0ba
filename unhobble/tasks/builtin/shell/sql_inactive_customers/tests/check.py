import sqlite3
from pathlib import Path

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), status TEXT, placed TEXT NOT NULL);
"""


def run(customers, orders):
    path = Path("inactive.sql")
    assert path.is_file(), "inactive.sql does not exist"
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    connection.executemany("INSERT INTO customers VALUES (?, ?)", customers)
    connection.executemany("INSERT INTO orders (customer_id, status, placed) VALUES (?, ?, '2024-05-05')", orders)
    cursor = connection.execute(path.read_text(encoding="utf-8"))
    rows = cursor.fetchall()
    assert [column[0] for column in cursor.description or ()] == ["id", "name"], f"columns: {cursor.description}"
    return rows


def test_guest_orders():
    rows = run([(1, "A"), (2, "B")], [(None, "paid"), (1, "paid"), (None, None)])
    assert rows == [(2, "B")], f"customer 1 has an order, guests have some: found {rows}"


def test_orders_without_a_status_count():
    rows = run([(1, "A"), (2, "B"), (3, "C")], [(1, None), (2, "cancelled"), (2, None), (3, "cancelled"), (3, "cancelled")])
    assert rows == [(3, "C")], f"customers 1 and 2 have an order whose status is NULL: found {rows}"


def test_no_orders_and_no_customers():
    rows = run([(1, "A")], [])
    assert rows == [(1, "A")], f"no orders at all: found {rows}"
    assert run([], [(None, "paid")]) == [], "no customers at all: found some"


def test_order_and_no_duplicates():
    customers = [(9, "ida"), (2, "bo"), (5, "Ida"), (3, "Ada"), (4, "Zoe"), (7, "IDA"), (8, "cleo")]
    rows = run(customers, [(4, "cancelled"), (4, "cancelled"), (8, "cancelled"), (8, "new"), (3, "CANCELLED")])
    want = [(2, "bo"), (5, "Ida"), (7, "IDA"), (9, "ida"), (4, "Zoe")]
    assert rows == want, f"expected {want}, found {rows}"
