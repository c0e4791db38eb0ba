"""Cases over several processes."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby

from benchmarks.agreement.cases import Case, World, builtin_suites
from benchmarks.agreement.played import Outcome, play
from unhobble.tasks.rehearsal import Rehearsal

_BATCH = 48
"""Rollouts that a process is given at once; what an interruption loses."""

_world: list[World] = []
"""What this process knows, once it was told."""


def spread_out(
    cases: Sequence[Case], rehearsals: dict[str, Rehearsal], *, seed: int, at_once: int, jobs: int
) -> Iterator[list[Outcome]]:
    """The outcomes of ``cases``, batch by batch as they are finished. No process outlives the iterator."""
    # Not forked: this process may have threads, and a fork of one that holds a lock waits forever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_know, initargs=(rehearsals,)) as pool:
        try:
            futures = [pool.submit(_play, batch, seed, at_once) for batch in _batches(cases)]
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Of one organism each, in order."""
    for _, some in groupby(cases, key=lambda case: case.organism):
        own = list(some)
        yield from (own[place : place + _BATCH] for place in range(0, len(own), _BATCH))


def _know(rehearsals: dict[str, Rehearsal]) -> None:
    _world.append(World(builtin_suites(), rehearsals))


def _play(cases: list[Case], seed: int, at_once: int) -> list[Outcome]:
    return play(cases, _world[0], seed=seed, at_once=at_once)
