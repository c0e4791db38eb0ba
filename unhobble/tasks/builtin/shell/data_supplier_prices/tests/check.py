from pathlib import Path

BEST = """\
sku,ref,unit_price,matched_by,offers
P0006,A-49,0.4167,gtin,1
P0015,A-41,0.5208,gtin,4
P0017,A-67,0.0621,gtin,2
P0022,,,,0
P0029,A-3,10.2875,gtin,1
P0034,B-33,1.0063,gtin,2
P0039,A-72,1.6667,gtin,3
P0044,B-38,2.5413,name,2
P0054,A-59,1.6667,gtin,2
P0500,A-82,0.4167,name,3
P0777,,,,0
P1000,A-2,0.1414,name,2
P1010,,,,0
P1014,A-12,0.1242,gtin,2
P1016,B-45,2.6750,name,3
P1018,,,,0
P1025,A-47,0.2775,gtin,5
P1032,B-63,2.6750,name,1
P1033,A-52,0.0825,gtin,3
P1035,,,,0
P1046,,,,0
P1048,A-84,0.0413,name,3
P2009,A-50,0.4167,gtin,3
P3001,B-49,0.8663,gtin,3
P3003,B-62,0.3821,name,2
P3011,A-51,0.2483,name,4
P3020,A-40,0.5208,name,2
P3021,B-59,0.0825,gtin,1
P3023,A-24,0.4757,name,4
P3055,A-53,0.2483,name,3
P4037,B-5,1.4286,gtin,2
P4049,A-15,0.8333,gtin,2
P4050,A-37,0.0413,name,4
P5002,B-42,0.1414,gtin,2
P5008,A-34,10.2875,name,1
P5013,A-71,0.1650,name,4
P5019,A-6,20.5750,gtin,1
P5026,A-57,0.0825,name,3
P5028,A-29,0.2775,name,3
P5030,B-57,0.3821,name,2
P5031,A-86,0.0413,gtin,7
P5051,A-85,0.4167,name,1
P6007,,,,0
P6012,B-50,0.5583,name,1
P6024,B-1,1.0417,name,1
P6036,A-69,12.5000,name,2
P7004,B-21,0.1917,name,5
P7045,A-90,1.4900,name,2
P8038,,,,0
P8040,A-1,0.2775,name,1
P8041,A-27,1.6667,gtin,3
P8042,B-65,10.9375,name,1
P8043,B-15,0.8663,gtin,2
P8047,A-39,3.3300,gtin,2
P8052,A-60,123.4500,name,1
P8053,B-34,0.1650,gtin,2
P9005,B-6,1.4286,gtin,4
P9027,A-83,0.2775,gtin,4
P9777,A-42,0.4167,gtin,3
"""
UNMATCHED = """\
ref,reason
A-4,ambiguous
A-5,unknown
A-8,unknown
A-13,unknown
A-19,unknown
A-20,unknown
A-25,unknown
A-28,conflict
A-30,unknown
A-35,conflict
A-36,unknown
A-38,unknown
A-43,unknown
A-44,unknown
A-55,conflict
A-58,unknown
A-61,unknown
A-68,unknown
A-74,unknown
A-77,unknown
A-79,unknown
A-89,unknown
B-2,unknown
B-3,unknown
B-11,unknown
B-13,unknown
B-17,unknown
B-25,unknown
B-26,unknown
B-27,unknown
B-28,unknown
B-46,unknown
B-58,unknown
"""


def rows(name):
    path = Path(name)
    assert path.is_file(), f"{name} does not exist"
    raw = path.read_bytes()
    assert b"\r" not in raw and not raw.startswith(b"\xef\xbb\xbf"), f"{name}: carriage returns or a byte order mark"
    return [line.split(",") for line in raw.decode("utf-8").removesuffix("\n").split("\n")]


def best():
    found = rows("best.csv")
    want = [line.split(",") for line in BEST.splitlines()]
    assert found[0] == want[0], f"best.csv, header: found {found[0]}"
    assert [row[0] for row in found] == [row[0] for row in want], "best.csv: not exactly the skus of the catalogue, sorted"
    return list(zip(want, found))[1:]


def column(numbers, what):
    for want, found in best():
        a, b = [want[n] for n in numbers], [found[n] if n < len(found) else None for n in numbers]
        assert a == b, f"best.csv, {what} of {want[0]}: expected {a}, found {b}"
        assert len(found) == 5, f"best.csv, {want[0]}: {len(found)} fields"


def test_number_of_offers():
    column([4], "number of offers")


def test_best_offer_and_match():
    column([1, 3], "best offer and kind of match")


def test_unit_price():
    column([2], "price of a piece")


def test_unmatched():
    found = [",".join(row) for row in rows("unmatched.csv")]
    want = UNMATCHED.splitlines()
    missing, extra = [row for row in want if row not in found], [row for row in found if row not in want]
    assert not missing and not extra, f"unmatched.csv: missing {missing[:5]}, not expected {extra[:5]}"
    assert found == want, "unmatched.csv: wrong order"
