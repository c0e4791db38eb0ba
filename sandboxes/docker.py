"""Runs each sandbox as a Docker container without a network, its root read-only, its limits kept by the engine's cgroups.

The container's main process is a keeper (``_keeper.py``) that starts, limits and ends commands, which costs a few milliseconds
a command where ``docker exec`` costs a hundred. It leaves when the worker's connection ends, and the engine then removes
the container: a worker that is killed leaves nothing behind.
"""

import asyncio
import logging
import re
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from docker import APIClient
from docker.errors import ImageNotFound
from pydantic import Field

from sandboxes._commands import not_startable, unusable
from sandboxes._container import remove, remove_abandoned, start
from sandboxes._engine import Engine
from sandboxes._files import locate
from sandboxes._keeper_source import KEEPER_LINE
from sandboxes._link import Frame, Link
from sandboxes._settling import opened, settled
from unhobble.errors import SandboxError
from unhobble.messages import Frozen
from unhobble.sandboxing import SANDBOX_ENV, Availability, Ending, ExecResult, SandboxFile, SandboxSpec, User

DEFAULT_IMAGE = "unhobble/sandbox-shell:1"

_CHECK_S = 15.0
_GRACE_S = 15.0
_FILES_S = 120.0
_log = logging.getLogger(__name__)


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
        self._sandboxes: set[DockerSandbox] = set()
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

    async def open(self, spec: SandboxSpec, *, label: str) -> "DockerSandbox":
        """See ``protocols.SandboxProvider``."""
        if not self._swept:
            self._swept = True
            await self._engine.call(remove_abandoned)
        return await opened(self._open(spec, label), DockerSandbox.close)

    async def close(self) -> None:
        """See ``protocols.SandboxProvider``."""
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._sandboxes)))
        await asyncio.to_thread(self._engine.close)

    async def _open(self, spec: SandboxSpec, label: str) -> "DockerSandbox":
        name = f"unhobble-{re.sub(r'[^A-Za-z0-9_.-]', '-', label)[:40]}-{secrets.token_hex(4)}"
        try:
            connection = await self._engine.call(lambda client: self._start(client, name, spec, label))
            sandbox = DockerSandbox(name, self._engine, await Link.over(connection, name), on_close=self._sandboxes.discard)
        except SandboxError:
            await _remove(self._engine, name)
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


