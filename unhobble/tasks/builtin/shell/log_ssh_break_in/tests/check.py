import json
from pathlib import Path


def report():
    path = Path("report.json")
    assert path.is_file(), "report.json does not exist"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict), "report.json does not hold a JSON object"
    return found


def expect(key, expected):
    found = report().get(key)
    assert found == expected and type(found) is type(expected), f"{key}: expected {expected!r}, found {found!r}"


def test_keys():
    expected = {"address", "failures", "user", "login", "logout", "commands"}
    assert set(report()) == expected, f"expected the keys {sorted(expected)}, found {sorted(report())}"


def test_intruder():
    expect("address", "203.0.113.45")
    expect("user", "deploy")


def test_failures():
    expect("failures", 104)


def test_session():
    expect("login", "2024-01-01T00:31:09Z")
    expect("logout", "2024-01-01T01:12:44Z")


def test_commands():
    expect(
        "commands",
        [
            "list",
            "/usr/bin/cat /etc/shadow",
            "/usr/bin/env COMMAND=id TTY=x /bin/sh -c id ; true",
            "/usr/bin/tar czf /tmp/.x.tgz /srv/backup",
            "/usr/bin/rm -rf /tmp/.x.tgz",
        ],
    )
