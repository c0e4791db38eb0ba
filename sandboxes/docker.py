"""Runs each sandbox as a Docker container without a network, its root read-only, its limits kept by the engine's cgroups.

The container's main process is a keeper (``_keeper.py``) that starts, limits and ends commands, which costs a few milliseconds
a command where ``docker exec`` costs a hundred. It leaves when the worker's connection ends, and the engine then removes
the container: a worker that is killed leaves nothing behind.
"""

import asyncio
import re
import secrets
import socket

from docker import APIClient
from docker.errors import ImageNotFound
from pydantic import Field

from sandboxes._container import remove_abandoned, start
from sandboxes._engine import Engine
from sandboxes._kept_sandbox import KeptSandbox, remove_container
from sandboxes._link import Link
from sandboxes._settling import opened
from unhobble.errors import SandboxError
from unhobble.messages import Frozen
from unhobble.sandboxing import Availability, SandboxSpec

DEFAULT_IMAGE = "unhobble/sandbox-shell:1"

_CHECK_S = 15.0


class Config(Frozen):
    """How the operator wants containers to be run. The engine is the one ``DOCKER_HOST`` names."""

    image: str = Field(DEFAULT_IMAGE, description="Image for sandboxes that name none; it must have python3 and coreutils.")
    runtime: str | None = Field(None, description="OCI runtime, such as runsc; the engine's default where it is null.")
    start_timeout_s: float = Field(60, gt=0, le=600, description="Seconds for the start of a container.")


def build(config: Config) -> "DockerProvider":
    """The plug-in's door."""
    return DockerProvider(config)


class DockerProvider:
    """``protocols.SandboxProvider`` on a Docker engine."""

    name = "docker"

    def __init__(self, config: Config) -> None:
        self._config = config
        self._engine = Engine(config.start_timeout_s)
        self._sandboxes: set[KeptSandbox] = set()
        self._swept = False

    async def check(self) -> Availability:
        """See ``protocols.SandboxProvider``."""
        try:
            async with asyncio.timeout(_CHECK_S):
                return await self._engine.call(self._look)
        except TimeoutError:
            return Availability(available=False, reason=f"the Docker engine did not answer within {_CHECK_S:g} s")
        except Exception as error:
            return Availability(available=False, reason=str(error))

    async def open(self, spec: SandboxSpec, *, label: str) -> "KeptSandbox":
        """See ``protocols.SandboxProvider``."""
        if not self._swept:
            self._swept = True
            await self._engine.call(remove_abandoned)
        return await opened(self._open(spec, label), KeptSandbox.close)

    async def close(self) -> None:
        """See ``protocols.SandboxProvider``."""
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._sandboxes)))
        await asyncio.to_thread(self._engine.close)

    async def _open(self, spec: SandboxSpec, label: str) -> "KeptSandbox":
        name = f"unhobble-{re.sub(r'[^A-Za-z0-9_.-]', '-', label)[:40]}-{secrets.token_hex(4)}"
        try:
            connection = await self._engine.call(lambda client: self._start(client, name, spec, label))
            sandbox = KeptSandbox(name, self._engine, await Link.over(connection, name), on_close=self._sandboxes.discard)
        except SandboxError:
            await remove_container(self._engine, name)
            raise
        self._sandboxes.add(sandbox)
        try:
            await sandbox.wait_until_ready(self._config.start_timeout_s)
        except SandboxError:
            await sandbox.close()
            raise
        return sandbox

    def _start(self, client: APIClient, name: str, spec: SandboxSpec, label: str) -> socket.socket:
        image = spec.image or self._config.image
        return start(client, name, spec, image=image, runtime=self._config.runtime, label=label)

    def _look(self, client: APIClient) -> Availability:
        info = client.info()
        try:
            client.inspect_image(self._config.image)  # type: ignore[no-untyped-call]  # its stub leaves it out
        except ImageNotFound:
            missing = f"Docker has no image {self._config.image!r}; scripts/build-sandbox-image or `make image` builds it"
            return Availability(available=False, reason=missing)
        limits = {"MemoryLimit": "memory_bytes", "SwapLimit": "swap", "PidsLimit": "processes", "CpuCfsQuota": "cpus"}
        missing_limits = [f"{what} (the engine has no {flag})" for flag, what in limits.items() if not info.get(flag)]
        disk = "disk_bytes in total (each of /work, /home/agent and /tmp may hold that much; memory_bytes counts it)"
        reason = f"Docker {info['ServerVersion']} with image {self._config.image}"
        return Availability(available=True, reason=reason, not_enforced=(disk, *missing_limits))
