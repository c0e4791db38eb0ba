"""Sandboxes with an allowlist, whole: what their commands reach, and what is told of what they do not reach."""

import gc
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandboxes._network.gate import PORT
from unhobble.errors import SandboxError
from unhobble.protocols import Sandbox, SandboxProvider
from unhobble.registry import installed
from unhobble.sandboxing import ExecResult, SandboxSpec, User
from unhobble.vocabulary import PluginKind

pytestmark = pytest.mark.slow  # real sandboxes

BACKENDS = [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"]
FETCH = """
import sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode().strip())
except OSError as error:
    print("failed", error)
"""
CONNECT = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        print("connected to", place)
    except OSError:
        pass
"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    """A web server on this machine's loopback; not at 127.0.0.1, which ``no_proxy`` keeps from the proxy."""
    with ThreadingHTTPServer(("127.0.0.2", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.2:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def provider(backend: str) -> AsyncIterator[SandboxProvider]:
    """A backend whose operator lets sandboxes reach the private network, where this test's server is."""
    provider: SandboxProvider = installed().build(PluginKind.sandbox, backend, {"allow_private_hosts": True})
    yield provider
    await provider.close()


async def opened(provider: SandboxProvider, *hosts: str) -> Sandbox:
    return await provider.open(SandboxSpec(network="allowlist", hosts=hosts), label="network")


async def python(sandbox: Sandbox, program: str, *arguments: str, user: User = User.agent) -> ExecResult:
    result = await sandbox.exec(["python3", "-c", program, *arguments], timeout_s=60, output_bytes=65_536, user=user)
    assert result.ok, result
    return result


@pytest.mark.parametrize("user", list(User))
async def test_a_declared_host_is_reached_and_another_is_refused_and_reported(provider, site, user):
    sandbox = await opened(provider, site)
    reached = await python(sandbox, FETCH, f"http://{site}/", user=user)
    assert (reached.stdout, reached.refused) == (b"200 a page\n", ())
    refused = await python(sandbox, FETCH, "https://evil.example/", user=user)
    assert b"403" in refused.stdout
    assert [(connection.host, connection.port) for connection in refused.refused] == [("evil.example", 443)]
    assert "declared" in refused.refused[0].why
    assert (await python(sandbox, FETCH, f"http://{site}/", user=user)).refused == ()


async def test_what_a_command_asked_for_before_it_was_killed_is_its_own(provider, site):
    sandbox = await opened(provider, site)
    script = f"python3 -c '{FETCH}' http://evil.example/; kill -9 -1"
    killed = await sandbox.exec(["bash", "-c", script], timeout_s=60, output_bytes=4096)
    assert killed.exit_code != 0
    assert [connection.host for connection in killed.refused] == ["evil.example"]
    assert (await python(sandbox, "print()")).refused == ()


async def test_the_proxy_is_the_only_way_out(provider, site):
    sandbox = await opened(provider, site)
    places = [site, site.replace("127.0.0.2", "127.0.0.1"), "169.254.169.254:80", "172.17.0.1:80", "192.0.2.1:80", "pypi.org:443"]
    result = await python(sandbox, CONNECT, *places, f"127.0.0.1:{PORT}")
    assert result.stdout.decode().splitlines() == [f"connected to 127.0.0.1:{PORT}"]
    routes = await python(sandbox, "print(len(open('/proc/net/route').read().splitlines()))")
    assert routes.stdout == b"1\n", "there is a route beside the heading of the table"


async def test_a_sandbox_reaches_no_others_proxy_and_no_others_hosts(provider, site):
    await opened(provider, site)
    neighbour = await opened(provider, "pypi.org")
    refused = await python(neighbour, FETCH, f"http://{site}/")
    assert refused.stdout.startswith(b"403")
    assert [f"{connection.host}:{connection.port}" for connection in refused.refused] == [site]
    alone = await provider.open(SandboxSpec(), label="alone")
    assert (await python(alone, CONNECT, f"127.0.0.1:{PORT}", site)).stdout == b""


@pytest.mark.parametrize("network", ["none", "allowlist"])
async def test_where_no_host_is_declared_there_is_no_proxy(provider, network, site):
    sandbox = await provider.open(SandboxSpec(network=network), label="network")
    assert (await python(sandbox, CONNECT, f"127.0.0.1:{PORT}", site)).stdout == b""
    names = await python(sandbox, "import os; print([name for name in os.environ if 'proxy' in name.lower()])")
    assert names.stdout == b"[]\n"


async def test_the_workers_network_stays_closed_until_the_operator_opens_it(backend, site):
    provider: SandboxProvider = installed().build(PluginKind.sandbox, backend)
    try:
        sandbox = await opened(provider, site, "localhost")
        refused = await python(sandbox, FETCH, f"http://{site}/")
        assert refused.stdout.startswith(b"403 127.0.0.2: ")
        assert [connection.why for connection in refused.refused] == ["a loopback address"]
    finally:
        await provider.close()


async def test_nothing_of_a_gate_is_left_open_in_the_worker(backend, site):
    before = descriptors()
    provider: SandboxProvider = installed().build(PluginKind.sandbox, backend, {"allow_private_hosts": True})
    for _ in range(3):
        await python(await opened(provider, site), FETCH, f"http://{site}/")
    await (await opened(provider, site)).close()
    await provider.close()
    assert descriptors() == before


async def test_a_sandbox_whose_gate_cannot_be_opened_is_an_error_and_leaves_nothing_open(backend):
    before = descriptors()
    provider: SandboxProvider = installed().build(PluginKind.sandbox, backend)
    unchecked = SandboxSpec(network="allowlist").model_copy(update={"hosts": ("127.1",)})
    with pytest.raises(SandboxError, match=r"127\.1"):
        await provider.open(unchecked, label="network")
    await provider.close()
    assert descriptors() == before


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))
