"""The main process of a Docker sandbox: runs commands, ends them, and moves files, as told over its standard streams.

Runs inside the container as PID 1 and uid 0, from source text and with nothing but the standard library. The agent has another
uid and no capability, so it can neither signal this process nor read its streams. Being PID 1, it inherits every orphan: when
it has no child left, no process of a command is left.

It says ``r`` once when it is ready. Requests: 4 bytes of length (big-endian), a JSON header, then as many bytes of payload as the
header's ``payload`` says. Answers: frames of one byte kind and 4 bytes of length: ``o`` and ``e`` (output streams), ``d`` (data),
and last ``r``, a JSON object that has ``error`` where the request failed. While a command runs, the one request that may come is
``kill``; each request gets its own ``r``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sandboxes._files import copy_command, locate, read_file, restore_command, write_file
from sandboxes._seccomp import program

AGENT = 65534
EXCESS = 16
_STORE = "/run/unhobble"
_SAVED = {"work": "/work", "home": "/home/agent", "tmp": "/tmp", "shm": "/dev/shm"}  # noqa: S108 (the sandbox's own)
_CHUNK = 65_536
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
Json = dict[str, Any]
_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def receive() -> tuple[Json, bytes]:
    """The next request. Leaves, and the container with it, when the worker is gone."""
    (length,) = struct.unpack(">I", _read_exactly(4))
    header = json.loads(_read_exactly(length))
    return header, _read_exactly(header.get("payload", 0))


def send(kind: bytes, data: bytes) -> None:
    """Write one frame."""
    view = memoryview(kind + struct.pack(">I", len(data)) + data)
    while view:
        view = view[os.write(1, view) :]


def _read_exactly(count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        if not (chunk := os.read(0, min(count - len(data), 1 << 20))):
            sys.exit(0)
        data += chunk
    return bytes(data)


def oom_kills() -> int:
    """How many processes of this container the kernel has killed for memory; from cgroup v2 or v1."""
    for path in _OOM_COUNTERS:
        with contextlib.suppress(OSError):
            for line in Path(path).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


def sweep() -> None:
    """Kill every process but this one, and wait until the last is gone.

    ``kill(-1)`` holds the kernel's task list, so that no fork escapes between two signals.
    """
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


class Filter(ctypes.Structure):
    """``struct sock_fprog``: a system-call filter as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


_CODE = program()
_FILTER = Filter(len(_CODE) // 8, _CODE)
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl


def become(uid: int) -> Callable[[], None]:
    """What a child does before it becomes the command."""

    def prepare() -> None:
        # The kernel, short of memory, shall take the command and not the keeper; short of time, the keeper goes first.
        Path("/proc/self/oom_score_adj").write_text("500")
        os.nice(5)
        if uid:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        if _PRCTL(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_FILTER), 0, 0):
            raise OSError(ctypes.get_errno(), "the system-call filter was refused")

    return prepare


