"""What an attack may find on the machine around its sandbox: harmless things of our own, each of which gives the secret away."""

import asyncio
import ctypes
import hashlib
import os
import secrets
import socket
import tempfile
from asyncio import DatagramTransport, StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sandboxes._attacks.inside.effects import Facts
from unhobble.sandboxing import SandboxSpec

_SHM = Path("/dev/shm")  # noqa: S108 (the host's own, and a decoy)
_IPC_CREATE, _IPC_REMOVE = 0o3000, 0  # IPC_CREAT | IPC_EXCL; IPC_RMID
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.shmat.restype = ctypes.c_void_p


@dataclass(frozen=True)
class Decoys:
    """The decoys that are laid out. ``canary`` is the secret that each of them holds or answers with."""

    canary: str
    directory: Path
    shm_file: str
    tcp_port: int
    udp_port: int
    abstract_name: str
    shm_key: int
    queue_name: str
    bystander: int

    def facts(self, spec: SandboxSpec) -> Facts:
        """What a program in a sandbox of ``spec`` is told of them: where they are, and the secret's digest."""
        return Facts(
            digest=hashlib.sha256(self.canary.encode()).hexdigest(),
            host_file=str(self.directory / "secret"),
            host_shm_file=self.shm_file,
            host_socket=str(self.directory / "docker.sock"),
            suite_file=str(self.directory / "suite" / "check.py"),
            tcp_port=self.tcp_port,
            udp_port=self.udp_port,
            abstract_name=self.abstract_name,
            shm_key=self.shm_key,
            queue_name=self.queue_name,
            bystander=self.bystander,
            processes=spec.processes,
            memory_bytes=spec.ceiling_bytes,
            disk_bytes=spec.disk_bytes,
            descriptors=spec.descriptors,
            cpus=spec.cpus,
        )


@asynccontextmanager
async def laid_out() -> AsyncIterator[Decoys]:
    """Lay the decoys out, for anyone on the machine to find, and take them away again. Raises ``OSError``."""
    canary = f"unhobble-canary-{secrets.token_hex(16)}"
    name = f"unhobble-decoy-{secrets.token_hex(6)}"
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(_directory(canary))
        stack.enter_context(_variable(canary))
        bystander = await stack.enter_async_context(_bystander(canary))
        await stack.enter_async_context(_server(canary, path=str(directory / "docker.sock")))
        (directory / "docker.sock").chmod(0o777)
        await stack.enter_async_context(_server(canary, path=f"\0{name}"))
        port = await stack.enter_async_context(_server(canary))
        yield Decoys(
            canary=canary,
            directory=directory,
            shm_file=stack.enter_context(_shm_file(name, canary)),
            tcp_port=port,
            udp_port=await stack.enter_async_context(_echo(canary)),
            abstract_name=name,
            shm_key=stack.enter_context(_segment(canary)),
            queue_name=stack.enter_context(_queue(f"/{name}", canary)),
            bystander=bystander,
        )


@contextmanager
def _directory(canary: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="unhobble-decoys-") as made:
        directory = Path(made)
        directory.chmod(0o755)
        (directory / "suite").mkdir()
        for file in ("secret", "suite/check.py"):
            (directory / file).write_text(f"SECRET = '{canary}'\n")
        yield directory


@contextmanager
def _variable(canary: str) -> Iterator[None]:
    # A name of its own, for there may be another battery.
    variable = f"UNHOBBLE_DECOY_{secrets.token_hex(4)}"
    os.environ[variable] = canary
    try:
        yield
    finally:
        del os.environ[variable]


@asynccontextmanager
async def _bystander(canary: str) -> AsyncIterator[int]:
    """A process of the worker's own user that has the secret in its environment, as the worker itself may."""
    process = await asyncio.create_subprocess_exec("sleep", "3600", env={"PATH": os.defpath, "DECOY": canary})
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def _server(canary: str, path: str | None = None) -> AsyncIterator[int]:
    """A server that tells whoever connects; on a unix socket, or on a port of the loopback, which is returned."""

    async def tell(_: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            writer.write(canary.encode())
            await writer.drain()
        writer.close()

    server = await (asyncio.start_unix_server(tell, path) if path else asyncio.start_server(tell, "127.0.0.1", 0))
    async with server:
        yield 0 if path else server.sockets[0].getsockname()[1]


class _Echo(asyncio.DatagramProtocol):
    def __init__(self, canary: str) -> None:
        self._canary = canary.encode()

    def connection_made(self, transport: DatagramTransport) -> None:  # type: ignore[override]  # it is what a datagram endpoint gives
        self._transport = transport

    def datagram_received(self, _: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._canary, addr)


@asynccontextmanager
async def _echo(canary: str) -> AsyncIterator[int]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Echo(canary), local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@contextmanager
def _shm_file(name: str, canary: str) -> Iterator[str]:
    file = _SHM / name
    file.write_text(canary)
    file.chmod(0o644)
    try:
        yield str(file)
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def _segment(canary: str) -> Iterator[int]:
    """A System V shared memory segment that every user may read; its key."""
    key = secrets.randbelow(2**30) + 1
    segment = _LIBC.shmget(key, 4096, _IPC_CREATE | 0o644)
    if segment == -1:
        raise OSError(ctypes.get_errno(), "no System V shared memory can be made")
    try:
        address = _LIBC.shmat(segment, None, 0)
        ctypes.memmove(address, canary.encode(), len(canary))
        _LIBC.shmdt(ctypes.c_void_p(address))
        yield key
    finally:
        _LIBC.shmctl(segment, _IPC_REMOVE, None)


@contextmanager
def _queue(name: str, canary: str) -> Iterator[str]:
    """A POSIX message queue that every user may read, with one message in it."""
    mask = os.umask(0)
    try:
        queue = _LIBC.mq_open(name.encode(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666, None)
    finally:
        os.umask(mask)
    if queue == -1:
        raise OSError(ctypes.get_errno(), "no POSIX message queue can be made")
    try:
        _LIBC.mq_send(queue, canary.encode(), len(canary), 0)
        yield name
    finally:
        _LIBC.mq_close(queue)
        _LIBC.mq_unlink(name.encode())
