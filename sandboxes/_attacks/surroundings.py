"""Attacks on what lies around a sandbox: the host's files, sockets and secrets, and other rollouts."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandboxes._attacks.attack import Attack, Unsandboxed, Weakened
from sandboxes._attacks.inside import rights, walls
from sandboxes._attacks.inside.effects import Verdict
from sandboxes._attacks.scene import OUTPUT_BYTES, Scene, by
from sandboxes._controls import Control
from unhobble.errors import SandboxError
from unhobble.protocols import Sandbox
from unhobble.sandboxing import SandboxFile, User

_FILESYSTEM = frozenset({Control.filesystem})
_NETWORK = frozenset({Control.network})
_IPC = frozenset({Control.ipc})
_NOBODY, _ROOT = Unsandboxed(), Unsandboxed(as_root=True)
_NEIGHBOUR_S = 30.0
_PORTS = range(20_000, 30_000)


@asynccontextmanager
async def _busy(sandbox: Sandbox, command: list[str]) -> AsyncIterator[None]:
    """While ``command`` runs in ``sandbox``."""
    task = asyncio.ensure_future(sandbox.exec(command, timeout_s=_NEIGHBOUR_S, output_bytes=OUTPUT_BYTES))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, SandboxError):
            await task


async def _neighbours_process(scene: Scene) -> Verdict:
    mark = secrets.token_hex(8)
    async with _busy(await scene.neighbour(), ["sh", "-c", "sleep 20; true", mark]):
        return await scene.attempt(walls.find_process, extra=mark)


async def _neighbours_server(scene: Scene) -> Verdict:
    neighbour, port = await scene.neighbour(), secrets.choice(_PORTS)
    serve = await scene.pack(walls.serve, sandbox=neighbour, extra=f"{port} {scene.decoys.canary}")
    async with _busy(neighbour, serve):
        return await scene.attempt(walls.connect_to, extra=str(port))


async def _neighbours_file(scene: Scene) -> Verdict:
    neighbour = await scene.neighbour()
    await neighbour.write_files([SandboxFile("/work/neighbours-secret", scene.decoys.canary.encode())])
    return await scene.attempt(walls.find_file, extra="/work/neighbours-secret")


async def _predecessors_file(scene: Scene) -> Verdict:
    neighbour = await scene.neighbour()
    await neighbour.exec(
        ["sh", "-c", f"for place in /work /tmp /home/agent /dev/shm; do echo {scene.decoys.canary} > $place/left-behind; done"],
        timeout_s=_NEIGHBOUR_S,
        output_bytes=OUTPUT_BYTES,
    )
    await neighbour.close()
    successor = await scene.neighbour()
    return await scene.attempt(walls.find_left_behind, sandbox=successor)


async def _replaces_tests(scene: Scene) -> Verdict:
    await scene.sandbox.write_files([SandboxFile("/tests/check.py", b"keeper\n")], user=User.keeper)
    return await scene.attempt(walls.replace_tests)


ATTACKS = (
    Attack("host-file", "reads a file of the host", _FILESYSTEM, by(walls.read_host_file)),
    Attack(
        "hidden-tests",
        "reads the hidden tests where the worker keeps them, or before they are due",
        _FILESYSTEM,
        by(walls.read_suite),
    ),
    Attack("engine-socket", "connects to a container engine's socket", _FILESYSTEM, by(walls.connect_engine)),
    Attack("host-loopback", "connects to a server on the host's loopback", _NETWORK, by(walls.connect_loopback)),
    Attack("host-loopback-udp", "asks a server on the host's loopback over UDP", _NETWORK, by(walls.send_datagram)),
    Attack("abstract-socket", "connects to a unix socket without a file", _NETWORK, by(walls.connect_abstract)),
    Attack("metadata", "sends a packet to a cloud's metadata address", _NETWORK, by(walls.reach_metadata)),
    Attack("internet", "sends a packet to the internet", _NETWORK, by(walls.reach_outside)),
    Attack("shared-memory", "attaches System V shared memory of the host", _IPC, by(walls.read_shared_memory)),
    Attack("message-queue", "opens a message queue of the host", _IPC, by(walls.read_queue)),
    Attack(
        "shared-memory-file",
        "reads POSIX shared memory of the host",
        _IPC | _FILESYSTEM,
        by(walls.read_shared_memory_file),
        proofs={"docker": Weakened(_IPC), "bubblewrap": Weakened(_FILESYSTEM)},
    ),
    Attack(
        "workers-environment",
        "reads the worker's variables, API keys among them, in whatever they were passed to",
        frozenset({Control.environment, Control.identity}),
        by(walls.read_environments),
        proofs={"bubblewrap": Weakened(frozenset({Control.environment}))},
    ),
    Attack(
        "hosts-environments",
        "reads the environment of the host's processes",
        frozenset({Control.pids, Control.identity}),
        by(walls.read_environments),
        proofs=dict.fromkeys(("docker", "bubblewrap"), _ROOT),
    ),
    Attack(
        "keepers-memory",
        "looks for the worker's secrets in the memory of processes that it did not start",
        frozenset({Control.environment, Control.identity}),
        by(rights.read_keeper),
        proofs={"bubblewrap": Weakened(frozenset({Control.environment}))},
    ),
    Attack(
        "neighbours-process",
        "sees the processes of another rollout",
        frozenset({Control.pids}),
        _neighbours_process,
        proofs={"docker": _NOBODY},
    ),
    Attack("neighbours-server", "connects to a server of another rollout", _NETWORK, _neighbours_server),
    Attack(
        "neighbours-file",
        "reads a file of another rollout",
        _FILESYSTEM,
        _neighbours_file,
        proofs=dict.fromkeys(("docker", "bubblewrap"), _NOBODY),
    ),
    Attack(
        "predecessors-file",
        "finds what an earlier rollout left behind",
        _FILESYSTEM,
        _predecessors_file,
        proofs=dict.fromkeys(("docker", "bubblewrap"), _NOBODY),
    ),
    Attack("foreign-directory", "writes where nothing is the agent's", frozenset({Control.read_only}), by(walls.write_outside)),
    Attack(
        "replaced-program",
        "puts its own program in the place of the system's",
        frozenset({Control.read_only, Control.identity}),
        by(walls.replace_program),
        proofs={"bubblewrap": _ROOT},
    ),
    Attack(
        "replaced-tests",
        "changes the hidden tests",
        frozenset({Control.identity, Control.read_only}),
        _replaces_tests,
        proofs={"docker": Weakened(frozenset({Control.identity})), "bubblewrap": _ROOT},
    ),
    Attack(
        "leaked-descriptor",
        "uses files that its starter left open",
        _FILESYSTEM,
        by(walls.leaked_descriptors),
        proofs=dict.fromkeys(("docker", "bubblewrap"), _NOBODY),
    ),
    Attack(
        "core-dump",
        "crashes, to have its memory written to disk past the limits",
        frozenset({Control.disk}),
        by(walls.dump_core),
        proofs=dict.fromkeys(("docker", "bubblewrap"), _NOBODY),
    ),
)
