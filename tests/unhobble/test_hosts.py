"""What is a host, and what is none."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unhobble.hosts import parse_entry, parse_host
from unhobble.sandboxing import SandboxSpec


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("pypi.org", "pypi.org", None),
        ("PyPI.org.:8080", "pypi.org", 8080),
        ("_srv.a-b.example:1", "_srv.a-b.example", 1),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ("192.0.2.1:443", ip_address("192.0.2.1"), 443),
        ("192.0.2.1.", ip_address("192.0.2.1"), None),
        ("[2001:DB8::1]:65535", ip_address("2001:db8::1"), 65535),
    ],
)
def test_a_host_has_one_spelling(text, host, port):
    assert parse_host(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", ":80", "a..b", ".a", "-a", "a-", "a b", "a\r\nb", "a\0", "a/b", "user@a", "a:80:80", "a%00b", "*", "*.a"),
        *("bücher.example", "ａ.example", "a。b", "x" * 64, "x." * 127 + "xx"),  # noqa: RUF001
        *("a:", "a:0", "a:65536", "a:+80", "a:８０", "a:-1", "a: 80", "a:000080"),  # noqa: RUF001
        *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.0x1", "1.2.3.4.5", "256.1.1.1", "x.0x", "x.1"),
        *("::1", "[::1", "::1]", "[127.0.0.1]", "[fe80::1%eth0]", "[fe80::1%25eth0]", "[]", "[[::1]]", "[::1]x", "[::1].a"),
    ],
)
def test_what_could_be_read_in_two_ways_is_no_host(text):
    with pytest.raises(ValueError, match=r"."):
        parse_host(text)


@given(st.text(max_size=300))
def test_whatever_is_no_host_is_a_value_error(text):
    try:
        host, port = parse_host(text)
    except ValueError:
        return
    assert port is None or 1 <= port <= 65_535
    again = f"[{host}]" if getattr(host, "version", 4) == 6 else str(host)
    assert parse_host(again) == (host, None)


@pytest.mark.parametrize("entry", ["*", "*.", "*.*.a", "a.*", "*.192.0.2.1", "http://a", "a/b", "2130706433", "a:0", "a..b"])
def test_an_entry_that_is_none_is_found_at_once(entry):
    with pytest.raises(ValueError, match=r"."):
        parse_entry(entry)
    with pytest.raises(ValidationError, match=r"."):
        SandboxSpec(network="allowlist", hosts=("pypi.org", entry))
