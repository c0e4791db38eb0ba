"""Workers that are killed: ``python -m tests.sandboxes.killing SEED WORKERS BACKEND...``.

Each worker is forked from this process, runs rollouts of all the backends at once for as long as it lives, and is killed with
SIGKILL at a moment drawn from the seed. A line of JSON is printed for each: the rollouts that it had under way and had finished.
"""

import asyncio
import itertools
import json
import os
import random
import select
import signal
import sys
import time
from dataclasses import dataclass

from tests.service.workers.test_pools import rollout
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind
from unhobble.worker import Worker

_AT_ONCE = 3
_ROLLOUTS_EACH = 2
_MOST_REPORTS = 8
_LONGEST_WAIT_S = 1.0


@dataclass
class _Child:
    """A worker. It says "+" on a pipe, of which ``pipe`` is the end, when a rollout begins, and "-" when it has ended."""

    pid: int
    pipe: int
    lives_for: int
    said: bytes = b""

    def listen(self) -> bool:
        """Take in what it has said; False where it will say no more."""
        heard = os.read(self.pipe, 65_536)
        self.said += heard
        return bool(heard)


def _fork(backends: list[str], lives_for: int) -> _Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        asyncio.run(_live(backends, writing))
    os.close(writing)
    return _Child(pid, reading, lives_for)


async def _live(backends: list[str], reports: int) -> None:
    worker = Worker()

    async def work(backend: str, lane: int) -> None:
        for number in itertools.count():
            os.write(reports, b"+")
            await worker.run(rollout(1000 * lane + number, backend=backend, latency_s=0.02))
            os.write(reports, b"-")

    await asyncio.gather(*(work(backend, lane) for lane in range(_ROLLOUTS_EACH) for backend in backends))


def _kill(child: _Child) -> None:
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    child.listen()
    os.close(child.pipe)
    began, ended = child.said.count(b"+"), child.said.count(b"-")
    sys.stdout.write(json.dumps({"under_way": began - ended, "finished": ended}) + "\n")
    sys.stdout.flush()


def main(seed: int, workers: int, backends: list[str]) -> None:
    """Raise ``workers`` workers, a few at a time, and kill every one: a moment after it has reported so many times."""
    draws = random.Random(seed)
    for backend in backends:
        installed().get(PluginKind.sandbox, backend)  # imported once, before the forks
    waiting = [draws.randint(1, _MOST_REPORTS) for _ in range(workers)]
    living: list[_Child] = []
    while waiting or living:
        while waiting and len(living) < _AT_ONCE:
            living.append(_fork(backends, waiting.pop()))
        for pipe in select.select([child.pipe for child in living], [], [])[0]:
            if not next(child for child in living if child.pipe == pipe).listen():
                raise RuntimeError("a worker has ended by itself")
        for child in [child for child in living if len(child.said) >= child.lives_for]:
            time.sleep(draws.uniform(0, _LONGEST_WAIT_S))
            living.remove(child)
            _kill(child)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
