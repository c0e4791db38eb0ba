"""The figures of nine services, and of two that end in halves; found with fractions and again with sixty decimals."""

from pathlib import Path

SUMMARY = """\
service,n,timeouts,median,p55,p95,trimmed_mean,sd
audit,2,0,12.380,12.389,12.389,12.380,0.013
avatar,14,0,5.218,5.230,5.392,5.242,0.115
checkout,100,4,121.647,130.919,233.261,130.693,64.993
export,20,3,6422.825,6487.284,-,-,2845.013
health,1,0,1.068,1.068,1.068,1.068,-
legacy,2,2,-,-,-,-,-
login,40,0,42.370,46.327,95.942,48.526,26.053
mail,9,5,-,-,-,-,188.327
pixel,2,0,2.676,2.676,2.676,2.676,0.001
search,200,1,16.425,17.770,30.330,16.030,9.180
tiles,4,0,1.001,1.001,1.003,1.001,0.001
"""
COLUMNS = SUMMARY.splitlines()[0].split(",")


def rows():
    path = Path("summary.csv")
    assert path.is_file(), "summary.csv does not exist"
    return [line.split(",") for line in path.read_text().replace("\r\n", "\n").splitlines()]


def same(*names):
    """Are these columns right for every service?"""
    found = {row[0]: row for row in rows()[1:]}
    for line in SUMMARY.splitlines()[1:]:
        expected = line.split(",")
        row = found.get(expected[0])
        assert row is not None and len(row) == len(COLUMNS), f"no line of {len(COLUMNS)} columns for {expected[0]}"
        for name in names:
            place = COLUMNS.index(name)
            assert row[place] == expected[place], f"{name} of {expected[0]} is not {row[place]!r}"


def test_header_and_services():
    expected = [line.split(",")[0] for line in SUMMARY.splitlines()[1:]]
    found = rows()
    assert found and found[0] == COLUMNS, f"the header is {found[:1]}"
    assert [row[0] for row in found[1:]] == expected, f"the services are {[row[0] for row in found[1:]]}"


def test_counts():
    same("n", "timeouts")


def test_median():
    same("median")


def test_percentiles():
    same("p55", "p95")


def test_trimmed_mean():
    same("trimmed_mean")


def test_standard_deviation():
    same("sd")
