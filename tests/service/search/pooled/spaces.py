"""Small spaces, tasks, chances and evidence for the tests of the pooled model."""

import random
from collections.abc import Callable

import numpy as np

from search_spaces.dimensions import Choice, Dimension
from search_spaces.space import Space
from service.search.pooled.belief import Evidence
from service.search.pooled.encoding import Encoding
from service.search.pooled.strategy import PooledStrategy
from service.search.problem import SearchProblem
from tests.playing import TASKS, build
from unhobble.configuration import Configuration
from unhobble.records import TaskInfo

Rate = Callable[[Configuration], float]


def space_of(*dimensions: Dimension) -> Space:
    """A space whose baseline has each dimension's first value."""
    whole = Space("small", "For a test.", dimensions, Configuration({}), {})
    return Space("small", "For a test.", dimensions, whole.from_draws(lambda _, dimension: dimension.extremes[0]), {})


def choices(*counts: int) -> Space:
    """Dimensions a, b, c... with so many options 0, 1, 2..., written as words, so that they have no order."""
    return space_of(*(Choice("abcdefgh"[i], tuple(f"v{option}" for option in range(n))) for i, n in enumerate(counts)))


def problem(space: Space, *, rollouts: int = 200, seed: int = 0, tasks: tuple[TaskInfo, ...] = TASKS, **more) -> SearchProblem:
    return SearchProblem(space=space, tasks=tasks, baseline=space.baseline, seed=seed, rollouts=rollouts, **more)


def pooled(at: SearchProblem, **options) -> PooledStrategy:
    found = build("pooled", at, **options)
    assert isinstance(found, PooledStrategy)
    return found


def tossed(rate: Rate):
    """Successes with probability ``rate``, of which each rollout has one, in whatever order it is asked for."""

    def success(configuration: Configuration, task: str, epoch: int) -> float:
        return float(random.Random(f"{configuration.hash} {task} {epoch}").random() < rate(configuration))

    return success


def evidence_of(space: Space, rate: Rate, *, configurations: int, rollouts: int, seed: int = 0) -> Evidence:
    """Rollouts of configurations at random, or all where there are no more, each in its turn on tasks at random."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    evidence = Evidence(Encoding(space), TASKS)
    every = (space.size() or configurations + 1) <= configurations
    some = list(space.enumerate()) if every else list(dict.fromkeys(space.sample(draw) for _ in range(configurations)))
    for one in some:
        evidence.enter(one)
    for number in range(rollouts):
        row = number % len(some)
        evidence.add(row, TASKS[int(rng.integers(len(TASKS)))].id, float(rng.random() < rate(some[row])))
    return evidence


def mostly_a(configuration: Configuration) -> float:
    """``a`` = v1 makes a large difference, ``b`` = v1 a small one, and nothing else any."""
    return 0.2 + 0.5 * (configuration.root["a"] == "v1") + 0.1 * (configuration.root["b"] == "v1")
