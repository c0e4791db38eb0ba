"""Runs each sandbox as a Docker container without a network, its root read-only, its limits kept by the engine's cgroups.

The container's main process is a keeper (``_docker/keeper/``) that starts, limits and ends commands, which costs a few milliseconds
a command where ``docker exec`` costs a hundred. It leaves when the worker's connection ends, and the engine then removes
the container: a worker that is killed leaves nothing behind.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.utils import version_lt
from pydantic import Field

from sandboxes._controls import NONE, Control
from sandboxes._docker import containers, keeper_volume
from sandboxes._docker.engine import Engine
from sandboxes._docker.images import Images
from sandboxes._docker.keeper_binary import keeper_binary
from sandboxes._docker.kept_sandbox import KeptSandbox, remove_container
from sandboxes._docker.link import Link
from sandboxes._docker.provisions import Provisions, name_for
from sandboxes._docker.spares import Spares
from sandboxes._janitor import Janitor
from sandboxes._network.gate import Gate, open_gate
from sandboxes._owner import Realm
from sandboxes._settling import opened
from unhobble.errors import SandboxError
from unhobble.messages import Frozen
from unhobble.sandboxing import Availability, SandboxSpec

DEFAULT_IMAGE = "unhobble/sandbox-shell:1"

_CHECK_S = 30.0
_OLDEST_API = "1.41"


class Config(Frozen):
    """How the operator wants containers to be run. The engine is the one ``DOCKER_HOST`` names."""

    image: str = Field(DEFAULT_IMAGE, description="Image for sandboxes that name none; any that has a POSIX shell.")
    runtime: str | None = Field(None, description="OCI runtime, such as runsc; the engine's default where it is null.")
    start_timeout_s: float = Field(60, gt=0, le=600, description="Seconds for the start of a container.")
    build_timeout_s: float = Field(1800, gt=0, le=86_400, description="Seconds for the build of a task's own image.")
    spares: int = Field(
        2,
        ge=0,
        le=64,
        description="Containers that each worker keeps ready beside those in use; idle, each takes a few MB of memory.",
    )
    allow_private_hosts: bool = Field(
        False, description="Whether hosts of an allowlist may be in private networks, this machine's own included."
    )


def build(config: Config) -> "DockerProvider":
    """The plug-in's door."""
    return DockerProvider(config)


