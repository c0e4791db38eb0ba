from pathlib import Path

HEADER = "order_id,charges,overcharged,cause,first_request_utc,pickup_delay_ms"
EXPECTED = """\
9953,2,58.10,client,2023-10-28T22:32:53.611Z,4107
9963,2,9.95,worker,2023-10-28T22:54:29.249Z,1655
9981,2,1234.50,worker,2023-10-28T23:34:41.341Z,1343
9987,3,9.95,client,2023-10-28T23:50:50.606Z,2569
9994,2,11.44,client,2023-10-29T00:08:50.534Z,2627
9999,2,1234.50,client,2023-10-29T00:22:27.127Z,1750
10002,2,17.15,worker,2023-10-29T00:27:45.843Z,3645
10005,2,1.10,client,2023-10-29T00:34:59.097Z,757
10008,2,1.10,worker,2023-10-29T00:40:18.644Z,694
10011,2,1234.50,client,2023-10-29T00:45:25.263Z,749
10015,2,1234.50,client,2023-10-29T00:59:12.538Z,2634
10021,2,1234.50,worker,2023-10-29T01:11:26.348Z,388
10029,3,29.99,client,2023-10-29T01:30:59.683Z,1615
10034,2,8.05,client,2023-10-29T01:40:00.841Z,266
10040,4,9.95,worker,2023-10-29T01:54:05.537Z,2638
10045,2,1234.50,worker,2023-10-29T02:07:27.664Z,1112
10054,2,20.00,client,2023-10-29T02:27:56.621Z,3796
10058,2,4.29,client,2023-10-29T02:34:23.019Z,2174
"""


def rows():
    path = Path("overcharges.csv")
    assert path.is_file(), "overcharges.csv does not exist"
    data = path.read_bytes()
    assert b"\r" not in data, "overcharges.csv has a carriage return"
    lines = data.decode("utf-8").rstrip("\n").split("\n")
    assert lines[0] == HEADER, f"header line: found {lines[0]!r}"
    split = [line.split(",") for line in lines[1:]]
    assert all(len(row) == 6 for row in split), "a line does not have six fields"
    return split


def compare(column, name):
    expected = [line.split(",") for line in EXPECTED.split()]
    found = {row[0]: row[column] for row in rows()}
    for row in expected:
        assert found.get(row[0]) == row[column], f"order {row[0]}: expected {name} {row[column]}, found {found.get(row[0])}"


def test_orders():
    expected = [line.split(",")[0] for line in EXPECTED.split()]
    found = [row[0] for row in rows()]
    missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    assert not missing and not extra, f"orders not reported: {missing}; orders reported without reason: {extra}"
    assert len(found) == len(expected), "an order is reported more than once"
    assert found == expected, "the orders are not in ascending numeric order"


def test_money():
    compare(1, "charges")
    compare(2, "overcharged")


def test_cause():
    compare(3, "cause")


def test_first_request():
    compare(4, "first_request_utc")


def test_pickup_delay():
    compare(5, "pickup_delay_ms")
