"""A sandbox of bubblewrap: file systems and perhaps a network held by one process, a control group, and a jail for each command."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sandboxes._bubblewrap.bwrap import View, command_line
from sandboxes._bubblewrap.cgroups import Group
from sandboxes._bubblewrap.copies import copy_trees
from sandboxes._bubblewrap.files import (
    empty_tree,
    enter,
    follow_directory,
    follow_file,
    read_directory,
    read_file,
    write_file,
)
from sandboxes._bubblewrap.holder import WRITABLE, Holder
from sandboxes._bubblewrap.supervise import Outcome, Running, TooLong, supervise
from sandboxes._commands import not_startable, unusable
from sandboxes._controls import Control
from sandboxes._network.gate import Gate
from sandboxes._paths import locate
from sandboxes._settling import settled
from unhobble.errors import SandboxError
from unhobble.sandboxing import TESTS_DIR, Ending, ExecResult, SandboxFile, User
from unhobble.text import decode

_PLACES = {"/work": "work", "/home/agent": "home", "/tmp": "tmp", "/tests": "tests"}  # noqa: S108 (the sandbox's own)
T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a sandbox is made of. ``ids``: the uid and gid on the host of its commands; None keeps the worker's own."""

    executable: str
    view: View
    holder: Holder
    group: Group
    gate: Gate | None
    ids: tuple[int, int] | None


