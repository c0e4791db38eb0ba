"""A real keeper for tests: the first process in namespaces of its own, its root a directory that holds almost nothing."""

import os
import platform
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from sandboxes._docker import wire as _wire
from sandboxes._docker.keeper_binary import keeper_binary
from sandboxes._docker.wire import HEADER, Outcome, Report
from unhobble.sandboxing import SANDBOX_ENV, SandboxFile, User

AGENT = 65534
_DIRECTORIES = ("work", "home/agent", "tmp", "tests", "run/unhobble", "dev/shm", "proc", "bin", "opt")
# Mounts are private to the new namespace, so that all of it goes with the keeper.
_SETUP = """
set -eu
mount -t tmpfs root "$0"
cd "$0"
mkdir -p {directories}
mount -t proc proc proc
for place in work home/agent tmp; do mount -t tmpfs -o mode=0700,uid=65534,gid=65534,size=64m,nr_inodes=20000 agents $place; done
for place in tests run/unhobble dev/shm; do mount -t tmpfs -o size=64m keepers $place; done
mknod -m 666 dev/null c 1 3
cp "$1" opt/keeper
chmod 755 opt/keeper
{programs}
"""
_SHELL = 'for file in /bin/sh $(ldd /bin/sh | grep -o "/[^ ]*"); do mkdir -p ".$(dirname $file)"; cp -L $file .$file; done'
_START = (
    "shift; ulimit -n 64; exec unshare --pid --fork --kill-child"
    """ sh -c 'mount -t proc proc proc; exec chroot . /opt/keeper "$@"' - "$@\""""
)


class Keeper:
    """A keeper and the worker's end of its streams. What the agent could have made is made through ``root``."""

    def __init__(
        self, directory: Path, *, shell: bool = True, arguments: Sequence[str] = (), prepare: Callable[[], None] | None = None
    ) -> None:
        setup = _SETUP.format(directories=" ".join(_DIRECTORIES), programs=_SHELL if shell else "")
        script = setup + _START
        file = directory.parent / f"{directory.name}.keeper"
        file.write_bytes(keeper_binary(platform.machine()))
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--ipc", "sh", "-c", script, str(directory), str(file), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            preexec_fn=prepare,  # noqa: PLW1509 (there is one thread)
        )
        self.version = self.answer()[1].decode()
        (self.pid,) = self.children(self.process.pid)
        self.root = Path(f"/proc/{self.pid}/root")

    def close(self) -> str:
        """Hang up and wait for the end. Returns what the keeper complained about, once."""
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.process.stdin.close()
        said = "" if self.process.stderr.closed else self.process.stderr.read().decode()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        return said

    def send(self, request: bytes) -> None:
        """Send bytes, whatever they are."""
        assert self.process.stdin
        view = memoryview(request)
        while view:
            view = view[self.process.stdin.write(view) or 0 :]

    def answer(self, frames: list[tuple[bytes, bytes]] | None = None) -> tuple[Outcome, bytes]:
        """The next answer; what comes before it is added to ``frames``. Raises ``EOFError`` where the keeper has left."""
        while True:
            kind, length = HEADER.unpack(self._read(HEADER.size))
            data = self._read(length)
            if kind == b"r":
                return Outcome(data[0]), data[1:]
            if frames is not None:
                frames.append((kind, data))

    def ask(self, request: bytes) -> tuple[Outcome, bytes]:
        """Send a request; its outcome, and the content that came or why it failed."""
        frames: list[tuple[bytes, bytes]] = []
        self.send(request)
        outcome, said = self.answer(frames)
        return outcome, said or b"".join(data for _, data in frames)

    def run(
        self,
        *argv: str,
        stdin: bytes = b"",
        cwd: str = "/work",
        user: User = User.agent,
        timeout_s: float = 60,
        output_bytes: int = 65_536,
    ) -> tuple[Report, bytes, bytes]:
        """Run a command; its report and what it wrote to both streams."""
        self.send(
            _wire.command(argv, cwd=cwd, env=SANDBOX_ENV, user=user, timeout_s=timeout_s, output_bytes=output_bytes, stdin=stdin)
        )
        frames: list[tuple[bytes, bytes]] = []
        outcome, said = self.answer(frames)
        assert outcome is Outcome.done, said
        out, err = (b"".join(data for of, data in frames if of == kind) for kind in (b"o", b"e"))
        return Report.read(said), out, err

    def sh(self, script: str, *, user: User = User.agent, timeout_s: float = 60, output_bytes: int = 65_536) -> bytes:
        """What a script for the shell writes to its standard output."""
        return self.run("sh", "-c", script, user=user, timeout_s=timeout_s, output_bytes=output_bytes)[1]

    def read_directory(self, path: str, *, max_bytes: int = 10**6, max_files: int = 1000) -> list[SandboxFile]:
        """The files of a directory, in the order in which they come."""
        frames: list[tuple[bytes, bytes]] = []
        self.send(_wire.read_directory(path, max_bytes, max_files))
        outcome, said = self.answer(frames)
        if outcome is not Outcome.done:
            raise ValueError(outcome, said.decode())
        heads = [index for index, (kind, _) in enumerate(frames) if kind == b"n"]
        return [
            _wire.file(frames[start][1], b"".join(data for _, data in frames[start + 1 : end]))
            for start, end in zip(heads, [*heads[1:], len(frames)], strict=True)
        ]

    def children(self, pid: int | None = None) -> list[int]:
        """The child processes of the keeper, or of another, as this machine numbers them."""
        parent = self.pid if pid is None else pid
        return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def field(self, name: str) -> int:
        """A number out of the keeper's ``/proc/PID/status``."""
        found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        assert found
        return int(found[1])

    def give_to_agent(self, path: str) -> None:
        """Make the agent the owner of what the test has made, which nothing then tells from its own."""
        os.chown(self.root / path, AGENT, AGENT, follow_symlinks=False)

    def _read(self, count: int) -> bytes:
        assert self.process.stdout
        data = b""
        while len(data) < count:
            if not (piece := self.process.stdout.read(count - len(data))):
                raise EOFError
            data += piece
        return data
