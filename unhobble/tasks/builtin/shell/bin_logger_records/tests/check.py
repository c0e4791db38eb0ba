"""The readings of a temperature logger, by channel."""

from pathlib import Path

EXPECTED = """\
1,118,-39.20,23.99,-8.44,2024-06-30T18:22:51Z
2,102,-8.86,-0.14,-4.05,2024-06-30T18:27:37Z
3,116,907.84,1397.75,1149.79,2024-06-30T18:27:19Z
7,111,-0.05,0.05,0.00,2024-06-30T18:15:54Z
12,116,-82686.48,80067.37,-1094.81,2024-06-30T18:07:55Z
200,107,-699.21,-600.24,-647.42,2024-06-30T18:12:48Z
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