class DockerSandbox:
    """``protocols.Sandbox`` in one container."""

    def __init__(self, name: str, engine: Engine, link: Link, *, on_close: Callable[["DockerSandbox"], None]) -> None:
        self._name = name
        self._engine = engine
        self._link = link
        self._on_close = on_close
        self._snapshots: list[str] = []
        self._gone: str | None = None

    async def wait_until_ready(self, timeout_s: float) -> None:
        """Hand the keeper its program and return when it runs. Raises ``SandboxError``."""
        await self._settle(self._link.start(KEEPER_LINE), "start", timeout_s)

    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str = "/work",
        env: dict[str, str] | None = None,
        user: User = User.agent,
        timeout_s: float,
        output_bytes: int,
    ) -> ExecResult:
        """See ``protocols.Sandbox``."""
        if why := unusable(argv):
            return not_startable(why)
        streams = {"o": bytearray(), "e": bytearray()}
        header = {
            "op": "exec",
            "argv": list(argv),
            "cwd": cwd,
            "env": SANDBOX_ENV | (env or {}),
            "user": user.value,
            "timeout_s": timeout_s,
            "output_bytes": output_bytes,
        }
        started_s = time.monotonic()
        # The keeper keeps the time; the grace is for a keeper that cannot.
        answer = await self._ask(
            header, stdin, each=lambda frame: streams[frame.kind].extend(frame.data), limit_s=timeout_s + _GRACE_S
        )
        return ExecResult(
            ending=Ending(answer["ending"]),
            exit_code=answer["exit_code"],
            stdout=bytes(streams["o"]),
            stderr=bytes(streams["e"]),
            stdout_truncated=answer.get("stdout_truncated", False),
            stderr_truncated=answer.get("stderr_truncated", False),
            duration_s=time.monotonic() - started_s,
        )

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        """See ``protocols.Sandbox``."""
        listing = [(file.path, len(file.data), file.executable) for file in files]
        payload = b"".join(file.data for file in files)
        await self._ask({"op": "write", "files": listing, "user": user.value}, payload)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """See ``protocols.Sandbox``."""
        locate(path)
        data = bytearray()
        header = {"op": "read", "path": path, "max_bytes": max_bytes}
        await self._ask(header, each=lambda frame: data.extend(frame.data), passing=(FileNotFoundError, ValueError))
        return bytes(data)

    async def snapshot(self) -> str:
        """See ``protocols.Sandbox``."""
        name = f"snapshot-{len(self._snapshots) + 1}"
        await self._ask({"op": "snapshot", "name": name})
        self._snapshots.append(name)
        return name

    async def restore(self, snapshot: str) -> None:
        """See ``protocols.Sandbox``."""
        if snapshot not in self._snapshots:
            raise SandboxError(f"sandbox {self._name} has no snapshot {snapshot!r}; it has {', '.join(self._snapshots) or 'none'}")
        await self._ask({"op": "restore", "name": snapshot})

    async def stop_agent(self) -> None:
        """See ``protocols.Sandbox``."""
        await self._ask({"op": "stop"})

    async def close(self) -> None:
        """See ``protocols.Sandbox``."""
        if self._gone is None:
            await settled(self._destroy("it was closed"))

    async def _ask(
        self,
        header: dict[str, Any],
        payload: bytes = b"",
        *,
        each: Callable[[Frame], None] | None = None,
        limit_s: float = _FILES_S,
        passing: tuple[type[Exception], ...] = (),
    ) -> dict[str, Any]:
        """One request to the keeper. Its errors become ``SandboxError`` but for those in ``passing``."""
        answer = await self._settle(self._link.request(header, payload, each=each), header["op"], limit_s)
        if "error" in answer:
            for kind in passing:
                if kind.__name__ == answer["error"]:
                    raise kind(answer["message"])
            raise SandboxError(f"sandbox {self._name} failed to {header['op']}: {answer['error']}: {answer['message']}")
        return answer

    async def _settle(self, exchange: Coroutine[Any, Any, dict[str, Any]], op: str, limit_s: float) -> dict[str, Any]:
        """See an exchange with the keeper through; where that cannot be, the sandbox goes."""
        if self._gone:
            exchange.close()
            raise SandboxError(f"sandbox {self._name} is gone: {self._gone}")
        # A task of its own: a cancellation in the middle of a frame would leave the stream unreadable.
        task = asyncio.ensure_future(exchange)
        try:
            await asyncio.wait({task}, timeout=limit_s)
        except asyncio.CancelledError:
            await settled(self._call_off(task, op))
            raise
        if not task.done():
            await settled(self._give_up(task, f"its keeper did not finish {op!r} within {limit_s:g} s"))
            raise SandboxError(f"sandbox {self._name} is gone: {self._gone}")
        try:
            return task.result()
        except SandboxError as error:
            await settled(self._destroy(str(error)))
            raise

    async def _call_off(self, task: "asyncio.Task[dict[str, Any]]", op: str) -> None:
        """End a request that nobody waits for any more, so that the sandbox can take the next."""
        try:
            async with asyncio.timeout(_GRACE_S):
                if op == "exec":
                    await self._link.send({"op": "kill"})
                await task
                if op == "exec":
                    await self._link.answer()
        except (TimeoutError, SandboxError) as error:
            await self._give_up(task, f"a request that was called off did not end: {error}")

    async def _give_up(self, task: "asyncio.Task[dict[str, Any]]", why: str) -> None:
        task.cancel()
        await asyncio.wait({task})
        await self._destroy(why)

    async def _destroy(self, why: str) -> None:
        self._gone = why
        self._on_close(self)
        await _remove(self._engine, self._name)
        self._link.close()


async def _remove(engine: Engine, name: str) -> None:
    """Never raises: what fails is logged, and the keeper leaves when its link ends."""
    try:
        await engine.call(lambda client: remove(client, name))
    except Exception as error:
        _log.warning("container %s could not be removed: %s", name, error)
