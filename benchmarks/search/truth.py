"""What a surface's success rates are made of: parts of the logit, and what each task makes of them. Arrays only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from benchmarks.search.places import Rows

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Table:
    """An effect of one dimension or of several together: a number for each combination of their places."""

    columns: tuple[int, ...]
    effects: Floats

    def of(self, rows: Rows) -> Floats:
        """The effect on each of ``rows``."""
        return self.effects[tuple(rows[:, column] for column in self.columns)]


@dataclass(frozen=True)
class Scatter:
    """An effect of each configuration's own, drawn from a normal distribution by its row and ``key``."""

    counts: tuple[int, ...]
    key: int

    def of(self, rows: Rows) -> Floats:
        """The effect on each of ``rows``."""
        code = np.full(len(rows), self.key, dtype=np.uint64)
        for column, count in enumerate(self.counts):
            code = code * np.uint64(count + 1) + rows[:, column]
        uniform = (_mixed(code) >> np.uint64(11)).astype(np.float64) / 2.0**53
        return np.asarray(ndtri(np.clip(uniform, 1e-12, 1 - 1e-12)))


Part = Table | Scatter


@dataclass(frozen=True)
class Truth:
    """The success rates of a surface.

    ``parts``: (weight, effect) of what helps all tasks alike. ``leanings``: effects of a dimension on each of the ``traits`` of
    tasks; ``traits[k, t]`` is how much of trait k task t has. ``gate`` multiplies the success rate. ``low`` and ``high`` are the
    least and the most that a task's success rate can be before the gate.
    """

    parts: Sequence[tuple[float, Part]]
    leanings: Sequence[tuple[int, Floats]]
    traits: Floats
    gate: Table | None
    ease: Floats
    low: Floats
    high: Floats
    scale: float = 1.0

    def common(self, rows: Rows) -> Floats:
        """What helps all tasks alike, per row, before scaling."""
        total = np.zeros(len(rows))
        for weight, part in self.parts:
            total += weight * part.of(rows)
        return total

    def leaning(self, rows: Rows) -> Floats:
        """What helps some tasks more than others: a value per row and trait, before scaling."""
        total = np.zeros((len(rows), len(self.traits)))
        for column, effects in self.leanings:
            total += effects[rows[:, column]]
        return total

    def gates(self, rows: Rows) -> Floats:
        """What each row's success rate is multiplied by."""
        return np.ones(len(rows)) if self.gate is None else self.gate.of(rows)

    def probabilities(self, rows: Rows, precision: type[np.floating] = np.float64) -> Floats:
        """The success rate per row and task."""
        lean = (self.leaning(rows) * self.scale).astype(precision) @ self.traits.astype(precision)
        logits = lean + (self.common(rows) * self.scale).astype(precision)[:, None] + self.ease.astype(precision)
        spread = (self.high - self.low).astype(precision)
        at_the_gate = self.low.astype(precision) + spread * expit(logits)
        return np.asarray(at_the_gate * self.gates(rows).astype(precision)[:, None])


def _mixed(code: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195)."""
    code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return code ^ (code >> np.uint64(31))
