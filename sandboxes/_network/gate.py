"""The only way out of a sandbox that has one: a listener in its network, served by a proxy in the worker.

A sandbox's network is a loopback and nothing else. A helper enters that network, makes a listener there, hands it to the worker
and ends. A socket stays in the network where it was made, so what connects to it comes from this sandbox and no other, while
what the worker then does on its behalf goes through the worker's own network. Nothing of the sandbox needs to be trusted or
changed for it, and there is no route, name service or firewall rule.
"""

import asyncio
import shutil
import socket
import subprocess
import sys
from array import array
from collections.abc import Sequence

from sandboxes._network.allowlist import Allowlist
from sandboxes._network.proxy import Proxy
from sandboxes._settling import opened
from unhobble.errors import SandboxError
from unhobble.sandboxing import RefusedConnection
from unhobble.text import decode

PORT = 3128
"""Where the proxy listens on 127.0.0.1 of every sandbox that has one."""

_HELPER_S = 30.0
_COMPLAINT_CHARACTERS = 500

# Linux interface flags: SIOCGIFFLAGS 0x8913, SIOCSIFFLAGS 0x8914, IFF_UP 1. Source: netdevice(7).
_HELPER = f"""
import fcntl, socket, struct
listener = socket.socket()
interface = struct.Struct("16sH22x")
_, flags = interface.unpack(fcntl.ioctl(listener, 0x8913, interface.pack(b"lo", 0)))
if not flags & 1:
    fcntl.ioctl(listener, 0x8914, interface.pack(b"lo", flags | 1))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", {PORT}))
listener.listen(128)
socket.send_fds(socket.socket(fileno=0), [b"."], [listener.fileno()])
"""


class Gate:
    """An open gate; ``env`` is what every command needs in its environment so that its programs find the gate."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        url, here = f"http://127.0.0.1:{PORT}", "localhost,127.0.0.1,::1"
        words = {"http_proxy": url, "https_proxy": url, "all_proxy": url, "no_proxy": here}
        # Programs differ in which they read: curl takes http_proxy in lower case only, others look for capitals.
        self.env: dict[str, str] = words | {name.upper(): value for name, value in words.items()}

    def take_refused(self) -> tuple[RefusedConnection, ...]:
        """The connections that were not made since the last call."""
        return self._proxy.refusals.take()

    async def close(self) -> None:
        """End every connection and the listener. Never raises; may be called again."""
        await self._proxy.close()


async def open_gate(pid: int, hosts: Sequence[str], *, private: bool, user_namespace: bool = False) -> Gate:
    """Give the network of process ``pid`` a way to ``hosts`` (as ``hosts.parse_entry`` reads them), and to nothing else.

    ``pid`` is as this process sees it, and must stay alive until this returns. ``private``: names and addresses in private
    networks, this machine's included, may be reached where they are declared. ``user_namespace``: the network belongs to the user
    namespace of that process, so the helper enters that too; without, this process must be root. Raises ``SandboxError``.
    """
    try:
        allowlist = Allowlist(hosts)
    except ValueError as error:
        raise SandboxError(f"a host of the sandbox's allowlist cannot be used: {error}") from error
    listener = await opened(asyncio.to_thread(_listener, pid, user_namespace=user_namespace), _closed)
    return Gate(Proxy(listener, allowlist, private=private))


async def _closed(listener: socket.socket) -> None:
    listener.close()


def _listener(pid: int, *, user_namespace: bool) -> socket.socket:
    """A socket that listens in the network of ``pid``."""
    nsenter = shutil.which("nsenter")
    if nsenter is None:
        raise SandboxError("there is no nsenter on PATH, which a sandbox with an allowlist needs; install util-linux")
    words = [nsenter, "--target", str(pid), *(("--user", "--preserve-credentials") if user_namespace else ()), "--net"]
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            said = _run([*words, "--", sys.executable, "-I", "-S", "-B", "-c", _HELPER], theirs.fileno())
        listener = _handed_over(ours)
    if listener is None:
        raise SandboxError(f"no gate can be opened in the network of process {pid}: {said or 'the helper said nothing'}")
    return listener


def _run(words: list[str], stdin: int) -> str:
    """Run the helper to its end. What it said last, if anything."""
    try:
        # An empty environment: in a user namespace others than its user might read it.
        done = subprocess.run(words, stdin=stdin, capture_output=True, env={}, timeout=_HELPER_S, check=False)
    except subprocess.TimeoutExpired:
        return f"the helper did not end within {_HELPER_S:g} s"
    except OSError as error:
        return str(error)
    return decode(done.stderr).strip()[-_COMPLAINT_CHARACTERS:]


def _handed_over(link: socket.socket) -> socket.socket | None:
    """The socket that came through ``link``; None where none did."""
    numbers = array("i")
    try:
        _, messages, _, _ = link.recvmsg(1, socket.CMSG_SPACE(numbers.itemsize), socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    for level, kind, data in messages:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(data[: numbers.itemsize])
    if not numbers:
        return None
    listener = socket.socket(fileno=numbers[0])
    listener.setblocking(False)
    return listener
