"""A filtering HTTP proxy for one sandbox: tunnels (CONNECT) and plain http:// requests to the hosts that were declared.

Source: RFC 9110, sections 7.6 and 9.3.6, and RFC 9112, section 3.2. One connection carries one request. Whoever speaks to it is the
agent, so nothing it sends may cost more than its share: bytes are held only while they are passed on, connections beyond the
limit wait in the kernel, and one that is silent ends.
"""

import asyncio
import logging
import os
import resource
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address, ip_address

import h11

from sandboxes._network.allowlist import Allowlist, why_not_reached
from sandboxes._network.exchange import Exchange, NotMade, Wanted
from unhobble.hosts import Address, parse_host
from unhobble.sandboxing import RefusedConnection

_LISTED = 100
_HOST_CHARACTERS = 253
_ADDRESSES = 4
_RESOLVERS = 2
_PACE_S = 0.005
_SHARE_OF_DESCRIPTORS = 0.75
_RECOVERY_S = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one sandbox may ask of its proxy; times in seconds."""

    connections: int = 64
    idle_s: float = 60.0
    connect_s: float = 10.0


class Refusals:
    """The connections that were not made, in the order they were asked for; only the first hundred of them are listed."""

    def __init__(self) -> None:
        self._listed: list[RefusedConnection] = []
        self._more = 0

    def add(self, host: str, port: int, why: str) -> None:
        """Note one. ``host`` may be whatever the agent wrote; ``port`` is 0 where it wrote none."""
        if len(self._listed) == _LISTED:
            self._more += 1
        else:
            self._listed.append(RefusedConnection(ascii(host)[1:-1][:_HOST_CHARACTERS], port, why))

    def take(self) -> tuple[RefusedConnection, ...]:
        """All since the last call. The last one stands for those that are not listed, where there are such."""
        taken, more = tuple(self._listed), self._more
        self._listed, self._more = [], 0
        return (*taken, RefusedConnection("*", 0, f"{more} more were refused")) if more else taken


class Proxy:
    """Serves ``listener``, which it owns, from its making until ``close``, on the event loop that made it.

    Whatever a client does ends at most that client's connection; nothing is raised, what goes wrong is logged at debug.
    """

    def __init__(self, listener: socket.socket, allowlist: Allowlist, *, private: bool, limits: Limits | None = None) -> None:
        self.refusals = Refusals()
        self._listener = listener
        self._allowlist = allowlist
        self._private = private
        self._limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        self._exchanges: dict[asyncio.Task[None], socket.socket] = {}
        self._pause: asyncio.TimerHandle | None = None
        # Threads of its own: a look-up cannot be cancelled, and slow ones must not hold up others' work.
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, "resolver")
        self._closed = False
        self._listener.setblocking(False)
        self._accept_again()

    async def close(self) -> None:
        """End every connection and the listener. Never raises; may be called again."""
        self._closed = True
        if self._pause:
            self._pause.cancel()
        if self._listener.fileno() != -1:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        for task in tuple(self._exchanges):
            task.cancel()
        if self._exchanges:
            await asyncio.wait(tuple(self._exchanges))
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    def _accept_again(self) -> None:
        self._pause = None
        if not self._closed and len(self._exchanges) < self._limits.connections:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take one connection, then none for a moment: an agent that does nothing but connect must not keep the worker busy."""
        self._loop.remove_reader(self._listener)
        pause_s = _PACE_S
        try:
            if _short_of_descriptors(self._listener):
                raise OSError("the worker needs the descriptors that it has left")
            client, _ = self._listener.accept()
        except OSError as error:
            # It waits in the kernel meanwhile.
            _log.debug("no connection could be accepted: %s", error)
            pause_s = _RECOVERY_S
        else:
            client.setblocking(False)
            task = self._loop.create_task(self._attend(client))
            self._exchanges[task] = client
            task.add_done_callback(self._ended)
        self._pause = self._loop.call_later(pause_s, self._accept_again)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # Here and not in the task, which may have been cancelled before it began.
        self._exchanges.pop(task).close()
        if self._pause is None:
            self._accept_again()

    async def _attend(self, client: socket.socket) -> None:
        try:
            async with asyncio.timeout(self._limits.idle_s) as idle:
                await Exchange(client, self._connect, lambda: idle.reschedule(self._loop.time() + self._limits.idle_s)).run()
        except (OSError, h11.ProtocolError) as error:
            _log.debug("a connection through the proxy broke: %r", error)
        except Exception:
            _log.exception("a connection through the proxy failed")

    async def _connect(self, wanted: Wanted) -> socket.socket:
        """A connection to where the request is to go. Raises ``NotMade``."""
        try:
            host, written = parse_host(wanted.authority)
        except ValueError as error:
            raise self._refused(wanted.authority, 0, str(error)) from None
        port = written or wanted.default_port or 0
        if why := wanted.why_not or self._allowlist.why_not(host, port):
            raise self._refused(str(host), port, why)
        try:
            async with asyncio.timeout(self._limits.connect_s):
                addresses = self._reachable(host, port, await self._addresses(host, port))
                return await self._connected(addresses, port)
        except TimeoutError:
            raise NotMade(504, f"{host} did not answer within {self._limits.connect_s:g} s") from None
        except OSError as error:
            raise NotMade(502, f"{host} cannot be reached: {error.strerror or error}") from None

    async def _addresses(self, host: str | Address, port: int) -> list[Address]:
        """What the worker's machine takes ``host`` for. Raises ``OSError``."""
        if not isinstance(host, str):
            return [host]
        # As bytes, which no codec for international names has a look at.
        look_up = partial(socket.getaddrinfo, host.encode(), port, type=socket.SOCK_STREAM)
        found = await self._loop.run_in_executor(self._resolvers, look_up)
        return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))

    def _reachable(self, host: str | Address, port: int, addresses: list[Address]) -> list[Address]:
        """Those of a host's addresses that may be connected to. Raises ``NotMade`` where none may be."""
        reachable, reasons = [], []
        for address in addresses:
            if why := self._why_not(address):
                reasons.append(why if address == host else f"it stands for {address}, {why}")
            else:
                reachable.append(address)
        if not reachable:
            raise self._refused(str(host), port, reasons[0])
        return reachable[:_ADDRESSES]

    def _why_not(self, address: Address) -> str | None:
        if why := why_not_reached(address, private=self._private):
            return why
        return "an address of the worker's own machine" if not self._private and _own(address) else None

    async def _connected(self, addresses: list[Address], port: int) -> socket.socket:
        """A connection to the first address that answers: to these very addresses, for a second look-up may give others."""
        failure: OSError = OSError("it has no address")
        for address in addresses:
            upstream = socket.socket(_family(address), socket.SOCK_STREAM)
            upstream.setblocking(False)
            try:
                async with asyncio.timeout(self._limits.connect_s / len(addresses)):
                    await self._loop.sock_connect(upstream, (str(address), port))
            except OSError as error:  # TimeoutError is one
                upstream.close()
                failure = error
            except BaseException:
                upstream.close()
                raise
            else:
                return upstream
        raise failure

    def _refused(self, host: str, port: int, why: str) -> NotMade:
        self.refusals.add(host, port, why)
        return NotMade(403, f"{ascii(host)[1:-1]}: {why}")


def _own(address: Address) -> bool:
    """Whether this machine has ``address``: what it sends to itself passes no firewall. Sends nothing."""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
        except OSError:
            return False
        return ip_address(probe.getsockname()[0]) == address


def _short_of_descriptors(any_socket: socket.socket) -> bool:
    """Whether this process has few descriptors left: all its sandboxes share them, so no agent may use them up."""
    lowest_free = os.dup(any_socket.fileno())
    os.close(lowest_free)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and lowest_free > soft * _SHARE_OF_DESCRIPTORS


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
