"""A sandbox as a task's set-up and its scorer get it: what their commands were refused goes into the transcript."""

from collections.abc import Sequence

from unhobble.protocols import Sandbox
from unhobble.sandboxing import ExecResult, SandboxFile, User
from unhobble.transcript import Recorder


class RecordedSandbox:
    """``protocols.Sandbox`` over another one. The agent's own commands are recorded by its context, in the order of its steps."""

    def __init__(self, sandbox: Sandbox, recorder: Recorder) -> None:
        self._sandbox = sandbox
        self._recorder = recorder

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
        result = await self._sandbox.exec(
            argv, stdin=stdin, cwd=cwd, env=env, user=user, timeout_s=timeout_s, output_bytes=output_bytes
        )
        self._recorder.add_refused(result.refused)
        return result

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        """See ``protocols.Sandbox``."""
        await self._sandbox.write_files(files, user=user)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """See ``protocols.Sandbox``."""
        return await self._sandbox.read_file(path, max_bytes=max_bytes)

    async def read_directory(self, path: str, *, max_bytes: int, max_files: int) -> list[SandboxFile]:
        """See ``protocols.Sandbox``."""
        return await self._sandbox.read_directory(path, max_bytes=max_bytes, max_files=max_files)

    async def snapshot(self) -> str:
        """See ``protocols.Sandbox``."""
        return await self._sandbox.snapshot()

    async def restore(self, snapshot: str) -> None:
        """See ``protocols.Sandbox``."""
        await self._sandbox.restore(snapshot)

    async def stop_agent(self) -> None:
        """See ``protocols.Sandbox``."""
        await self._sandbox.stop_agent()

    async def close(self) -> None:
        """See ``protocols.Sandbox``."""
        await self._sandbox.close()
