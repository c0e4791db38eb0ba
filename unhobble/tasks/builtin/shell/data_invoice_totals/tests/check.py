from pathlib import Path

WANT = [
    "customer,total",
    "Ångström AB,2000007.35",
    "Müller & Söhne,1334.33",
    "Café Zürich,299.65",
    "Zoë’s; Tee,14.99",
    "Œuvre S.A.,0.00",
]


def data():
    path = Path("totals.csv")
    assert path.is_file(), "totals.csv does not exist"
    return path.read_bytes()


def test_encoding_and_line_ends():
    raw = data()
    assert not raw.startswith(b"\xef\xbb\xbf"), "totals.csv begins with a byte order mark"
    assert b"\r" not in raw, "totals.csv has carriage returns"
    raw.decode("utf-8")


def test_one_row_for_each_customer():
    names = [line.rpartition(",")[0] for line in data().decode("utf-8", "replace").splitlines()[1:]]
    want = [line.rpartition(",")[0] for line in WANT[1:]]
    assert sorted(names) == sorted(want), f"customers: expected {sorted(want)}, found {sorted(names)}"


def test_rows():
    lines = data().decode("utf-8", "replace").removesuffix("\n").split("\n")
    for number, (a, b) in enumerate(zip(WANT, lines), 1):
        assert a == b, f"line {number}: expected {a!r}, found {b!r}"
    assert len(lines) == len(WANT), f"expected {len(WANT)} lines, found {len(lines)}"
