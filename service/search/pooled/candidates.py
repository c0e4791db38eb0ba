"""Configurations that are worth a look: those tried that may be the best, their neighbours, and some at random."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces.dimensions import Dimension
from search_spaces.space import Space
from service.search.pooled.belief import Belief, Evidence
from service.search.pooled.encoding import Floats
from unhobble.configuration import Configuration, Scalar

_FEW_VALUES = 8
"""Of a dimension with more values, or a continuum, as many at random are tried."""

_DRAWN_VALUES = 4
_RANDOM, _CROSSED, _PARENTS = 75, 100, 20
_AROUND_TRIED, _AROUND_NEW, _ROUNDS = 10, 4, 2
_KEPT_TRIED, _KEPT_NEW = 120, 300


@dataclass(frozen=True)
class Candidates:
    """Some configurations. ``rows`` are their rows in the evidence, -1 for those that were not tried."""

    configurations: tuple[Configuration, ...]
    rows: tuple[int, ...]
    places: Floats


@dataclass(frozen=True)
class _Ranked:
    configurations: list[Configuration]
    places: Floats
    height: Floats
    """Mean plus one standard deviation of f: what might be the best."""

    def with_others(self, other: "_Ranked") -> "_Ranked":
        return _Ranked(
            self.configurations + other.configurations,
            np.vstack([self.places, other.places]),
            np.concatenate([self.height, other.height]),
        )

    def best(self, count: int) -> list[int]:
        return [int(place) for place in np.argsort(-self.height, kind="stable")[:count]]


def candidates(space: Space, evidence: Evidence, belief: Belief, rng: random.Random) -> Candidates:
    """Up to 420 candidates, none twice."""
    rows = range(len(evidence.configurations))
    tried = _Ranked(evidence.configurations, evidence.places, _height(belief, evidence.places, rows))
    known = set(evidence.configurations)
    parents = [tried.configurations[place] for place in tried.best(_PARENTS)]
    new = dict.fromkeys(one for parent in parents[:_AROUND_TRIED] for one in neighbours(space, parent, rng))
    new |= dict.fromkeys(_crossed(space, rng.choice(parents), rng.choice(parents), rng) for _ in range(_CROSSED))
    new |= dict.fromkeys(space.sample(rng) for _ in range(_RANDOM))
    every = _ranked(evidence, belief, [one for one in new if one not in known])
    expanded: set[Configuration] = set()
    for _ in range(_ROUNDS):  # uphill from the most promising of those that nobody has tried
        climbing = [one for place in every.best(_AROUND_NEW) if (one := every.configurations[place]) not in expanded]
        expanded.update(climbing)
        known.update(every.configurations)
        further = dict.fromkeys(one for here in climbing for one in neighbours(space, here, rng) if one not in known)
        every = every.with_others(_ranked(evidence, belief, list(further)))
    kept_tried, kept_new = tried.best(_KEPT_TRIED), every.best(_KEPT_NEW)
    return Candidates(
        tuple([tried.configurations[place] for place in kept_tried] + [every.configurations[place] for place in kept_new]),
        tuple(kept_tried + [-1] * len(kept_new)),
        np.vstack([tried.places[kept_tried], every.places[kept_new]]),
    )


def neighbours(space: Space, configuration: Configuration, rng: random.Random) -> Iterator[Configuration]:
    """Configurations that differ in one dimension, and in those that are active or not by it, which are drawn."""
    for dimension in space.dimensions:
        if dimension.path in configuration.root:
            for value in _values(dimension, rng):
                if value != configuration.root[dimension.path]:
                    yield _changed(space, configuration, dimension.path, value, rng)


def _values(dimension: Dimension, rng: random.Random) -> list[Scalar]:
    if dimension.count is not None and dimension.count <= _FEW_VALUES:
        return list(dimension.values())
    return [dimension.draw(rng) for _ in range(_DRAWN_VALUES)]


def _changed(space: Space, configuration: Configuration, path: str, value: Scalar, rng: random.Random) -> Configuration:
    def draw(at: str, dimension: Dimension) -> Scalar:
        if at == path:
            return value
        kept = configuration.root.get(at)
        return dimension.draw(rng) if kept is None else kept

    return space.from_draws(draw)


def _crossed(space: Space, a: Configuration, b: Configuration, rng: random.Random) -> Configuration:
    """Each dimension as one of the two has it; drawn where neither does."""

    def draw(at: str, dimension: Dimension) -> Scalar:
        values = [one.root[at] for one in (a, b) if at in one.root]
        return rng.choice(values) if values else dimension.draw(rng)

    return space.from_draws(draw)


def _ranked(evidence: Evidence, belief: Belief, configurations: list[Configuration]) -> _Ranked:
    places = evidence.encoding.places(configurations)
    return _Ranked(configurations, places, _height(belief, places, None))


def _height(belief: Belief, places: Floats, rows: Sequence[int] | None) -> Floats:
    mean, deviation = belief.marginal(places, rows)
    found: Floats = mean + deviation
    return found
