"""How hosts are written: in a study, in a task and by whoever asks a sandbox's proxy for one. One reading for all of them."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

Address = IPv4Address | IPv6Address

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")


class HostAndPort(NamedTuple):
    """Where a connection is to go: a name in its one spelling, or an address; ``port`` is None where none was written."""

    host: str | Address
    port: int | None


@dataclass(frozen=True)
class HostEntry:
    """What an allowlist says about one host, or ``below`` it about all names that end in its name and are longer."""

    host: str | Address
    port: int | None
    below: bool

    def covers(self, host: str | Address) -> bool:
        """Whether this is about ``host``, as ``parse_host`` gives it."""
        if self.below:
            return isinstance(host, str) and host.endswith(f".{self.host}")
        return host == self.host


def parse_entry(text: str) -> HostEntry:
    """Read an entry of an allowlist: ``pypi.org``, ``*.debian.org``, ``192.0.2.1`` or ``[2001:db8::1]``, with ``:PORT`` or without.

    Raises ``ValueError``.
    """
    host, port = parse_host(text.removeprefix("*."))
    below = text.startswith("*.")
    if below and not isinstance(host, str):
        raise ValueError(f"{text!a} is not a host: there are no names below an address")
    return HostEntry(host, port, below)


def parse_host(text: str) -> HostAndPort:
    """Read ``HOST`` or ``HOST:PORT``. Names come back in lower case without the dot at their end.

    A number that some resolver takes for an address (2130706433, 0x7f.1, 0177.0.0.1) is no host, nor is a name beyond ASCII.
    Raises ``ValueError``.
    """
    match = _HOST_AND_PORT.fullmatch(text)
    host = _host(match[1]) if match else None
    if match is None or host is None:
        raise ValueError(f"{text[:253]!a} is not a host; write pypi.org, 192.0.2.1 or [2001:db8::1], with :PORT or without")
    port = None if match[2] is None else int(match[2])
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError(f"{port} is not a port; ports are 1 to 65535")
    return HostAndPort(host, port)


def _host(text: str) -> str | Address | None:
    try:
        if text.startswith("["):
            # With a zone it would name an interface of the machine, which is nobody's business here.
            return None if "%" in text else IPv6Address(text[1:-1])
        name = text.lower().removesuffix(".")
        labels = name.split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return IPv4Address(name)
    except AddressValueError:
        return None
    return name if len(name) <= 253 and all(map(_LABEL.fullmatch, labels)) else None
