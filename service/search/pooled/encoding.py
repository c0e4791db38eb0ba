"""Configurations as numbers: each dimension's values as vectors whose inner products say how alike two values are.

An effect of one dimension is a linear function of its vector, and an effect of a pair is one of the product of both vectors, so
that the vectors define the kernels of the model (Duvenaud, Nickisch and Rasmussen 2011, "Additive Gaussian Processes", arXiv
1112.4394). They are centred: over all values of a dimension they sum to zero, and on average they have length one. An effect of
a dimension is thereby a deviation from the mean over its values, and says nothing that another dimension's says (the functional
analysis of variance, Hooker 2007). A dimension that is not active has the zero vector: it has no effect where it is not set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.dimensions import Choice, Dimension, Integer, Real
from search_spaces.space import Space
from unhobble.configuration import Configuration, Scalar

Floats = NDArray[np.floating[Any]]

_LENGTH = 0.5
"""Length scale of ordered dimensions, as a share of their range: values a half of it apart still have much in common."""

_GRID = 17
"""Points at which a continuum, or a long row of integers, is known; between them it is interpolated."""

_INACTIVE = -1.0


@dataclass(frozen=True)
class _Axis:
    """One dimension: ``vectors`` (points x length) belong to ``points``. ``order`` has each option of a choice."""

    dimension: Dimension
    points: Floats
    order: tuple[int, ...]
    vectors: Floats
    alike: Floats
    """How alike two points are, from 0 to 1."""

    def place(self, value: Scalar) -> float:
        """Where ``value`` lies among the points: an index, with a fraction between two of them; -1 where it is foreign."""
        if isinstance(self.dimension, Choice):
            places = [place for place, other in enumerate(self.dimension.options) if _same(other, value)]
            return float(self.order[places[0]]) if places else _INACTIVE
        if isinstance(value, str):
            return _INACTIVE
        return float(np.interp(_scaled(self.dimension, float(value)), self.points, np.arange(len(self.points))))


@dataclass(frozen=True)
class Encoding:
    """A space's dimensions that have more than one value, as vectors."""

    space: Space

    @cached_property
    def axes(self) -> tuple[_Axis, ...]:
        """One for each dimension that varies."""
        return tuple(_axis(dimension) for dimension in self.space.dimensions if dimension.count != 1)

    @property
    def paths(self) -> tuple[str, ...]:
        """The dimensions' paths."""
        return tuple(axis.dimension.path for axis in self.axes)

    def places(self, configurations: Sequence[Configuration]) -> Floats:
        """Where each configuration lies on each axis: configurations x axes, -1 where a dimension is not active."""
        found = np.full((len(configurations), len(self.axes)), _INACTIVE)
        for column, axis in enumerate(self.axes):
            path = axis.dimension.path
            known: dict[tuple[type, Scalar], float] = {}
            for row, configuration in enumerate(configurations):
                value = configuration.root.get(path)
                if value is None:
                    continue
                key = type(value), value
                if key not in known:
                    known[key] = axis.place(value)
                found[row, column] = known[key]
        return found

    def kernels(self, a: Floats, b: Floats) -> Floats:
        """Inner products of the vectors of two lists of places: axes x len(a) x len(b)."""
        return _stacked([va @ vb.T for va, vb in zip(self.vectors(a), self.vectors(b), strict=True)], (len(a), len(b)))

    def squares(self, a: Floats) -> Floats:
        """The vectors' squared lengths: axes x len(a)."""
        return _stacked([(vectors * vectors).sum(axis=1) for vectors in self.vectors(a)], (len(a),))

    def alike(self, a: Floats, b: Floats) -> Floats:
        """How alike the values of two lists of places are on each axis, 0 to 1: axes x len(a) x len(b).

        Two that are not active are the same; one that is and one that is not have nothing in common.
        """
        return _stacked([_alike(axis.alike, a[:, i], b[:, i]) for i, axis in enumerate(self.axes)], (len(a), len(b)))

    def grid(self, axis: int, seen: Floats) -> tuple[Floats, Floats]:
        """Inner products of one axis's vectors at its points, among themselves and with those of ``seen``."""
        vectors = self.axes[axis].vectors
        return vectors @ vectors.T, vectors @ _between(vectors, seen[:, axis]).T

    def vectors(self, places: Floats) -> Iterable[Floats]:
        """The vectors of a list of places, axis by axis: each len(places) x the axis's length."""
        for column, axis in enumerate(self.axes):
            yield _between(axis.vectors, places[:, column])


def _stacked(by_axis: list[Floats], shape: tuple[int, ...]) -> Floats:
    return np.stack(by_axis) if by_axis else np.zeros((0, *shape))


def _axis(dimension: Dimension) -> _Axis:
    if isinstance(dimension, Choice):
        options = dimension.options
        if not _ordered(options):
            alike = np.eye(len(options))
            return _Axis(dimension, np.arange(len(options), dtype=float), tuple(range(len(options))), _centred(alike), alike)
        ranked = sorted(options, key=float)
        points, order = np.linspace(0, 1, len(options)), tuple(ranked.index(option) for option in options)
    else:
        few = dimension.count is not None and dimension.count <= _GRID
        points = np.array([_scaled(dimension, float(v)) for v in dimension.values()]) if few else np.linspace(0, 1, _GRID)
        order = ()
    alike = np.exp(-0.5 * ((points[:, None] - points[None, :]) / _LENGTH) ** 2)
    return _Axis(dimension, points, order, _centred(alike), alike)


def _ordered(options: Sequence[Scalar]) -> bool:
    return len(options) > 2 and all(isinstance(option, int | float) and not isinstance(option, bool) for option in options)


def _scaled(dimension: Dimension, value: float) -> float:
    """From 0 to 1 over the dimension's range."""
    match dimension:
        case Integer(low=low, high=high, log=True) | Real(low=low, high=high, log=True):
            return (log(max(value, low)) - log(low)) / (log(high) - log(low))
        case Integer(low=low, high=high) | Real(low=low, high=high):
            return (value - low) / (high - low)
        case _:
            raise TypeError(f"{type(dimension).__name__} has no scale")


def _same(a: Scalar, b: Scalar) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _centred(alike: Floats) -> Floats:
    """Vectors whose inner products are ``alike`` without its mean, scaled to an average length of one."""
    centring = np.eye(len(alike)) - 1 / len(alike)
    kernel = centring @ alike @ centring
    kernel /= np.trace(kernel) / len(kernel)
    values, vectors = np.linalg.eigh(kernel)
    kept = values > 1e-6 * values.max()
    root: Floats = vectors[:, kept] * np.sqrt(values[kept])
    return root


def _between(rows: Floats, places: Floats) -> Floats:
    """Rows of ``rows`` at ``places``, interpolated; zero where a place is -1."""
    low = np.clip(np.floor(places).astype(int), 0, len(rows) - 1)
    high = np.minimum(low + 1, len(rows) - 1)
    part = (places - low)[:, None]
    found: Floats = rows[low] * (1 - part) + rows[high] * part
    found[places < 0] = 0.0
    return found


def _alike(table: Floats, a: Floats, b: Floats) -> Floats:
    left = _between(table, a)
    found: Floats = _between(left.T.copy(), b).T if len(b) else np.zeros((len(a), 0))
    found[np.ix_(a < 0, b < 0)] = 1.0
    return found
