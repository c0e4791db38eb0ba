"""A Docker engine, reached through the docker SDK from a small pool of threads."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from docker import APIClient
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.errors import DockerException
from docker.utils import kwargs_from_env
from urllib3.exceptions import HTTPError

from unhobble.errors import SandboxError

T = TypeVar("T")

_THREADS = 16


class Engine:
    """The engine that ``DOCKER_HOST`` (or Docker's default) names. Owned by one event loop.

    The SDK blocks and is not thread-safe, so each thread has a client of its own. Nothing is opened before the first call.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._own = threading.local()
        self._clients: list[APIClient] = []
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")

    async def call(self, work: Callable[[APIClient], T]) -> T:
        """Run ``work`` with a client in a thread. Whatever fails at the engine or on the way is a ``SandboxError``."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._with_client, work)

    def close(self) -> None:
        """Give up the threads and connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for client in self._clients:
            client.close()
        self._clients.clear()

    def _with_client(self, work: Callable[[APIClient], T]) -> T:
        try:
            if not hasattr(self._own, "client"):
                self._own.address, self._own.client = _connect(self._timeout_s)
                self._clients.append(self._own.client)
            _probe(self._own.address)
            return work(self._own.client)
        except (DockerException, HTTPError, OSError) as error:
            raise SandboxError(f"the Docker engine: {error}") from error


def _connect(timeout_s: float) -> tuple[str, APIClient]:
    """The engine's address and a client for it."""
    settings = kwargs_from_env()
    address = settings.get("base_url", DEFAULT_UNIX_SOCKET.replace("http+unix", "unix"))
    _probe(address)
    return address, APIClient(version="auto", timeout=int(timeout_s), **settings)


def _probe(address: str) -> None:
    """See whether anyone answers there, without the SDK, which leaks a socket for each attempt that fails and says less."""
    if not address.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address.removeprefix("unix://"))
        except OSError as error:
            raise SandboxError(
                f"no Docker engine answers at {address} ({error.strerror}); start one, or set DOCKER_HOST"
            ) from error


def attach(client: APIClient, container: str) -> socket.socket:
    """The hijacked connection to a container's standard streams, as a socket of its own. Raises ``SandboxError``."""
    params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    stream: Any = client.attach_socket(container, params=params)
    connection = getattr(stream, "_sock", stream)
    try:
        if not isinstance(connection, socket.socket) or isinstance(connection, ssl.SSLSocket):
            raise SandboxError("only a Docker engine on a unix or plain TCP socket is supported; forward a remote one with ssh -L")
        return connection.dup()
    finally:
        # The SDK keeps the HTTP response alive through the stream and closes neither.
        if response := getattr(stream, "_response", None):
            response.close()
        connection.close()
