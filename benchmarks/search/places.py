"""Configurations as rows of whole numbers, so that a truth can be computed for all of a space at once."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from search_spaces.dimensions import Dimension
from unhobble.configuration import Configuration, Scalar

Rows = NDArray[np.uint8]
"""A row for each configuration, a column for each dimension: the place of its value, or ``count`` where it is not set."""


class Places:
    """The places of the values of a space's dimensions, all of which have a finite number of values (below 255)."""

    def __init__(self, dimensions: tuple[Dimension, ...]) -> None:
        self.dimensions = dimensions
        self.values: list[list[Scalar]] = [list(dimension.values()) for dimension in dimensions]
        self.counts = [len(values) for values in self.values]
        self._columns = {dimension.path: column for column, dimension in enumerate(dimensions)}
        self._place = [{_key(value): place for place, value in enumerate(values)} for values in self.values]

    def rows(self, configurations: Iterable[Configuration]) -> Rows:
        """A row for each of ``configurations``. Raises ``ValueError`` for a value that its dimension does not have."""
        return np.array([self._row(configuration) for configuration in configurations], dtype=np.uint8)

    def configuration(self, row: NDArray[np.uint8]) -> Configuration:
        """The configuration of a row."""
        chosen = zip(self.dimensions, self.values, row, strict=True)
        return Configuration({d.path: values[place] for d, values, place in chosen if place < len(values)})

    def every_row(self) -> Rows:
        """All configurations of the space, in the order of ``Space.enumerate``."""
        columns: list[NDArray[np.uint8]] = []
        total = 1
        for dimension, count in zip(self.dimensions, self.counts, strict=True):
            active = np.ones(total, dtype=bool)
            for path, values in dimension.when.items():
                parent = self._columns[path]
                active &= np.isin(columns[parent], [self._place[parent][_key(value)] for value in values])
            repeats = np.where(active, count, 1)
            total = int(repeats.sum())
            within = np.arange(total) - np.repeat(np.cumsum(repeats) - repeats, repeats)
            columns = [np.repeat(column, repeats) for column in columns]
            columns.append(np.where(np.repeat(active, repeats), within, count).astype(np.uint8))
        return np.stack(columns, axis=1)

    def _row(self, configuration: Configuration) -> list[int]:
        values = configuration.root
        row = []
        for dimension, count, place in zip(self.dimensions, self.counts, self._place, strict=True):
            value = values.get(dimension.path)
            if value is not None and _key(value) not in place:
                raise ValueError(f"{dimension.path} has no value {value!r}")
            row.append(count if value is None else place[_key(value)])
        return row


def _key(value: Scalar) -> tuple[bool, Scalar]:
    """What tells True from 1, and 1.0 not from 1."""
    return isinstance(value, bool), value
