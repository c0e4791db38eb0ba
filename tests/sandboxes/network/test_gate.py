"""The gate of a network namespace that is made for each test, with what runs in it as the agent's commands would."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandboxes._network.gate import PORT, Gate, open_gate
from unhobble.errors import SandboxError

ROOT = os.geteuid() == 0
# A shell between, for what starts a program while it drops root's rights still reaches it with them.
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", 'exec "$@"', "sh"]
# What needs no root is what a worker without root does: the network belongs to a user namespace of its own.
NAMESPACES = [] if ROOT else ["--user", "--map-root-user"]
ENTERED = [] if ROOT else ["--user", "--preserve-credentials"]
FETCH = """
import sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode().strip())
except OSError as error:
    print(type(error).__name__, error)
"""
CONNECT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10):
        print("connected")
except OSError as error:
    print("failed:", error)
"""


OWN = """
import asyncio, fcntl, socket, struct
from sandboxes._network.allowlist import Allowlist
from sandboxes._network.proxy import Proxy

ADDRESS = "9.9.9.9"  # of the kind that anyone may reach; here it is this machine's

async def serve():
    with socket.socket() as plug:
        for name, address in ((b"lo", "127.0.0.1"), (b"lo:1", ADDRESS)):
            fcntl.ioctl(plug, 0x8916, struct.pack("16sHH4s16x", name, socket.AF_INET, 0, socket.inet_aton(address)))
        fcntl.ioctl(plug, 0x8914, struct.pack("16sH22x", b"lo", 1))
    with socket.create_server((ADDRESS, 0)) as site:
        port = site.getsockname()[1]
        for private in (False, True):
            door = socket.create_server(("127.0.0.1", 0))
            proxy = Proxy(door, Allowlist([f"{ADDRESS}:{port}"]), private=private)
            reader, writer = await asyncio.open_connection(*door.getsockname())
            writer.write(f"CONNECT {ADDRESS}:{port} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
            print((await reader.readline()).split()[1].decode())
            writer.close()
            await proxy.close()

asyncio.run(serve())
"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"page {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Namespace:
    """A process in a network of its own, whose loopback is down, as the kernel makes it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--net", "sh", "-c", "echo ready; read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"
        self.pid = self._process.pid

    async def python(self, program: str, *arguments: str, gate: Gate | None = None) -> str:
        words = ["nsenter", "--target", str(self.pid), *ENTERED, "--net", sys.executable, "-I", "-S", "-c", program, *arguments]
        process = await asyncio.create_subprocess_exec(*words, env=gate.env if gate else {}, stdout=subprocess.PIPE)
        said, _ = await process.communicate()
        return said.decode().strip()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with contextlib.closing(Namespace()) as namespace:
        yield namespace


