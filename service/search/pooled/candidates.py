"""Configurations that are worth a look: those tried that may be the best, their neighbours, and some at random."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
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
_TRIES = 20
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
    """Of mean plus one standard deviation of f: what might be the best."""

    def with_others(self, other: "_Ranked") -> "_Ranked":
        return _Ranked(
            self.configurations + other.configurations,
            np.vstack([self.places, other.places]),
            np.concatenate([self.height, other.height]),
        )

    def best(self, count: int) -> list[int]:
        return [int(place) for place in np.argsort(-self.height, kind="stable")[:count]]


Wanted = Callable[[Configuration], bool]

Height = Callable[[Floats, Sequence[int], Floats], Floats]
"""How promising configurations are, by places, rows (-1: not tried) and mean plus one standard deviation of f."""


def by_success(_places: Floats, _rows: Sequence[int], f: Floats) -> Floats:
    """What succeeds more is more promising."""
    return f


def candidates(
    space: Space, evidence: Evidence, belief: Belief, rng: random.Random, wanted: Wanted, height: Height = by_success
) -> Candidates:
    """Up to 420 candidates that are ``wanted``, the highest by ``height``, none twice; all of a space that has no more."""

    def ranked(configurations: list[Configuration], rows: Sequence[int] | None = None) -> _Ranked:
        return _ranked(evidence, belief, configurations, rows, height)

    rows = [row for row, one in enumerate(evidence.configurations) if wanted(one)]
    tried = ranked([evidence.configurations[row] for row in rows], rows)
    known = set(evidence.configurations)

    def untried(configurations: Iterable[Configuration]) -> list[Configuration]:
        return [one for one in dict.fromkeys(configurations) if one not in known and wanted(one)]

    size = space.size()
    if size is not None and size <= _KEPT_TRIED + _KEPT_NEW:
        every = ranked(untried(space.enumerate()))
        return _offered(tried, rows, every, len(rows))
    parents = [tried.configurations[place] for place in tried.best(_PARENTS)]
    new = [one for parent in parents[:_AROUND_TRIED] for one in neighbours(space, parent, rng)]
    new += [_crossed(space, rng.choice(parents), rng.choice(parents), rng) for _ in range(_CROSSED if parents else 0)]
    every = ranked(untried(new + drawn(space, rng, _RANDOM, wanted)))
    expanded: set[Configuration] = set()
    for _ in range(_ROUNDS):  # uphill from the most promising of those that nobody has tried
        climbing = [one for place in every.best(_AROUND_NEW) if (one := every.configurations[place]) not in expanded]
        expanded.update(climbing)
        known.update(every.configurations)
        further = untried(one for here in climbing for one in neighbours(space, here, rng))
        every = every.with_others(ranked(further))
    return _offered(tried, rows, every, _KEPT_TRIED)


def drawn(space: Space, rng: random.Random, count: int, wanted: Wanted) -> list[Configuration]:
    """``count`` random configurations that are wanted, or what a good many tries give where few are."""
    found: list[Configuration] = []
    for _ in range(count * _TRIES):
        if len(found) == count:
            break
        if wanted(one := space.sample(rng)):
            found.append(one)
    return found


def _offered(tried: _Ranked, rows: list[int], every: _Ranked, most_tried: int) -> Candidates:
    kept_tried, kept_new = tried.best(most_tried), every.best(_KEPT_NEW)
    return Candidates(
        tuple([tried.configurations[place] for place in kept_tried] + [every.configurations[place] for place in kept_new]),
        tuple([rows[place] for place in kept_tried] + [-1] * len(kept_new)),
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
        return value if at == path else _one_of([configuration], at, dimension, rng)

    return space.from_draws(draw)


def _crossed(space: Space, a: Configuration, b: Configuration, rng: random.Random) -> Configuration:
    """Each dimension as one of the two has it; drawn where neither does."""
    return space.from_draws(lambda at, dimension: _one_of([a, b], at, dimension, rng))


def _one_of(parents: Sequence[Configuration], at: str, dimension: Dimension, rng: random.Random) -> Scalar:
    """What one of ``parents`` has, as far as it is the dimension's: a baseline may be from outside of the space."""
    values = [parent.root[at] for parent in parents if at in parent.root]
    if values:
        try:
            return dimension.snapped(rng.choice(values))
        except ValueError:
            pass
    return dimension.draw(rng)


def _ranked(
    evidence: Evidence, belief: Belief, configurations: list[Configuration], rows: Sequence[int] | None, height: Height
) -> _Ranked:
    places = evidence.encoding.places(configurations)
    mean, deviation = belief.marginal(places, rows)
    known = [-1] * len(configurations) if rows is None else rows
    return _Ranked(configurations, places, height(places, known, mean + deviation))
