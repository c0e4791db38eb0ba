"""The processes under measurement: one framework on one backend each, alive for the whole measurement."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.sandbox.engine import PEERS, ROOT, Engine
from benchmarks.sandbox.figures import BadAnswer, Cost, parse_answer, parse_process_cpu

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET_S, _QUIET_CPU_S, _QUIET_AT_MOST_S = 0.25, 0.005, 10.0


@dataclass(frozen=True)
class ArmKind:
    """A framework on a backend, and how its process is started."""

    name: str
    python: Path
    module: str
    backend: str
    uses_engine: bool


UNHOBBLE_DOCKER = ArmKind("Unhobble, Docker", ROOT / ".venv/bin/python", "unhobble_arm", "docker", uses_engine=True)
UNHOBBLE_BUBBLEWRAP = ArmKind("Unhobble, bubblewrap", ROOT / ".venv/bin/python", "unhobble_arm", "bubblewrap", uses_engine=False)
INSPECT_DOCKER = ArmKind("Inspect AI, Docker", PEERS / "bin/python", "inspect_arm", "docker", uses_engine=True)
INSPECT_LOCAL = ArmKind("Inspect AI, local (not isolated)", PEERS / "bin/python", "inspect_arm", "local", uses_engine=False)
ARMS = (UNHOBBLE_DOCKER, INSPECT_DOCKER, UNHOBBLE_BUBBLEWRAP, INSPECT_LOCAL)


def make_home(directory: Path) -> Path:
    """An empty home below ``directory``, with a place for temporary files that other users may reach into."""
    home = directory / "home"
    (home / "tmp").mkdir(parents=True)
    for folder in (directory, home, home / "tmp"):
        folder.chmod(0o711)
    return home


def environment(home: Path, engine: Engine) -> dict[str, str]:
    """What every process under measurement sees: an empty home, and the system's own programs.

    A developer's login scripts would be run by each command of a peer without isolation, and a Python behind a version manager's
    shim would be started by it: both would be booked on the peer.
    """
    return {
        "HOME": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "TMPDIR": str(home / "tmp"),
        "DOCKER_HOST": engine.host,
        "DOCKER_CONFIG": str(PEERS / "docker"),
    }


class Arm:
    """One such process. Raises ``BadAnswer`` where it breaks."""

    def __init__(self, kind: ArmKind, engine: Engine, scratch: Path) -> None:
        self.kind = kind
        self._engine = engine
        directory = Path(tempfile.mkdtemp(prefix=f"{kind.module}-{kind.backend}-", dir=scratch))
        home = make_home(directory)
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [kind.python, "-m", f"benchmarks.sandbox.{kind.module}", kind.backend, directory],
                cwd=ROOT,
                env=environment(home, engine),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
            )

    def run(self, rollouts: int, at_once: int) -> Cost:
        """What a batch of rollouts cost, with what went on in the background for them. All of them must score 1."""
        before, started_s = self._settled(), time.monotonic()
        _pipe(self._process.stdin).write(f"{rollouts} {at_once}\n")
        line = _pipe(self._process.stdout).readline()
        wall_s = time.monotonic() - started_s
        if not line:
            raise BadAnswer(f"{self.kind.name} has ended; the end of its output:\n{self._log.read_text(errors='replace')[-3000:]}")
        if (solved := parse_answer(line)) != rollouts:
            raise BadAnswer(f"{self.kind.name} solved {solved} of {rollouts} rollouts; all must be, for the work to be the same")
        after = self._settled()
        return Cost(*after.minus(before).parts[:3], wall_s)

    def close(self) -> None:
        """End the process; it removes its sandboxes."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()

    def _settled(self) -> Cost:
        """The CPU time so far, once what goes on in the background (a sandbox started ahead of need, say) has come to rest."""
        deadline = time.monotonic() + _QUIET_AT_MOST_S
        cost = self._cost()
        while time.monotonic() < deadline:
            time.sleep(_QUIET_S)
            previous, cost = cost, self._cost()
            if sum(cost.minus(previous).parts) <= _QUIET_CPU_S:
                break
        return cost

    def _cost(self) -> Cost:
        client_s = 0.0
        with contextlib.suppress(FileNotFoundError):
            client_s = parse_process_cpu(Path(f"/proc/{self._process.pid}/stat").read_text(), _CLOCK_TICKS)
        if not self.kind.uses_engine:
            return Cost(client_s, 0.0, 0.0, 0.0)
        return Cost(client_s, self._engine.daemon.cpu_s, self._engine.containers.cpu_s, 0.0)


@contextlib.contextmanager
def arms(engine: Engine, scratch: Path) -> Iterator[list[Arm]]:
    """All of them, started; ended at the end."""
    started: list[Arm] = []
    try:
        started.extend(Arm(kind, engine, scratch) for kind in ARMS)
        yield started
    finally:
        for arm in started:
            arm.close()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