@pytest.fixture
def site() -> Iterator[str]:
    """A web server on this machine's loopback; not at 127.0.0.1, which ``no_proxy`` keeps from the proxy."""
    with ThreadingHTTPServer(("127.0.0.2", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.2:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextlib.asynccontextmanager
async def gate_of(namespace: Namespace, *hosts: str, private: bool = True) -> AsyncIterator[Gate]:
    gate = await open_gate(namespace.pid, hosts, private=private, user_namespace=not ROOT)
    try:
        yield gate
    finally:
        await gate.close()


async def test_a_declared_host_is_reached_with_nothing_but_the_environment(namespace, site):
    async with gate_of(namespace, site) as gate:
        assert await namespace.python(FETCH, f"http://{site}/a", gate=gate) == "200 page /a"
        assert gate.take_refused() == ()


async def test_a_host_that_is_not_declared_is_refused_and_noted(namespace, site):
    async with gate_of(namespace, site) as gate:
        assert (await namespace.python(FETCH, "http://evil.example:8080/", gate=gate)).startswith("403 evil.example: ")
        assert "403" in await namespace.python(FETCH, "https://evil.example/", gate=gate)
        assert [(refused.host, refused.port) for refused in gate.take_refused()] == [("evil.example", 8080), ("evil.example", 443)]
        assert gate.take_refused() == ()


async def test_a_declared_host_of_the_private_network_is_reached_only_where_the_operator_allows_it(namespace, site):
    async with gate_of(namespace, site, private=False) as gate:
        assert (await namespace.python(FETCH, f"http://{site}/", gate=gate)).startswith("403 127.0.0.2: ")
        assert [refused.host for refused in gate.take_refused()] == ["127.0.0.2"]


async def test_the_gate_is_the_only_way_out(namespace, site):
    host, port = site.split(":")
    async with gate_of(namespace, site):
        assert (await namespace.python(CONNECT, host, port)).startswith("failed")
        assert (await namespace.python(CONNECT, "192.0.2.1", "80")).startswith("failed")
        assert (await namespace.python(CONNECT, "169.254.169.254", "80")).startswith("failed")
        assert await namespace.python(CONNECT, "127.0.0.1", str(PORT)) == "connected"


async def test_a_gate_is_there_for_its_own_network_only(namespace, site):
    with contextlib.closing(Namespace()) as neighbour:
        async with gate_of(namespace, site):
            assert (await neighbour.python(CONNECT, "127.0.0.1", str(PORT))).startswith("failed")
            with pytest.raises(ConnectionError):
                socket.create_connection(("127.0.0.1", PORT)).close()
            async with gate_of(neighbour, "pypi.org") as other:
                assert (await neighbour.python(FETCH, f"http://{site}/", gate=other)).startswith("403")


async def test_a_closed_gate_leaves_nothing_behind(namespace, site):
    async with gate_of(namespace, site) as gate:
        pass
    await gate.close()
    assert (await namespace.python(CONNECT, "127.0.0.1", str(PORT))).startswith("failed")
    async with gate_of(namespace, site) as again:
        assert await namespace.python(FETCH, f"http://{site}/", gate=again) == "200 page /"


async def test_a_place_that_is_taken_is_an_error(namespace, site):
    async with gate_of(namespace, site):
        with pytest.raises(SandboxError, match="Address already in use"):
            await open_gate(namespace.pid, [site], private=True, user_namespace=not ROOT)


async def test_a_process_that_is_gone_is_an_error():
    namespace = Namespace()
    namespace.close()
    with pytest.raises(SandboxError, match=f"process {namespace.pid}: .*No such file"):
        await open_gate(namespace.pid, ["pypi.org"], private=False, user_namespace=not ROOT)


async def test_an_entry_that_is_no_host_is_an_error_before_anything_is_made(namespace):
    with pytest.raises(SandboxError, match=r"127\.1"):
        await open_gate(namespace.pid, ["127.1"], private=False, user_namespace=not ROOT)


async def test_without_nsenter_the_error_says_what_to_install(namespace, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match="install util-linux"):
        await open_gate(namespace.pid, ["pypi.org"], private=False, user_namespace=not ROOT)


def test_a_worker_that_anyone_can_reach_is_still_not_reached_from_inside():
    words = ["unshare", *NAMESPACES, "--net", sys.executable, "-c", OWN]
    done = subprocess.run(words, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["403", "200"], done.stderr


def interpreter_for_anyone() -> str:
    """A Python of this version that another user may start; this one's may lie in root's home."""
    for candidate in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        if subprocess.run([*AS_NOBODY, candidate, "-c", ""], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            return candidate
    pytest.skip(f"no other user of this machine may start a Python {sys.version_info.major}.{sys.version_info.minor}")


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="the whole file runs without root then")
def test_a_worker_without_root_has_gates_too():
    """This file as another user, who may make namespaces but not enter those of root."""
    path = Path(__file__)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(Path(pytest.__file__).parent.parent)}
    done = subprocess.run(
        [*AS_NOBODY, interpreter_for_anyone(), "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", path.name],
        cwd=path.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(r"\d+ passed, 1 skipped", done.stdout)
