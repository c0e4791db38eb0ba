"""A server of its own process, clients of another, and what a load of them cost."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from benchmarks.sandbox.figures import BadAnswer, parse_process_cpu

ROOT = Path(__file__).parent.parent.parent
ORGANISM = "compliant"
RATE = 200
"""Requests a second that CPU time is stated for."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LEAVE_S = 20.0
_SLACK_S = 90.0


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, and the process that answers."""

    address: str
    pid: int

    @property
    def cpu_s(self) -> float:
        """CPU seconds that it has used so far."""
        return parse_process_cpu(Path(f"/proc/{self.pid}/stat").read_text(), _TICKS_PER_S)


@dataclass(frozen=True)
class Load:
    """So many clients, each of which asks so many times; ``at_once``: they begin together and keep in step."""

    clients: int
    requests: int
    latency_s: float
    at_once: bool
    tasks: int = 10

    @property
    def name(self) -> str:
        """What stands in the table."""
        return f"{self.clients} clients, {'all at once' if self.at_once else 'one after the other'}"


@dataclass(frozen=True)
class Measured:
    """What came of a load: the seconds of each answer but each client's first, and the server's CPU seconds for all of them."""

    load: Load
    seconds: list[float]
    cpu_s: float

    @property
    def cores(self) -> float:
        """Cores that the server needs for ``RATE`` such requests a second."""
        return self.cpu_s / (self.load.clients * self.load.requests) * RATE

    @property
    def deviations(self) -> dict[str, float]:
        """How far the answers are off the configured latency, as a share of it."""
        return {"mean": fmean(self.seconds) / self.load.latency_s - 1, "median": median(self.seconds) / self.load.latency_s - 1}


@contextmanager
def served(latency_s: float) -> Iterator[Server]:
    """``unhobble organism serve`` for the length of the block. Raises ``BadAnswer`` where it does not start."""
    words = ["organism", "serve", "--port", "0", "--json", "--only", ORGANISM, "--latency", str(latency_s), "--latency-spread", "0"]
    command = [sys.executable, "-m", "service.cli", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        give_up = threading.Timer(_SLACK_S, process.kill)
        give_up.start()
        try:
            assert process.stdout is not None
            said = "".join(iter(process.stdout.readline, "}\n")) + "}"
            give_up.cancel()
            yield Server(json.loads(said)["address"], process.pid)
        except ValueError:
            raise BadAnswer("the server did not say where it is") from None
        finally:
            give_up.cancel()
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def measure(server: Server, load: Load) -> Measured:
    """Put ``load`` on ``server``. Raises ``BadAnswer`` where a request failed or the clients did not come to their end."""
    spread_s = 0.0 if load.at_once else load.latency_s
    numbers = [load.clients, load.requests, spread_s, load.tasks]
    command = [sys.executable, "-m", "benchmarks.organism_server.load", server.address, f"organism/{ORGANISM}", *map(str, numbers)]
    before_s, limit_s = server.cpu_s, 5 * load.requests * load.latency_s + _SLACK_S
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=limit_s)
    except subprocess.CalledProcessError as error:
        raise BadAnswer(f"the clients failed:\n{error.stderr[-3000:]}") from None
    except subprocess.TimeoutExpired:
        raise BadAnswer(f"the clients had not come to their end after {limit_s:.0f} s") from None
    found = json.loads(done.stdout)
    if found["failed"]:
        raise BadAnswer(f"{found['failed']} requests were not answered with 200")
    return Measured(load, found["seconds"], server.cpu_s - before_s)
