from pathlib import Path

EXPECTED = [
    "altered bin/agentctl",
    "missing doc/NEWS",
    "altered etc/limits.toml",
    "unlisted lib/debug.so",
    "altered lib/net.so",
    "altered lib/tls.so",
    "unlisted share/.profile",
    "missing var/.keep",
]


def findings():
    path = Path("findings.txt")
    assert path.is_file(), "findings.txt does not exist"
    return path.read_text().splitlines()


def of(word):
    return sorted(line for line in findings() if line.startswith(word))


def test_altered_files():
    assert of("altered ") == sorted(line for line in EXPECTED if line.startswith("altered ")), of("altered ")


def test_missing_files():
    assert of("missing ") == sorted(line for line in EXPECTED if line.startswith("missing ")), of("missing ")


def test_unlisted_files():
    assert of("unlisted ") == sorted(line for line in EXPECTED if line.startswith("unlisted ")), of("unlisted ")


def test_findings_are_sorted_by_path_and_nothing_else_is_there():
    assert findings() == EXPECTED, findings()