class DockerProvider:
    """``protocols.SandboxProvider`` on a Docker engine. ``without``: see ``_controls``."""

    name = "docker"

    def __init__(self, config: Config, without: frozenset[Control] = NONE) -> None:
        self._config = config
        self._engine = Engine(config.start_timeout_s)
        self._realm = Realm()
        self._images = Images(self._engine, self._realm, config.build_timeout_s)
        self._provisions = Provisions(self._engine, self._realm, self._images, config.runtime, without)
        self._spares: Spares[tuple[SandboxSpec, str], KeptSandbox] = Spares(self._start_ahead, config.spares)
        self._janitor = Janitor(self.sweep)
        self._sandboxes: set[KeptSandbox] = set()
        self._beside: set[asyncio.Task[None]] = set()

    async def check(self) -> Availability:
        """See ``protocols.SandboxProvider``."""
        try:
            async with asyncio.timeout(_CHECK_S):
                return await self._engine.call(self._look)
        except TimeoutError:
            return Availability(available=False, reason=f"the Docker engine did not answer within {_CHECK_S:g} s")
        except Exception as error:
            return Availability(available=False, reason=str(error))

    async def open(self, spec: SandboxSpec, *, label: str, study: str = "") -> KeptSandbox:
        """See ``protocols.SandboxProvider``."""
        await self._janitor.begin()
        return await opened(self._open(spec, label, study), KeptSandbox.close)

    async def sweep(self) -> list[str]:
        """See ``protocols.SandboxProvider``."""

        def work(client: APIClient) -> list[str]:
            swept = containers.sweep(client, self._realm) + keeper_volume.sweep(client)
            self._realm.forget_the_dead()
            return swept

        return await self._engine.call(work)

    async def close(self) -> None:
        """See ``protocols.SandboxProvider``."""
        await self._janitor.close()
        await self._spares.close()
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._sandboxes)), *self._beside)
        await asyncio.to_thread(self._provisions.close)
        await asyncio.to_thread(self._engine.close)

    async def _open(self, spec: SandboxSpec, label: str, study: str) -> KeptSandbox:
        # What only the scheduler reads makes no other shape.
        plain = spec.model_copy(update={"requested_cpus": None, "requested_memory_bytes": None})
        shape = (plain, study)
        sandbox = await self._spares.take(shape)
        if sandbox is None:
            sandbox = await self._start(plain, study, label)
        else:
            sandbox.name = name_for(label)
            self._do_beside(self._rename(sandbox))
        self._spares.prepare(shape)
        return sandbox

    async def _start_ahead(self, shape: tuple[SandboxSpec, str]) -> KeptSandbox:
        return await self._start(*shape, None)

    async def _start(self, spec: SandboxSpec, study: str, label: str | None) -> KeptSandbox:
        try:
            image = spec.image or self._config.image
            wanted = await self._provisions.container(spec, image, study=study, rollout=label)
            container, connection = await self._engine.call(lambda client: containers.start(client, wanted))
        except SandboxError:
            self._provisions.forget()
            raise
        link = await Link.over(connection, wanted.name)
        try:
            gate = await self._gate(container, spec)
        except SandboxError:
            link.close()
            await remove_container(self._engine, container)
            raise
        sandbox = KeptSandbox(wanted.name, self._engine, link, container=container, gate=gate, on_close=self._sandboxes.discard)
        self._sandboxes.add(sandbox)
        try:
            await sandbox.wait_until_ready(self._config.start_timeout_s)
        except SandboxError:
            await sandbox.close()
            self._provisions.forget()
            raise
        return sandbox

    async def _gate(self, container: str, spec: SandboxSpec) -> Gate | None:
        """The way to the hosts of the allowlist, where there are any. Raises ``SandboxError``."""
        if spec.network == "none" or not spec.hosts:
            return None
        pid = await self._engine.call(lambda client: client.inspect_container(container)["State"]["Pid"])
        if not _is_here(pid, container):
            raise SandboxError(
                f"container {container[:12]} cannot be given an allowlist: its process {pid} is not to be seen here;"
                " run the worker as root on the engine's own machine, in its PID namespace"
            )
        return await open_gate(pid, spec.hosts, private=self._config.allow_private_hosts)

    async def _rename(self, sandbox: KeptSandbox) -> None:
        # The name is only for people, and the container may be gone by now.
        with contextlib.suppress(SandboxError):
            await self._engine.call(lambda client: client.rename(sandbox.container, sandbox.name))

    def _do_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _look(self, client: APIClient) -> Availability:
        info = client.info()
        if version_lt(client.api_version, _OLDEST_API):
            return Availability(
                available=False, reason=f"the Docker engine is {info['ServerVersion']}; 20.10 is the oldest that will do"
            )
        if not any(option.split(",")[0] == "name=seccomp" for option in info.get("SecurityOptions") or ()):
            return Availability(available=False, reason="the Docker engine or its kernel cannot filter system calls (seccomp)")
        if self._config.runtime not in (None, *info["Runtimes"]):
            known = ", ".join(sorted(info["Runtimes"]))
            missing = f"the Docker engine has no runtime {self._config.runtime!r}; it has {known}"
            return Availability(available=False, reason=missing)
        keeper_binary(info["Architecture"])
        self._images.look(client, self._config.image)
        limits = {"MemoryLimit": "memory_bytes", "SwapLimit": "swap", "PidsLimit": "processes", "CpuCfsQuota": "cpus"}
        missing_limits = [f"{what} (the engine has no {flag})" for flag, what in limits.items() if not info.get(flag)]
        reason = f"Docker {info['ServerVersion']} with image {self._config.image}"
        return Availability(available=True, reason=reason, not_enforced=tuple(missing_limits))


def _is_here(pid: int, container: str) -> bool:
    """Whether that process of this machine is one of the container's."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
