"""The settings that are in force at the end of deploy.env."""

from pathlib import Path

EXPECTED = {
    'APP': 'legacy-alias',
    'APP_NAME': 'booking',
    'DB': 'primary',
    'DB2_HOST': 'replica.internal',
    'DB_HOST': 'db-new.internal',
    'DB_URL': 'postgres://svc:p#ss=w0rd@db-new.internal/bookings?sslmode=require',
    'EMPTY': '',
    'EXPORT_DIR': '/srv/export dir/out',
    'FEATURE_X': '',
    'GREETING': '  Welcome, traveller!  ',
    'HALF': '"unfinished\'',
    'LAST': 'yes',
    'MOTTO': 'It is "open"',
    'NESTED': "'inner'",
    'QUOTE': '"',
    'REGION': 'eu-north-1',
    'TIMEOUT': '30',
    'TIMEOUT_UNIT': 's # seconds',
    'TOKEN': 'def456==',
    'exportLimit': '25',
    'region': 'lower',
}


def _lines() -> list[str]:
    path = Path("effective.env")
    assert path.is_file(), "effective.env does not exist"
    data = path.read_bytes()
    assert data.endswith(b"\n"), "the last line of effective.env does not end in a line feed"
    return data[:-1].decode("utf-8").split("\n")


def test_no_carriage_returns():
    assert not any("\r" in line for line in _lines()), "effective.env contains carriage returns"


def test_which_keys():
    keys = [line.split("=", 1)[0] for line in _lines()]
    assert sorted(set(keys)) == sorted(EXPECTED), f"keys that differ: {sorted(set(keys) ^ set(EXPECTED))}"
    assert len(keys) == len(set(keys)), "a key occurs more than once"


def test_values():
    found = dict(line.split("=", 1) for line in _lines())
    wrong = {key: found.get(key) for key, value in EXPECTED.items() if found.get(key) != value}
    assert not wrong, f"wrong values: {wrong}"


def test_order():
    keys = [line.split("=", 1)[0] for line in _lines()]
    assert keys == sorted(keys), "the lines are not in the order of their keys"
