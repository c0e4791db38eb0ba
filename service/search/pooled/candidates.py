"""Configurations that are worth a look: those tried that may be the best, their neighbours, and some at random."""

import random
from collections.abc import Iterable, Iterator, Sequence
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
_RANDOM = 150
_AROUND_TRIED, _AROUND_NEW = 10, 4
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

    def best(self, count: int) -> list[int]:
        return [int(place) for place in np.argsort(-self.height, kind="stable")[:count]]


def candidates(space: Space, evidence: Evidence, belief: Belief, rng: random.Random) -> Candidates:
    """Up to 420 candidates, none twice."""
    tried = _Ranked(evidence.configurations, evidence.places, _height(belief, evidence.places, range(len(evidence.configurations))))
    known = set(evidence.configurations)

    def unknown(configurations: Iterable[Configuration]) -> dict[Configuration, None]:
        return {one: None for one in configurations if one not in known}

    around = (one for place in tried.best(_AROUND_TRIED) for one in neighbours(space, tried.configurations[place], rng))
    new = unknown(around) | unknown(space.sample(rng) for _ in range(_RANDOM))
    first = _ranked(evidence, belief, new)
    further = (one for place in first.best(_AROUND_NEW) for one in neighbours(space, first.configurations[place], rng))
    every = _ranked(evidence, belief, new | unknown(further))
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


def _ranked(evidence: Evidence, belief: Belief, new: Iterable[Configuration]) -> _Ranked:
    configurations = list(new)
    places = evidence.encoding.places(configurations)
    return _Ranked(configurations, places, _height(belief, places, None))


def _height(belief: Belief, places: Floats, rows: Sequence[int] | None) -> Floats:
    mean, deviation = belief.marginal(places, rows)
    found: Floats = mean + deviation
    return found
