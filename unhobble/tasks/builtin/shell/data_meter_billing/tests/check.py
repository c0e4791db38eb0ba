from pathlib import Path

BILLS = """\
customer,month,kwh,days,energy,base,total
Albers,2024-01,204.953,22,75.63,8.36,83.99
Albers,2024-02,283.247,29,104.52,11.02,115.54
Albers,2024-03,428.915,31,158.27,11.78,170.05
Albers,2024-04,413.847,30,129.43,12.45,141.88
Albers,2024-05,446.236,31,139.56,12.87,152.43
Albers,2024-06,360.472,30,112.74,12.45,125.19
Albers,2024-07,403.384,31,123.53,12.87,136.40
Albers,2024-08,427.677,31,128.35,12.87,141.21
Albers,2024-09,262.824,30,78.87,12.45,91.32
Albers,2024-10,356.236,31,106.82,12.95,119.78
Albers,2024-11,476.679,30,142.55,12.98,155.53
Albers,2024-12,43.530,3,13.02,1.30,14.32
Bakker,2024-01,0.939,1,0.35,0.38,0.73
Bakker,2024-02,1306.862,29,482.23,11.02,493.25
Bakker,2024-03,1758.400,31,648.85,11.78,660.63
Bakker,2024-04,2072.447,30,648.16,12.45,660.61
Bakker,2024-05,2074.648,31,648.85,12.87,661.71
Bakker,2024-06,2090.521,30,653.81,12.45,666.26
Bakker,2024-07,2488.098,31,764.38,12.87,777.25
Bakker,2024-08,1890.761,31,567.42,12.87,580.28
Bakker,2024-09,2480.682,30,744.45,12.45,756.90
Bakker,2024-10,2450.897,31,735.20,12.95,748.15
Bakker,2024-11,1218.403,30,364.36,12.98,377.34
Bakker,2024-12,107.344,3,32.10,1.30,33.40
Cieślik,2023-12,271.521,31,100.19,11.78,111.97
Cieślik,2024-01,236.891,31,87.41,11.78,99.19
Cieślik,2024-02,196.720,29,72.59,11.02,83.61
Cieślik,2024-03,243.244,31,89.76,11.78,101.54
Cieślik,2024-04,292.324,30,91.42,12.45,103.87
Cieślik,2024-05,341.538,31,106.82,12.87,119.68
Cieślik,2024-06,769.624,30,240.70,12.45,253.15
Cieślik,2024-07,146.329,31,44.93,12.87,57.79
Cieślik,2024-08,152.773,31,45.85,12.87,58.71
Cieślik,2024-09,151.917,30,45.59,12.45,58.04
Cieślik,2024-10,7.121,2,2.14,0.83,2.97
Dahl,2024-03,47.000,2,17.34,0.76,18.10
Dahl,2024-04,0.000,30,0.00,12.45,12.45
Dahl,2024-05,0.000,31,0.00,12.87,12.87
Dahl,2024-06,0.000,30,0.00,12.45,12.45
Dahl,2024-07,0.000,31,0.00,12.87,12.87
Dahl,2024-08,0.000,31,0.00,12.87,12.87
Dahl,2024-09,0.000,30,0.00,12.45,12.45
Dahl,2024-10,154.000,27,46.09,11.22,57.31
Ek,2023-12,6.000,1,2.21,0.38,2.59
Ek,2024-01,408.215,31,150.63,11.78,162.41
Ek,2024-02,1247.785,29,460.43,11.02,471.45
"""
REJECTED = """\
line,reason
4,value
11,period
31,value
46,period
58,period
62,meter
72,period
80,gap
"""


def rows(name):
    path = Path(name)
    assert path.is_file(), f"{name} does not exist"
    raw = path.read_bytes()
    assert b"\r" not in raw and not raw.startswith(b"\xef\xbb\xbf"), f"{name}: carriage returns or a byte order mark"
    return [line.split(",") for line in raw.decode("utf-8").removesuffix("\n").split("\n")]


def columns(numbers):
    found = rows("bills.csv")
    want = [line.split(",") for line in BILLS.splitlines()]
    keys = [row[:2] for row in found]
    assert keys == [row[:2] for row in want], "bills.csv: not exactly the right customers and months in the right order"
    for a, b in zip(want, found):
        assert len(b) == 7, f"bills.csv, {' '.join(a[:2])}: {len(b)} fields"
        for number in numbers:
            assert a[number] == b[number], f"bills.csv, {want[0][number]} of {' '.join(a[:2])}: expected {a[number]}, found {b[number]}"


def test_rejected():
    found = [",".join(row) for row in rows("rejected.csv")]
    want = REJECTED.splitlines()
    assert found == want, f"rejected.csv: expected {want}, found {found[:20]}"


def test_consumption():
    columns([2])


def test_days_and_base():
    columns([3, 5])


def test_energy():
    columns([4])


def test_total():
    columns([6])
