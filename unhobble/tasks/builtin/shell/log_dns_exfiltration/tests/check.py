import hashlib
import json
from pathlib import Path

EXPECTED = {
    "session": "9be27d",
    "sha256": "61f13a970e66f8c2dfba16258c419dd56dc60c57301b71c52b58ab63c0c8f7b0",
    "asset": "LT-0417",
    "owner": "h.brandt",
    "addresses": ["10.20.4.17", "10.20.7.88"],
    "macs": ["3c:52:82:0a:11:9e", "3c:52:82:7f:00:21"],
    "first_query": "2024-02-29T22:43:12.000Z",
    "last_query": "2024-02-29T23:38:54.107Z",
    "queries": 110,
    "damaged": 14,
    "other_assets": ["LT-0544", "LT-0702"],
}


def compare(*keys):
    path = Path("report.json")
    assert path.is_file(), "report.json does not exist"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict), "report.json does not hold a JSON object"
    assert set(found) == set(EXPECTED), f"expected the keys {sorted(EXPECTED)}, found {sorted(found)}"
    for key in keys:
        expected, value = EXPECTED[key], found[key]
        assert value == expected and type(value) is type(expected), f"{key}: expected {expected!r}, found {value!r}"


def test_stolen_file():
    path = Path("stolen.file")
    assert path.is_file(), "stolen.file does not exist"
    data = path.read_bytes()
    assert len(data) == 6126, f"stolen.file: expected 6126 bytes, found {len(data)}"
    assert hashlib.sha256(data).hexdigest() == EXPECTED["sha256"], "stolen.file is not the file that was stolen"


def test_session():
    compare("session", "sha256", "first_query", "last_query")


def test_device():
    compare("asset", "owner", "addresses", "macs")


def test_counts():
    compare("queries", "damaged")


def test_other_devices():
    compare("other_assets")
