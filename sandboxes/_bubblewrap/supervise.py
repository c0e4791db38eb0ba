"""Runs one bubblewrap process to its end: admits its first process to limits, caps its output, keeps its time, leaves nothing."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import sys
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandboxes._bubblewrap.bwrap import CommandLine
from sandboxes._bubblewrap.cgroups import Group
from sandboxes._bubblewrap.holder import only_child
from sandboxes._bubblewrap.seccomp import program
from sandboxes._commands import EXCESS
from sandboxes._controls import NONE, Control
from sandboxes._settling import settled
from unhobble.errors import SandboxError
from unhobble.sandboxing import Ending

_CHUNK_BYTES = 65_536
_SETUP_S = 30.0
_REAP_S = 30.0
_UNSWEPT_S = 1.0


class TooLong(Exception):
    """The command line is longer than the kernel takes."""


@dataclass
class Stream:
    """What is kept of an output stream, and how much there was."""

    cap: int
    excess: int | None
    """How many bytes are far too many; None where none are."""
    kept: bytearray = field(default_factory=bytearray)
    count: int = 0

    @property
    def truncated(self) -> bool:
        """Whether there was more than is kept."""
        return self.count > self.cap

    async def collect(self, source: asyncio.StreamReader, excess: asyncio.Event) -> None:
        """Read to the end; ``excess`` is set once there is far too much."""
        while chunk := await source.read(_CHUNK_BYTES):
            self.kept += chunk[: max(0, self.cap - len(self.kept))]
            self.count += len(chunk)
            if self.excess is not None and self.count > self.excess:
                excess.set()


@dataclass(frozen=True)
class Outcome:
    """How it ended. ``exit_code`` is None where the command was killed, by us or with its whole namespace."""

    ending: Ending
    exit_code: int | None
    stdout: Stream
    stderr: Stream


async def supervise(
    launcher: Sequence[str],
    line: CommandLine,
    *,
    group: Group,
    stdin: bytes,
    timeout_s: float,
    output_bytes: int,
    without: frozenset[Control] = NONE,
) -> Outcome:
    """Run ``line`` with ``launcher``, the words that start bwrap as the only child of what they start.

    When this returns or raises, every process of it is gone. The sandbox's first process is put into ``group`` before it does
    anything. Raises ``SandboxError`` where bubblewrap fails, ``TooLong`` where no kernel would take the command's arguments.
    """
    jail = _Jail(group, without)
    try:
        await jail.start(launcher, line)
        return await jail.run(stdin, timeout_s, output_bytes)
    finally:
        await settled(jail.end())


class Running:
    """The commands under way in one sandbox, so that they can be ended by someone else than who waits for them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Outcome]] = set()

    async def see_through(self, command: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Await a command. Raises ``SandboxError`` where ``stop`` ended it."""
        task = asyncio.ensure_future(command)
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._tasks:
                raise
            raise SandboxError("the command was stopped: its sandbox was closed, or its agent told to stop") from None
        finally:
            self._tasks.discard(task)

    async def stop(self) -> None:
        """End every command, and return when its processes are gone."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Jail:
    """One bwrap process and the first process (pid 1) of its namespace, whose death is the death of all others in it."""

    def __init__(self, group: Group, without: frozenset[Control]) -> None:
        self._group = group
        self._without = without
        self._files = contextlib.ExitStack()
        self._process: Process | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self._status = -1
        self._said = b""
        self._pidfd: int | None = None
        self._dead = asyncio.Event()

    async def start(self, launcher: Sequence[str], line: CommandLine) -> None:
        """Start bwrap, put its child into the group while it is held back, then let it go."""
        self._status, status = os.pipe()
        self._files.callback(os.close, self._status)
        gate, opener = os.pipe()
        self._files.callback(os.close, opener)  # not before the end: at its closing the child would go on
        rules = _memory_file(program())
        ours = ["--json-status-fd", str(status), "--block-fd", str(gate)]
        if Control.syscalls not in self._without:
            ours += ["--seccomp", str(rules)]
        options = _memory_file("\0".join([*line.options, *ours]).encode())
        theirs = (options, rules, status, gate)
        try:
            # Settled: a process that starts while its starter is cancelled must be known, to be killed.
            await settled(self._launch([*launcher, "--args", str(options), "--", *line.argv], theirs))
        finally:
            for file in theirs:
                os.close(file)
        try:
            async with asyncio.timeout(_SETUP_S):
                first = json.loads(await self._status_line() or b"{}")
        except TimeoutError:
            raise SandboxError(f"bwrap did not start a namespace within {_SETUP_S:g} s") from None
        if "child-pid" not in first:
            raise SandboxError(f"bwrap failed: {await self._complaint()}")
        assert self._process is not None
        try:
            # What bwrap calls it is its pid in the holder's namespace.
            pid = only_child(only_child(self._process.pid))
            self._watch(os.pidfd_open(pid))
            self._group.add(pid)
        except ProcessLookupError as error:
            await self._kill()  # what is left of it would keep the complaint from coming to its end
            raise SandboxError(f"bwrap failed: {await self._complaint()} ({error})") from None
        os.write(opener, b"\n")

    def _watch(self, pidfd: int) -> None:
        loop = asyncio.get_running_loop()
        self._pidfd = pidfd
        self._files.callback(os.close, pidfd)
        self._files.callback(loop.remove_reader, pidfd)
        loop.add_reader(pidfd, self._see_death)

    def _see_death(self) -> None:
        assert self._pidfd is not None
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._dead.set()

    async def _launch(self, words: list[str], files: tuple[int, ...]) -> None:
        loop = asyncio.get_running_loop()
        try:
            # As ``create_subprocess_exec`` does, which keeps the transport to itself.
            self._transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(_CHUNK_BYTES, loop),
                *words,
                pass_fds=files,
                env=None if Control.environment in self._without else {},  # a sandbox can read its launcher's
                start_new_session=True,
            )
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise TooLong from None
            raise SandboxError(f"bwrap cannot be started: {error}") from error
        self._process = Process(self._transport, protocol, loop)

    async def run(self, stdin: bytes, timeout_s: float, output_bytes: int) -> Outcome:
        """Serve the streams until the command ends or must end."""
        process, excess = self._process, asyncio.Event()
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        cap, most = output_bytes, EXCESS * output_bytes
        stdout, stderr = Stream(cap, most), Stream(cap, most)
        if Control.output in self._without:
            stdout, stderr = Stream(sys.maxsize, None), Stream(sys.maxsize, None)
        over = [asyncio.ensure_future(self._dead.wait()), asyncio.ensure_future(excess.wait())]
        reading = [asyncio.ensure_future(stdout.collect(process.stdout, excess))]
        reading.append(asyncio.ensure_future(stderr.collect(process.stderr, excess)))
        tasks = [asyncio.ensure_future(self._feed(stdin)), *over, *reading]
        try:
            left_s = None if Control.time in self._without else timeout_s
            done, _ = await asyncio.wait(over, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            ending = Ending.output_exceeded if excess.is_set() else Ending.exited if done else Ending.timed_out
            await self._kill()
            # With every writer dead they come to the end.
            await asyncio.wait(reading, timeout=_UNSWEPT_S if Control.sweep in self._without else None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        code = await self._exit_code() if ending is Ending.exited else None
        return Outcome(ending, code, stdout, stderr)

    async def end(self) -> None:
        """Leave nothing, whatever happened. Raises ``SandboxError`` where something cannot be killed."""
        # asyncio sees no process end before its pipes do, and a full one that nobody reads any more never does.
        streams = (self._process.stdout, self._process.stderr) if self._process else ()
        draining = [asyncio.ensure_future(_drain(stream)) for stream in streams if stream]
        try:
            await self._kill()
        finally:
            for task in draining:
                task.cancel()
            await asyncio.gather(*draining, return_exceptions=True)
            if self._transport is not None:
                self._transport.close()
            self._files.close()

    async def _kill(self) -> None:
        """Kill the namespace's first process and wait for its end, which comes after the end of all others in it."""
        if self._process is None:
            return
        if self._pidfd is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        try:
            async with asyncio.timeout(_REAP_S):
                if self._pidfd is not None:
                    await self._dead.wait()
                if Control.sweep in self._without:
                    return  # what lives on has the pipes open, and ``wait`` waits for them too
                if Control.pids in self._without:
                    self._group.kill()  # as the end of a namespace would
                await self._process.wait()
        except TimeoutError:
            raise SandboxError(f"a process of bwrap {self._process.pid} did not die within {_REAP_S:g} s") from None

    async def _feed(self, stdin: bytes) -> None:
        assert self._process is not None
        writer = self._process.stdin
        assert writer is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            writer.write(stdin)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _exit_code(self) -> int | None:
        """What bwrap says the command returned; None where its whole namespace was killed before it could."""
        while line := await self._status_line():
            if "exit-code" in (document := json.loads(line)):
                return int(document["exit-code"])
        return None

    async def _status_line(self) -> bytes:
        """The next line of bwrap's status, a JSON document; empty at its end."""
        while b"\n" not in self._said:
            await _readable(self._status)
            if not (chunk := os.read(self._status, 4096)):
                return b""
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        return line

    async def _complaint(self) -> str:
        assert self._process is not None
        assert self._process.stderr is not None
        return (await self._process.stderr.read(4096)).decode(errors="replace").strip() or "it said nothing"


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(_CHUNK_BYTES):
        pass


def _memory_file(data: bytes) -> int:
    """A file without a name that holds ``data``, open at its start."""
    file = os.memfd_create("options")
    os.write(file, data)
    os.lseek(file, 0, os.SEEK_SET)
    return file


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