class Command:
    """One command from start to end. Its output is passed on up to the cap, counted beyond it."""

    def __init__(self, request: Json, stdin: bytes, wakeup: int) -> None:
        self.cap = request["output_bytes"]
        self.deadline_s = time.monotonic() + request["timeout_s"]
        self.stdin = memoryview(stdin)
        self.written = {b"o": 0, b"e": 0}
        self.ending = "exited"
        self.status: int | None = None
        self.wakeup = wakeup
        self.streams = selectors.DefaultSelector()
        self.process = subprocess.Popen(
            request["argv"],
            cwd=request["cwd"],
            env=request["env"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            preexec_fn=become(0 if request["user"] == "keeper" else AGENT),  # noqa: PLW1509 (there is one thread)
        )
        stdin_pipe, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        assert stdin_pipe
        assert stdout
        assert stderr
        self.stdin_pipe = stdin_pipe
        self.outputs = {b"o": stdout, b"e": stderr}

    def run(self) -> Json:
        """Serve the command until it ends or must end, then leave no process of it."""
        oom_before = oom_kills()
        for pipe in (self.stdin_pipe, *self.outputs.values()):
            os.set_blocking(pipe.fileno(), False)
        self.streams.register(self.outputs[b"o"], selectors.EVENT_READ, lambda: self._pass_on(b"o"))
        self.streams.register(self.outputs[b"e"], selectors.EVENT_READ, lambda: self._pass_on(b"e"))
        self.streams.register(self.stdin_pipe, selectors.EVENT_WRITE, self._feed)
        self.streams.register(0, selectors.EVENT_READ, self._obey)
        self.streams.register(self.wakeup, selectors.EVENT_READ, self._reap)
        while self.status is None and self.ending == "exited":
            remaining_s = self.deadline_s - time.monotonic()
            if remaining_s <= 0:
                self.ending = "timed_out"
                break
            for key, _ in self.streams.select(remaining_s):
                key.data()
            if max(self.written.values()) > EXCESS * self.cap:
                self.ending = "output_exceeded"
        self._end()
        if self.ending == "exited" and self.status != 0 and oom_kills() > oom_before:
            self.ending = "out_of_memory"
        truncated = {stream: count > self.cap for stream, count in self.written.items()}
        return {
            "ending": self.ending,
            "exit_code": self.status if self.ending == "exited" else None,
            "stdout_truncated": truncated[b"o"],
            "stderr_truncated": truncated[b"e"],
        }

    def _pass_on(self, kind: bytes) -> bool:
        """Pass on what the pipe holds. False when it holds nothing more now, or ever."""
        pipe = self.outputs[kind]
        try:
            chunk = os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self.streams.unregister(pipe)
            return False
        if wanted := chunk[: max(0, self.cap - self.written[kind])]:
            send(kind, wanted)
        self.written[kind] += len(chunk)
        return True

    def _feed(self) -> None:
        try:
            if self.stdin:
                self.stdin = self.stdin[os.write(self.stdin_pipe.fileno(), self.stdin[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.stdin = self.stdin[:0]
        if not self.stdin:
            self.streams.unregister(self.stdin_pipe)
            self.stdin_pipe.close()

    def _obey(self) -> None:
        receive()  # while a command runs only one request comes: to end it
        self.ending = "cancelled"

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup, 4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self.process.pid:
                    self.status = _exit_code(status)

    def _end(self) -> None:
        sweep()
        self.process.returncode = 0  # reaped by the sweep; Popen must not wait for it
        for kind, pipe in self.outputs.items():
            while pipe in self.streams.get_map() and self._pass_on(kind):
                pass
            pipe.close()
        self.stdin_pipe.close()
        self.streams.close()


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


class Keeper:
    """Answers one request after the other."""

    def __init__(self) -> None:
        # A byte arrives here whenever a child ends.
        self.wakeup, notify = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(notify, warn_on_full_buffer=False)

    def exec(self, request: Json, payload: bytes) -> Json:
        """Run a command; one that cannot be started ends as it would in a shell."""
        try:
            command = Command(request, payload, self.wakeup)
        except OSError as error:
            send(b"e", f"{error.filename or request['argv'][0]}: {error.strerror}\n".encode()[: request["output_bytes"]])
            found = isinstance(error, FileNotFoundError) and error.filename != request["cwd"]
            return {"ending": "exited", "exit_code": 127 if found else 126}
        return command.run()

    def write(self, request: Json, payload: bytes) -> Json:
        """Write files; the payload is their contents, one after the other."""
        owner = (0, 0) if request["user"] == "keeper" else (AGENT, AGENT)
        view = memoryview(payload)
        for path, size, executable in request["files"]:
            place, names = locate(path)
            write_file(place, names, bytes(view[:size]), mode=0o755 if executable else 0o644, owner=owner)
            view = view[size:]
        return {}

    def read(self, request: Json, _: bytes) -> Json:
        """Send a file's content."""
        place, names = locate(request["path"])
        data = memoryview(read_file(place, names, request["max_bytes"]))
        for start in range(0, len(data), 1 << 20):
            send(b"d", bytes(data[start : start + (1 << 20)]))
        return {}

    def snapshot(self, request: Json, _: bytes) -> Json:
        """Copy what the agent can write to where it cannot go."""
        return self._copy(copy_command(dict(self._saved()), f"{_STORE}/{request['name']}"))

    def restore(self, request: Json, _: bytes) -> Json:
        """Put it back."""
        return self._copy(restore_command(dict(self._saved()), f"{_STORE}/{request['name']}"))

    def stop(self, *_: object) -> Json:
        """Leave no process but this one."""
        sweep()
        return {}

    def kill(self, *_: object) -> Json:
        """Too late: the command ended by itself before the request to end it came."""
        return {}

    def _saved(self) -> Iterator[tuple[str, str]]:
        for name, path in _SAVED.items():
            with contextlib.suppress(OSError):
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    yield name, path

    def _copy(self, argv: list[str]) -> Json:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise OSError(done.stderr.decode(errors="replace")[-500:] or f"{argv[0]} ended with {done.returncode}")
        return {}


def main() -> None:
    """Serve until the worker hangs up."""
    keeper = Keeper()
    send(b"r", b"{}")
    while True:
        request, payload = receive()
        try:
            answer = getattr(keeper, request["op"])(request, payload)
        except (OSError, ValueError) as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        send(b"r", json.dumps(answer).encode())
        if answer.get("ending") == "cancelled":
            send(b"r", b"{}")  # the request to end the command was one of its own


if __name__ == "__main__":
    main()