class BubblewrapSandbox:
    """``protocols.Sandbox`` as a holder of files and a control group."""

    def __init__(self, parts: Parts, *, on_close: Callable[["BubblewrapSandbox"], None]) -> None:
        self._parts = parts
        self._without = parts.view.without
        self._on_close = on_close
        self._running = Running()
        self._snapshots: list[str] = []
        self._closed = False

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
        self._require_open()
        if why := unusable(argv):
            return not_startable(why)
        parts, gate = self._parts, self._parts.gate
        line = command_line(parts.view, argv, cwd=cwd, env=(gate.env if gate else {}) | (env or {}), user=user)
        started_s, oom_before = time.monotonic(), parts.group.oom_kills()
        command = supervise(
            [*parts.holder.enter(parts.ids), parts.executable],
            line,
            group=parts.group,
            stdin=stdin,
            timeout_s=timeout_s,
            output_bytes=output_bytes,
            without=self._without,
        )
        try:
            outcome = await self._running.see_through(command)
        except TooLong:
            return not_startable("its arguments are too long")
        ending = outcome.ending
        if ending is Ending.exited and outcome.exit_code != 0 and parts.group.oom_kills() > oom_before:
            ending = Ending.out_of_memory
        elif ending is Ending.exited and outcome.exit_code is None:
            said = decode(bytes(outcome.stderr.kept)).strip()
            raise SandboxError(f"bwrap ended without an exit code of the command: {said[-300:] or 'something killed it'}")
        result = _result(outcome, ending, time.monotonic() - started_s)
        return replace(result, refused=gate.take_refused()) if gate else result

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        """See ``protocols.Sandbox``."""
        ids = self._parts.ids
        owner = None if ids is None else ids if user is User.agent else (0, 0)

        def write(box: int, kept: int) -> None:
            for file in files:
                try:
                    place, names = locate(file.path)
                    root, mode = kept if place == TESTS_DIR else box, 0o755 if file.executable else 0o644
                    write_file(root, [_PLACES[place], *names], file.data, mode=mode, owner=owner)
                except (OSError, ValueError) as error:
                    raise SandboxError(f"{file.path} cannot be written into the sandbox: {error}") from error

        await self._with_files(write)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """See ``protocols.Sandbox``."""
        place, names = locate(path)
        read, names = follow_file if Control.copying in self._without else read_file, [_PLACES[place], *names]
        with _reading(path):
            return await self._with_files(lambda box, kept: read(kept if place == TESTS_DIR else box, names, max_bytes))

    async def read_directory(self, path: str, *, max_bytes: int, max_files: int) -> list[SandboxFile]:
        """See ``protocols.Sandbox``."""
        place, names = locate(path, directory=True)
        read = follow_directory if Control.copying in self._without else read_directory

        def read_all(box: int, kept: int) -> list[tuple[tuple[str, ...], bytes, bool]]:
            root = kept if place == TESTS_DIR else box
            return read(root, [_PLACES[place], *names], max_bytes=max_bytes, max_files=max_files)

        with _reading(path):
            found = await self._with_files(read_all)
        base = "/".join([place, *names])
        return [SandboxFile("/".join([base, *below]), data, executable) for below, data, executable in found]

    async def snapshot(self) -> str:
        """See ``protocols.Sandbox``."""
        name = f"snapshot-{len(self._snapshots) + 1}"
        await self._with_files(lambda box, kept: _save(box, kept, name))
        self._snapshots.append(name)
        return name

    async def restore(self, snapshot: str) -> None:
        """See ``protocols.Sandbox``."""
        self._require_open()
        if snapshot not in self._snapshots:
            raise SandboxError(f"there is no snapshot {snapshot!r}; there are {', '.join(self._snapshots) or 'none'}")
        await self._with_files(lambda box, kept: _put_back(box, kept, snapshot))

    async def stop_agent(self) -> None:
        """See ``protocols.Sandbox``. No process outlives the command that started it, so only a command under way can be there."""
        self._require_open()
        await settled(self._running.stop())

    async def close(self) -> None:
        """See ``protocols.Sandbox``."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
            await settled(self._remove())

    def _require_open(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox was closed")
        self._parts.holder.require_alive()

    async def _with_files(self, use: Callable[[int, int], T]) -> T:
        """Call ``use`` in a thread with descriptors of the agent's and the keeper's file systems, and await its end."""
        self._require_open()
        # Descriptors of its own: another sandbox may get the numbers of this one's when it is closed meanwhile.
        box, kept = os.dup(self._parts.holder.box), os.dup(self._parts.holder.kept)
        try:
            return await settled(asyncio.to_thread(use, box, kept))
        finally:
            os.close(box)
            os.close(kept)

    async def _remove(self) -> None:
        try:
            await self._running.stop()
            if self._parts.gate:
                await self._parts.gate.close()
            await self._parts.holder.close()
            await asyncio.to_thread(self._parts.group.remove)
        except Exception as error:
            _log.warning("a sandbox could not be removed: %s", error)


def _save(box: int, kept: int, name: str) -> None:
    """Copy all that the agent can write to ``name`` in the keeper's file system. Raises ``SandboxError``."""
    with _copying():
        os.mkdir(name, 0o700, dir_fd=kept)
        with _opened(kept, name) as store:
            copy_trees(box, store, WRITABLE)


def _put_back(box: int, kept: int, name: str) -> None:
    """The reverse. The directories themselves stay."""
    with _copying(), _opened(kept, name) as store:
        for place in WRITABLE:
            with _opened(box, place) as directory:
                empty_tree(directory)
        copy_trees(store, box, WRITABLE)


@contextlib.contextmanager
def _copying() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SandboxError(f"the sandbox's files could not be copied: {error}") from error


@contextlib.contextmanager
def _opened(parent: int, name: str) -> Iterator[int]:
    directory = enter(parent, name)
    try:
        yield directory
    finally:
        os.close(directory)


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist in the sandbox") from None
    except OSError as error:
        raise SandboxError(f"{path} cannot be read from the sandbox: {error}") from error


def _result(outcome: Outcome, ending: Ending, duration_s: float) -> ExecResult:
    return ExecResult(
        ending=ending,
        exit_code=outcome.exit_code if ending is Ending.exited else None,
        stdout=bytes(outcome.stdout.kept),
        stderr=bytes(outcome.stderr.kept),
        stdout_truncated=outcome.stdout.truncated,
        stderr_truncated=outcome.stderr.truncated,
        duration_s=duration_s,
    )
