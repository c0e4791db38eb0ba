"""The doctor says what works here, and fails where studies cannot be run."""

import pytest

from service.commands.doctor import Finding, Light, is_ok


def test_everything_is_looked_at_and_said(unhobble):
    said = unhobble("doctor", "--json")
    found = {finding["what"]: finding for finding in said.json["findings"]}
    assert {"python", "sandbox bubblewrap", "sandbox docker", "database", "ray", "disk"} <= found.keys()
    assert all(finding["said"] for finding in found.values())
    assert said.code == (0 if said.json["ok"] else 1)


def test_a_database_that_cannot_be_used_fails_and_is_said(unhobble):
    said = unhobble("doctor", "--database", "sqlite:////proc/none/x.db")
    assert said.code == 1
    assert "cannot run studies yet" in said.words
    assert "/proc/none" in said.words


def findings(bubblewrap: Light, docker: Light, database: Light = Light.green) -> list[Finding]:
    return [
        Finding("sandbox bubblewrap", bubblewrap, ""),
        Finding("sandbox docker", docker, ""),
        Finding("database", database, "", needed=True),
    ]


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        (findings(Light.yellow, Light.red), True),
        (findings(Light.red, Light.green), True),
        (findings(Light.red, Light.red), False),
        (findings(Light.green, Light.green, Light.red), False),
        ([], False),
    ],
)
def test_one_sandbox_and_the_database_are_what_it_takes(found, ok):
    assert is_ok(found) is ok
