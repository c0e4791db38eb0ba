"""A sandbox in a container: asks the container's keeper, and gives the sandbox up where the keeper cannot answer."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from sandboxes._commands import not_startable, unusable
from sandboxes._container import remove
from sandboxes._engine import Engine
from sandboxes._files import locate
from sandboxes._keeper_source import KEEPER_LINE
from sandboxes._link import Frame, Link
from sandboxes._settling import settled
from unhobble.errors import SandboxError
from unhobble.sandboxing import SANDBOX_ENV, Ending, ExecResult, SandboxFile, User

_GRACE_S = 15.0
_FILES_S = 120.0
_log = logging.getLogger(__name__)


class KeptSandbox:
    """``protocols.Sandbox`` in one container."""

    def __init__(self, name: str, engine: Engine, link: Link, *, on_close: Callable[["KeptSandbox"], None]) -> None:
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
        await remove_container(self._engine, self._name)
        self._link.close()


async def remove_container(engine: Engine, name: str) -> None:
    """Never raises: what fails is logged, and the keeper leaves when its link ends."""
    try:
        await engine.call(lambda client: remove(client, name))
    except Exception as error:
        _log.warning("container %s could not be removed: %s", name, error)
