"""How a sandbox's container is made and unmade. Every function here blocks; ``Engine.call`` runs it in a thread."""

import contextlib
import socket
import time
from typing import Any

from docker import APIClient
from docker.errors import APIError, NotFound
from docker.types import LogConfig

from sandboxes._engine import attach
from unhobble.sandboxing import SANDBOX_ENV, SandboxSpec

LABEL = "unhobble.rollout"
"""The label of every container; its value is the rollout's id."""

_AGENT = 65534
_KEEPER_PROCESSES = 4
_KEEPER_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]
_SHM_BYTES = 64 * 2**20
_REMOVAL_S = 15.0
_ABANDONED_S = 600.0
_CONFLICT = 409


def start(client: APIClient, name: str, spec: SandboxSpec, *, image: str, runtime: str | None, label: str) -> socket.socket:
    """Start a container whose main process waits for its program on the connection that is returned."""
    container = client.create_container(
        image=image,
        # One line on standard input is the keeper's program: see ``_keeper_source``.
        command=["python3", "-I", "-S", "-B", "-c", "exec(input())"],
        entrypoint=[],
        name=name,
        user="0:0",
        working_dir="/",
        hostname="sandbox",
        labels={LABEL: label},
        environment=SANDBOX_ENV,
        stdin_open=True,
        host_config=_host_config(client, spec, runtime),
    )["Id"]
    connection = attach(client, container)
    try:
        client.start(container)
    except BaseException:
        connection.close()
        raise
    return connection


def remove(client: APIClient, name: str) -> None:
    """Remove a container, if there is one of this name, and see it gone."""
    deadline_s = time.monotonic() + _REMOVAL_S
    with contextlib.suppress(NotFound):
        while True:
            try:
                client.remove_container(name, force=True, v=True)
            except APIError as error:
                # The engine may be removing it already, because its keeper has left.
                if error.status_code != _CONFLICT or time.monotonic() > deadline_s:
                    raise
            client.inspect_container(name)
            time.sleep(0.05)


def remove_abandoned(client: APIClient) -> None:
    """Remove containers whose workers died between making and starting them; no keeper ends those."""
    for found in client.containers(all=True, filters={"label": LABEL, "status": "created"}):
        if time.time() - found["Created"] > _ABANDONED_S:
            with contextlib.suppress(APIError):
                client.remove_container(found["Id"], force=True, v=True)


def _host_config(client: APIClient, spec: SandboxSpec, runtime: str | None) -> Any:
    processors = client.info()["NCPU"]  # the engine refuses more than it has
    agents = f"rw,exec,nosuid,nodev,size={spec.disk_bytes},mode=0700,uid={_AGENT},gid={_AGENT}"
    keepers = f"rw,exec,nosuid,nodev,size={spec.disk_bytes},uid=0,gid=0"
    return client.create_host_config(
        network_mode="none",
        ipc_mode="private",
        read_only=True,
        tmpfs={
            "/work": agents,
            "/home/agent": agents,
            "/tmp": agents,  # noqa: S108 (the sandbox's own)
            "/tests": f"{keepers},mode=0755",
            "/run/unhobble": f"{keepers},mode=0700",
        },
        shm_size=min(_SHM_BYTES, spec.disk_bytes),
        cap_drop=["ALL"],
        # For the bounding set only: the keeper is root, the agent has none and cannot gain any.
        cap_add=_KEEPER_CAPABILITIES,
        security_opt=["no-new-privileges:true"],
        pids_limit=spec.processes + _KEEPER_PROCESSES,
        mem_limit=spec.memory_bytes,
        memswap_limit=spec.memory_bytes,
        nano_cpus=int(min(spec.cpus, processors) * 1e9),
        runtime=runtime,
        auto_remove=True,
        # The keeper's stream must not be written to the host's disk.
        log_config=LogConfig(type="none", config={}),
    )
