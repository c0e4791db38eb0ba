"""Simulated rollouts by the thousand, in as many processes as are given."""

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import TypeVar

from unhobble.configuration import Configuration
from unhobble.limits import Limits
from unhobble.models.organism.causes import Cause, Causes
from unhobble.models.organism.traits import Traits
from unhobble.models.organism.truth import Simulator
from unhobble.protocols import Task
from unhobble.tasks.rehearsal import Rehearsal

R = TypeVar("R")

_CHUNK = 48
"""Rollouts that a process is given at once: enough that handing them over costs nothing, few enough that all end together."""

_AHEAD = 3
"""Chunks that wait for each process."""


@dataclass(frozen=True)
class Draw:
    """One rollout of some configuration: the place of its task, and its luck. The same draws make configurations comparable."""

    task: int
    luck: int


def draws(tasks: Sequence[Task], places: Sequence[int], epochs: int, *, seed: int, purpose: str) -> list[Draw]:
    """``epochs`` rollouts of each of the tasks at ``places``, one task after the other; other purposes have other luck.

    The luck is not the one of a study's rollouts, which depends on the configuration: here all configurations share it.
    """
    return [Draw(place, _luck(seed, purpose, tasks[place].id, epoch)) for place in places for epoch in range(epochs)]


def _luck(seed: int, purpose: str, task: str, epoch: int) -> int:
    key = json.dumps([purpose, seed, task, epoch]).encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big")


@dataclass(frozen=True)
class _Organism:
    """What a process needs to simulate. All of it can be sent to another process."""

    traits: Traits
    tasks: tuple[Task, ...]
    rehearsals: dict[str, Rehearsal]
    limits: Limits

    def simulator(self) -> Simulator:
        return Simulator(self.traits, self.tasks, rehearsals=self.rehearsals, limits=self.limits)


Work = tuple[Configuration, tuple[Draw, ...]]
"""Some rollouts of one configuration."""


@dataclass
class Simulations:
    """An organism on tasks, ready to be played. A context manager, used by one thread; ``played`` counts rollouts.

    With one job it works in this process. With more it starts others, which import everything anew: tasks must be such that they
    can be sent there, as those of all suites in files can. ``advance`` is told of rollouts as they are finished.
    """

    traits: Traits
    tasks: Sequence[Task]
    rehearsals: Mapping[str, Rehearsal] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    jobs: int = 1
    advance: Callable[[int], None] = lambda _: None
    played: int = field(init=False, default=0)
    _here: Simulator = field(init=False, repr=False)
    _pool: ProcessPoolExecutor | None = field(init=False, default=None, repr=False)

    def __enter__(self) -> "Simulations":
        organism = _Organism(self.traits, tuple(self.tasks), dict(self.rehearsals), self.limits)
        self._here = organism.simulator()
        if self.jobs > 1:
            # Not forked: this process may have threads, and a fork of one that holds a lock waits forever.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, mp_context=context, initializer=_open, initargs=(organism,))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    @property
    def simulator(self) -> Simulator:
        """The one of this process."""
        return self._here

    def scores(self, wanted: Sequence[Work]) -> list[list[float]]:
        """The score of each rollout, in the order of what is wanted."""
        return self._all(wanted, _scores)

    def causes(self, configuration: Configuration, rollouts: Sequence[Draw]) -> list[Cause | None]:
        """Why each rollout of ``configuration`` failed; None for each that did not. A failure takes about ten more to explain."""
        return self._all([(configuration, tuple(rollouts))], _causes)[0]

    def _all(self, wanted: Sequence[Work], play: "Callable[[Simulator, Work], list[R]]") -> list[list[R]]:
        found: list[list[R]] = [[] for _ in wanted]
        pieces = _pieces(wanted)
        parts = self._elsewhere(pieces, play) if self._pool else ((at, [play(self._here, w) for _, w in at]) for at in pieces)
        results: dict[tuple[int, int], list[R]] = {}
        for chunk, lists in parts:
            results |= {place: scores for (place, _), scores in zip(chunk, lists, strict=True)}
            count = sum(len(work[1]) for _, work in chunk)
            self.played += count
            self.advance(count)
        for (place, _), scores in sorted(results.items()):
            found[place] += scores
        return found

    def _elsewhere(
        self, pieces: "Iterator[list[_Piece]]", play: "Callable[[Simulator, Work], list[R]]"
    ) -> "Iterator[tuple[list[_Piece], list[list[R]]]]":
        """The chunks with what came of them, as they are finished; a few more than there are processes are under way."""
        assert self._pool is not None
        under_way: dict[Future[list[list[R]]], list[_Piece]] = {}
        while True:
            for chunk in islice(pieces, self.jobs * _AHEAD - len(under_way)):
                under_way[self._pool.submit(_played, [work for _, work in chunk], play)] = chunk
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(future), future.result()


_Piece = tuple[tuple[int, int], Work]
"""Some of a configuration's rollouts, by the configuration's place and the place of the first of them."""


def _pieces(wanted: Sequence[Work]) -> Iterator[list[_Piece]]:
    """What is wanted in chunks of about the same size."""
    chunk: list[_Piece] = []
    room = _CHUNK
    for place, (configuration, rollouts) in enumerate(wanted):
        start = 0
        while start < len(rollouts):
            some = rollouts[start : start + room]
            chunk.append(((place, start), (configuration, some)))
            start, room = start + len(some), room - len(some)
            if not room:
                yield chunk
                chunk, room = [], _CHUNK
    if chunk:
        yield chunk


_simulator: Simulator | None = None
"""The organism of a process that was started for it."""


def _open(organism: _Organism) -> None:
    global _simulator  # noqa: PLW0603 - what a pool's process has no other place for
    _simulator = organism.simulator()


def _played(works: "Sequence[Work]", play: "Callable[[Simulator, Work], list[R]]") -> list[list[R]]:
    assert _simulator is not None
    return [play(_simulator, work) for work in works]


def _scores(simulator: Simulator, work: Work) -> list[float]:
    configuration, rollouts = work
    return [simulator.with_luck(configuration, simulator.tasks[draw.task], draw.luck) for draw in rollouts]


def _causes(simulator: Simulator, work: Work) -> list[Cause | None]:
    configuration, rollouts = work
    causes = Causes(simulator)
    return [causes.of(configuration, simulator.tasks[draw.task], draw.luck) for draw in rollouts]
