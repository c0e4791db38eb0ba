"""What an allowlist lets through, and which addresses a name may stand for."""

from ipaddress import ip_address

import pytest

from sandboxes._network.allowlist import Allowlist, why_not_reached
from unhobble.hosts import parse_host

DECLARED = Allowlist(["pypi.org", "*.debian.org", "git.example:22", "git.example:443", "192.0.2.1", "[2001:db8::1]:8080"])


@pytest.mark.parametrize(
    ("asked", "port", "allowed"),
    [
        ("pypi.org", 80, True),
        ("PYPI.ORG.", 443, True),
        ("pypi.org", 8443, False),
        ("pypi.org", 22, False),
        ("pypi.org", 0, False),
        ("www.pypi.org", 443, False),
        ("notpypi.org", 443, False),
        ("pypi.org.evil.example", 443, False),
        ("deb.debian.org", 80, True),
        ("a.b.debian.org", 80, True),
        ("debian.org", 80, False),
        ("evildebian.org", 80, False),
        ("git.example", 22, True),
        ("git.example", 443, True),
        ("git.example", 80, False),
        ("192.0.2.1", 80, True),
        ("192.0.2.2", 80, False),
        ("[2001:db8:0::1]", 8080, True),
        ("[2001:db8::1]", 80, False),
        ("[::ffff:192.0.2.1]", 80, False),
    ],
)
def test_only_what_was_declared_is_allowed(asked, port, allowed):
    assert (DECLARED.why_not(parse_host(asked).host, port) is None) == allowed


def test_nothing_declared_allows_nothing():
    assert Allowlist([]).why_not("pypi.org", 443)


LOCAL = ["127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fd00::1"]
NEVER = [
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "224.0.0.1", "239.1.1.1"),
    *("240.0.0.1", "255.255.255.255", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2001:0:1::1", "2002:7f00:1::1", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "fd00:ec2::254"),
]


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.0.223", "2606:4700::1111"])
def test_what_anyone_can_reach_is_reached(address):
    assert why_not_reached(ip_address(address), private=False) is None


@pytest.mark.parametrize("address", LOCAL)
def test_private_networks_are_the_operators_to_open(address):
    assert why_not_reached(ip_address(address), private=False)
    assert why_not_reached(ip_address(address), private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_reached(address):
    assert why_not_reached(ip_address(address), private=False)
    assert why_not_reached(ip_address(address), private=True)
