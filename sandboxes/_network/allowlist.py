"""Which hosts a sandbox may reach: pure decisions about names, ports and addresses.

A name is judged twice: before it is resolved, by the entries that were declared (``Allowlist``), and after it, by what it stands
for (``why_not_reached``). A name that may be reached does not open the way to the worker's own network.
"""

from collections.abc import Iterable
from ipaddress import ip_network

from unhobble.hosts import Address, parse_entry

PORTS = (80, 443)
"""The ports of an entry that names none."""

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))
_NEVER = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this machine itself"),
        ("169.254.0.0/16", "a link-local address, where clouds keep credentials"),
        ("168.63.129.16/32", "a cloud's service for its machines"),
        ("100.100.100.200/32", "a cloud's service for its machines"),
        ("192.0.0.0/24", "an address of a protocol, not of a host"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/96", "an IPv4 address in another form"),
        ("::ffff:0:0/96", "an IPv4 address in another form"),
        ("64:ff9b::/96", "an IPv4 address in another form"),
        ("64:ff9b:1::/48", "an IPv4 address in another form"),
        ("2001::/32", "an IPv4 address in another form"),
        ("2002::/16", "an IPv4 address in another form"),
        ("fe80::/10", "a link-local address, where clouds keep credentials"),
        ("fec0::/10", "a site-local address"),
        ("fd00:ec2::/32", "a cloud's service for its machines"),
        ("ff00::/8", "a multicast address"),
    )
)
"""What no setting opens. Source: IANA's registries of special-purpose addresses (RFC 6890); the clouds' own documentation."""


def why_not_reached(address: Address, *, private: bool) -> str | None:
    """Why no connection is made to ``address``; None where it may be.

    ``private``: loopback and private networks may be reached. Link-local, multicast and reserved addresses never are, nor is
    IPv6 that stands for IPv4: it would need to be judged by what some router makes of it.
    """
    if any(address in network for network in _LOOPBACK):
        return None if private else "a loopback address"
    for network, what in _NEVER:
        if address in network:
            return what
    return None if private or address.is_global else "an address of a private network"


class Allowlist:
    """The hosts that were declared, as ``hosts.parse_entry`` reads them. An entry without a port is about 80 and 443.

    Raises ``ValueError`` for what is no entry.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self._entries = tuple(map(parse_entry, hosts))

    def why_not(self, host: str | Address, port: int) -> str | None:
        """Why this host, as ``hosts.parse_host`` gives it, is not to be reached at this port; None where it is."""
        if not port:
            return "there is no port"
        entries = [entry for entry in self._entries if entry.covers(host)]
        if not entries:
            return "the host is not among those that were declared"
        ports = {port for entry in entries for port in (PORTS if entry.port is None else (entry.port,))}
        return None if port in ports else f"the host was declared for {', '.join(map(str, sorted(ports)))} only, not for this port"
