"""Three logs of the night in which the clocks went back, in one timeline."""

import hashlib
import re
from pathlib import Path

EXPECTED = """\
2024-10-27T00:04:59.950Z db checkpoint complete
2024-10-27T00:05:10.000Z edge accepted 203.0.113.7 GET /rooms
2024-10-27T00:05:10.120Z api GET /rooms 200
2024-10-27T00:20:00.000Z api GET /rooms/12 worker start
2024-10-27T00:20:00.000Z db slow query 812 ms
SELECT *
  FROM rooms

  WHERE night = '2024-10-27 02:00:00'
2024-10-27T00:20:00.000Z edge accepted 203.0.113.9 GET /rooms/12
2024-10-27T00:20:00.004Z api GET /rooms/12 200
2024-10-27T00:41:37.000Z api POST /book worker start
2024-10-27T00:41:37.000Z db lock wait on booking
2024-10-27T00:41:37.000Z edge accepted 198.51.100.4 POST /book
2024-10-27T00:41:37.000Z edge upstream slow: 1900 ms
    request-id 77f1
    retry at 02:41:39
2024-10-27T00:41:37.100Z api POST /book 201
2024-10-27T00:58:59.000Z edge accepted 198.51.100.4 GET /book/981
2024-10-27T00:59:00.123Z api GET /book/981 200
2024-10-27T01:00:00.000Z db autovacuum: night table
2024-10-27T01:00:00.000Z edge clock: daylight saving time ends
2024-10-27T01:05:10.000Z edge accepted 203.0.113.7 GET /rooms
2024-10-27T01:05:10.900Z api GET /rooms 200
2024-10-27T01:19:58.004Z db FATAL terminating connections
Traceback (most recent call last):
  File "pool.py", line 88, in take
    raise Exhausted(2024)
pool.Exhausted: 2024
2024-10-27T01:19:59.999Z api GET /rooms 503
  caused by: pool.Exhausted
  at 2024-10-27T02:19:58+01:00
2024-10-27T01:20:00.000Z api alarm raised
2024-10-27T01:20:00.000Z db restart requested
2024-10-27T01:20:00.000Z edge upstream refused connection
    Oct 27 02:19:59 last good answer
2024-10-27T01:20:03.000Z edge upstream refused connection
2024-10-27T01:20:03.050Z api GET /rooms 503
2024-10-27T01:24:41.730Z api alarm cleared
2024-10-27T01:24:41.730Z db database ready
2024-10-27T01:59:59.000Z edge accepted 192.0.2.55 GET /health
2024-10-27T02:00:00.000Z api rotated certificates seen
2024-10-27T02:00:00.000Z edge rotated certificates
2024-10-27T02:30:00.001Z db checkpoint complete
2024-10-27T02:31:12.000Z edge accepted 192.0.2.80 GET /rooms
2024-10-27T02:31:12.500Z api GET /rooms 200
"""
HEADER = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (api|db|edge) (.*)")


def _found() -> str:
    path = Path("timeline.txt")
    assert path.is_file(), "timeline.txt does not exist"
    return path.read_bytes().decode("utf-8")


def _entries(text: str) -> list[str]:
    return [line for line in text.split("\n") if HEADER.fullmatch(line)]


def test_entries_are_complete():
    def keys(text):
        return sorted(HEADER.fullmatch(line).group(2, 3) for line in _entries(text))

    assert keys(_found()) == keys(EXPECTED), "the entries are not those of the three logs"


def test_instants():
    found, expected = sorted(_entries(_found())), sorted(_entries(EXPECTED))
    wrong = [(a, b) for a, b in zip(found, expected) if a != b]
    assert not wrong and len(found) == len(expected), f"first entry with another time (found, expected): {wrong[:1]}"


def test_order():
    assert _entries(_found()) == _entries(EXPECTED), "the entries are in another order"


def test_whole_text():
    found = _found().split("\n")
    for number, (have, want) in enumerate(zip(found, EXPECTED.split("\n")), 1):
        assert have == want, f"line {number} is {have!r}, expected {want!r}"
    assert _found() == EXPECTED, "lines are missing at the end, or there are too many"
