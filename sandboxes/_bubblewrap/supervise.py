"""Runs one bubblewrap process to its end: admits its first process to limits, caps its output, keeps its time, leaves nothing."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any

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

    @property
    def is_flood(self) -> bool:
        """Whether there was far too much."""
        return self.excess is not None and self.count > self.excess

    def take(self, data: bytes) -> None:
        """Keep what is still wanted of it."""
        self.kept += data[: max(0, self.cap - len(self.kept))]
        self.count += len(data)


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
    """One bwrap process and the first process (pid 1) of its namespace, whose death is the death of all others in it.

    Not asyncio's subprocesses: those see no process end before its pipes do, start a thread for each, and cost a command more
    than the rest of this file.
    """

    def __init__(self, group: Group, without: frozenset[Control]) -> None:
        self._group = group
        self._without = without
        self._loop = asyncio.get_running_loop()
        self._files = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._status = -1
        self._said = b""
        self._pidfd: int | None = None
        self._fed: int | None = None
        self._ended = asyncio.Event()
        self._dead = asyncio.Event()
        self._over = asyncio.Event()

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
            self._launch([*launcher, "--args", str(options), "--", *line.argv], theirs)
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
            self._pidfd = self._watch(pid, self._see_death)
            self._group.add(pid)
        except ProcessLookupError as error:
            raise SandboxError(f"bwrap failed: {await self._complaint()} ({error})") from None
        os.write(opener, b"\n")

    def _launch(self, words: list[str], files: tuple[int, ...]) -> None:
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=files,
                env=None if Control.environment in self._without else {},  # a sandbox can read its launcher's
                start_new_session=True,
            )
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise TooLong from None
            raise SandboxError(f"bwrap cannot be started: {error}") from error
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._files.callback(pipe.close)
        self._watch(self._process.pid, self._ended.set)

    def _watch(self, pid: int, see_end: Callable[[], None]) -> int:
        """Call ``see_end`` when a process has ended; returns a descriptor that stands for it."""
        pidfd = os.pidfd_open(pid)
        self._files.callback(os.close, pidfd)

        def end() -> None:
            self._loop.remove_reader(pidfd)
            see_end()

        self._read_with(pidfd, end)
        return pidfd

    def _see_death(self) -> None:
        self._dead.set()
        self._over.set()

    def _read_with(self, descriptor: int, reader: Callable[[], None]) -> None:
        self._loop.add_reader(descriptor, reader)
        self._files.callback(self._loop.remove_reader, descriptor)

    async def run(self, stdin: bytes, timeout_s: float, output_bytes: int) -> Outcome:
        """Serve the streams until the command ends or must end."""
        process = self._process
        assert process is not None
        cap, most = output_bytes, EXCESS * output_bytes
        stdout, stderr = Stream(cap, most), Stream(cap, most)
        if Control.output in self._without:
            stdout, stderr = Stream(sys.maxsize, None), Stream(sys.maxsize, None)
        ends = [self._collect(process.stdout, stdout), self._collect(process.stderr, stderr)]
        self._feed(memoryview(stdin))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if Control.time in self._without else timeout_s):
                await self._over.wait()
        flooded = stdout.is_flood or stderr.is_flood
        ending = Ending.output_exceeded if flooded else Ending.exited if self._dead.is_set() else Ending.timed_out
        await self._kill()
        # With every writer dead they come to the end.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_UNSWEPT_S if Control.sweep in self._without else None):
                for end in ends:
                    await end.wait()
        code = await self._exit_code() if ending is Ending.exited else None
        return Outcome(ending, code, stdout, stderr)

    async def end(self) -> None:
        """Leave nothing, whatever happened. Raises ``SandboxError`` where something cannot be killed."""
        try:
            await self._kill()
        finally:
            self._stop_feeding()
            self._files.close()

    async def _kill(self) -> None:
        """Kill the namespace's first process and wait for its end, which comes after the end of all others in it."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            elif self._process.returncode is None:  # its pid is still its own
                os.killpg(self._process.pid, signal.SIGKILL)
        try:
            async with asyncio.timeout(_REAP_S):
                if self._pidfd is not None:
                    await self._dead.wait()
                if Control.pids in self._without:
                    self._group.kill()  # as the end of a namespace would
                await self._ended.wait()
        except TimeoutError:
            raise SandboxError(f"a process of bwrap {self._process.pid} did not die within {_REAP_S:g} s") from None
        self._process.wait()

    def _collect(self, pipe: IO[bytes] | None, stream: Stream) -> asyncio.Event:
        """Read a pipe into ``stream`` from now on. The event is set at the pipe's end."""
        assert pipe is not None
        descriptor, end = pipe.fileno(), asyncio.Event()

        def read() -> None:
            try:
                data = os.read(descriptor, _CHUNK_BYTES)
            except BlockingIOError:
                return
            stream.take(data)
            if stream.is_flood:
                self._over.set()
            if not data:
                self._loop.remove_reader(descriptor)
                end.set()

        self._read_with(descriptor, read)
        return end

    def _feed(self, left: memoryview) -> None:
        """Write to the command's standard input what it takes, the rest when it takes more, and then its end."""
        assert self._process is not None
        pipe = self._process.stdin
        assert pipe is not None
        self._stop_feeding()
        try:
            while left:
                left = left[os.write(pipe.fileno(), left[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            self._fed = pipe.fileno()
            self._loop.add_writer(self._fed, partial(self._feed, left))
            return
        except BrokenPipeError:
            pass  # a command that reads no more of it does no harm
        pipe.close()

    def _stop_feeding(self) -> None:
        # Not at the end only: the pipe is closed before, and its number may then be another's.
        if self._fed is not None:
            self._loop.remove_writer(self._fed)
        self._fed = None

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
        """What bwrap, which has failed, had to say."""
        await self._kill()
        assert self._process is not None
        assert self._process.stderr is not None
        return (self._process.stderr.read(4096) or b"").decode(errors="replace").strip() or "it said nothing"


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
