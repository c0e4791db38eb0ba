"""The readings of a temperature logger, by channel."""

from pathlib import Path

EXPECTED = """\
1,118,-39.49,24.98,-5.13,2024-06-30T18:18:56Z
2,100,-8.91,-0.12,-4.19,2024-06-30T18:39:20Z
3,124,904.61,1398.21,1151.74,2024-06-30T18:27:46Z
7,99,-0.05,0.05,0.00,2024-06-30T17:44:47Z
12,121,-81178.96,83715.54,3399.20,2024-06-30T18:33:14Z
200,97,-698.42,-600.24,-649.38,2024-06-30T17:02:36Z
"""


def rows():
    path = Path("channels.csv")
    assert path.is_file(), "channels.csv does not exist"
    header, *lines = path.read_text().splitlines() or [""]
    assert header == "channel,readings,lowest,highest,mean,latest", f"the header is {header!r}"
    return [line.split(",") for line in lines]


def compare(*columns):
    wanted = [line.split(",") for line in EXPECTED.splitlines()]
    found = rows()
    assert len(found) == len(wanted), f"expected {len(wanted)} channels, found {len(found)}"
    for have, want in zip(found, wanted):
        assert len(have) == 6, f"a line of {len(have)} fields: {have}"
        picked = [have[0], *(have[c] for c in columns)], [want[0], *(want[c] for c in columns)]
        assert picked[0] == picked[1], f"expected {picked[1]}, found {picked[0]}"


def test_channels_and_counts():
    compare(1)


def test_lowest_and_highest():
    compare(2, 3)


def test_mean():
    compare(4)


def test_latest():
    compare(5)
