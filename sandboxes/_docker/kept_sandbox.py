"""A sandbox in a container: asks the container's keeper, and gives the sandbox up where the keeper cannot answer."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from sandboxes._commands import not_startable, unusable
from sandboxes._docker import wire
from sandboxes._docker.containers import ended_for_memory, remove
from sandboxes._docker.engine import Engine
from sandboxes._docker.link import Link, Listener
from sandboxes._docker.wire import Outcome, Report
from sandboxes._network.gate import Gate
from sandboxes._paths import locate
from sandboxes._settling import settled
from unhobble.errors import SandboxError, SandboxSpoiled
from unhobble.sandboxing import SANDBOX_ENV, ExecResult, SandboxFile, User

_GRACE_S = 15.0
_FILES_S = 120.0
_log = logging.getLogger(__name__)


class KeptSandbox:
    """``protocols.Sandbox`` in one container.

    ``name`` is what errors call it and may change; ``container`` is what the engine knows it by, the name if None.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        link: Link,
        *,
        container: str | None = None,
        gate: Gate | None = None,
        on_close: Callable[["KeptSandbox"], None],
    ) -> None:
        self.name = name
        self.container = container or name
        self._engine = engine
        self._link = link
        self._gate = gate
        self._on_close = on_close
        self._snapshots: list[str] = []
        self._gone: str | None = None
        self._used_up = False

    @property
    def is_alive(self) -> bool:
        """Whether its keeper can still be asked, as far as is known without asking."""
        return self._gone is None and not self._link.is_broken

    async def wait_until_ready(self, timeout_s: float) -> None:
        """Return when the keeper runs. Raises ``SandboxError``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._link.start()
        except TimeoutError:
            await settled(self._give_up(f"its keeper did not start within {timeout_s:g} s", leaving=False))
            raise self._is_gone() from None
        except SandboxError as error:
            await settled(self._lose(error))
            raise self._is_gone() from error

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
        variables = SANDBOX_ENV | (self._gate.env if self._gate else {}) | (env or {})
        try:
            request = wire.command(
                argv, cwd=cwd, env=variables, user=user, timeout_s=timeout_s, output_bytes=output_bytes, stdin=stdin
            )
        except ValueError as error:
            return not_startable(str(error))
        streams = {b"o": bytearray(), b"e": bytearray()}
        started_s = time.monotonic()
        # The keeper keeps the time; the grace is for a keeper that cannot.
        report = Report.read(
            await self._ask("exec", request, lambda kind, data: streams[kind].extend(data), limit_s=timeout_s + _GRACE_S)
        )
        assert report.ending  # called off is only what nobody waits for
        return ExecResult(
            ending=report.ending,
            exit_code=report.exit_code,
            stdout=bytes(streams[b"o"]),
            stderr=bytes(streams[b"e"]),
            stdout_truncated=report.stdout_truncated,
            stderr_truncated=report.stderr_truncated,
            duration_s=time.monotonic() - started_s,
            refused=self._gate.take_refused() if self._gate else (),
        )

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        """See ``protocols.Sandbox``."""
        try:
            for file in files:
                locate(file.path)
            request = wire.write(files, user)
        except ValueError as error:
            raise SandboxError(f"sandbox {self.name} cannot write this: {error}") from error
        await self._ask("write files", request)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """See ``protocols.Sandbox``."""
        locate(path)
        data = bytearray()
        await self._ask("read a file", wire.read(path, max_bytes), lambda _, piece: data.extend(piece))
        return bytes(data)

    async def read_directory(self, path: str, *, max_bytes: int, max_files: int) -> list[SandboxFile]:
        """See ``protocols.Sandbox``."""
        locate(path, directory=True)
        found: list[tuple[bytes, bytearray]] = []

        def listen(kind: bytes, data: bytes) -> None:
            if kind == b"n":
                found.append((data, bytearray()))
            else:
                found[-1][1].extend(data)

        await self._ask("read a directory", wire.read_directory(path, max_bytes, max_files), listen)
        return sorted((wire.file(head, bytes(data)) for head, data in found), key=lambda file: file.path)

    async def snapshot(self) -> str:
        """See ``protocols.Sandbox``."""
        await self._ask("snapshot", wire.snapshot(len(self._snapshots)))
        self._snapshots.append(f"snapshot-{len(self._snapshots) + 1}")
        return self._snapshots[-1]

    async def restore(self, snapshot: str) -> None:
        """See ``protocols.Sandbox``."""
        if snapshot not in self._snapshots:
            raise SandboxError(f"sandbox {self.name} has no snapshot {snapshot!r}; it has {', '.join(self._snapshots) or 'none'}")
        await self._ask("restore", wire.restore(self._snapshots.index(snapshot)))

    async def stop_agent(self) -> None:
        """See ``protocols.Sandbox``."""
        await self._ask("stop the agent", wire.STOP)

    async def close(self) -> None:
        """See ``protocols.Sandbox``."""
        if self._gone is None:
            await settled(self._give_up("it was closed", leaving=True))

    async def _ask(self, what: str, request: bytes, listener: Listener | None = None, *, limit_s: float = _FILES_S) -> bytes:
        """One request to the keeper; returns what its answer says.

        Raises ``FileNotFoundError``, ``ValueError`` or ``SandboxError``, as the keeper has it, or ``SandboxSpoiled``. Where it
        cannot answer, the sandbox goes.
        """
        if self._gone is not None:
            raise self._is_gone()
        try:
            self._link.send(request, listener)
            async with asyncio.timeout(limit_s):
                answer = await self._link.answer()
        except TimeoutError:
            await settled(self._give_up(f"its keeper did not finish {what!r} within {limit_s:g} s", leaving=False))
            raise self._is_gone() from None
        except asyncio.CancelledError:
            await settled(self._call_off(what))
            raise
        except SandboxError as error:
            await settled(self._lose(error))
            raise self._is_gone() from error
        return self._understood(what, answer)

    def _understood(self, what: str, answer: bytes) -> bytes:
        outcome, body = Outcome(answer[0]), answer[1:]
        if outcome is Outcome.done:
            return body
        why = body.decode(errors="replace")
        if what.startswith("read"):
            if outcome is Outcome.not_found:
                raise FileNotFoundError(why)
            if outcome is Outcome.unfit:
                raise ValueError(why)
        raise SandboxError(f"sandbox {self.name} failed to {what}: {why}")

    async def _call_off(self, what: str) -> None:
        """End a request that nobody waits for any more, so that the sandbox can take the next."""
        try:
            async with asyncio.timeout(_GRACE_S):
                if what == "exec":
                    self._link.send(wire.KILL)
                    await self._link.answer()
                await self._link.answer()
        except (TimeoutError, SandboxError) as error:
            await self._give_up(f"a request that was called off did not end: {error}", leaving=False)

    async def _lose(self, error: SandboxError) -> None:
        """Give up a sandbox whose keeper is gone. If that was for want of memory, it is the agent's doing."""
        why = str(error)
        if self._gone is None and await self._was_used_up():
            self._used_up = True
            why += "; the kernel ended it because all memory of the sandbox was used, by files or by processes"
        await self._give_up(why, leaving=False)

    async def _was_used_up(self) -> bool:
        try:
            return await self._engine.call(lambda client: ended_for_memory(client, self.container))
        except SandboxError:
            return False

    async def _give_up(self, why: str, *, leaving: bool) -> None:
        if self._gone is not None:
            return
        self._gone = why
        self._on_close(self)
        self._link.close()
        if self._gate:
            await self._gate.close()
        await remove_container(self._engine, self.container, leaving=leaving)

    def _is_gone(self) -> SandboxError | SandboxSpoiled:
        return (SandboxSpoiled if self._used_up else SandboxError)(f"sandbox {self.name} is gone: {self._gone}")


async def remove_container(engine: Engine, container: str, *, leaving: bool = False) -> None:
    """Never raises: what fails is logged, and the keeper leaves when its link ends."""
    try:
        await engine.call(lambda client: remove(client, container, leaving=leaving))
    except Exception as error:
        _log.warning("container %s could not be removed: %s", container, error)
