"""What a few rollouts of each of very many configurations say together: an estimate for every one of them.

A ridge regression of the scores on the values that are set, and on pairs of them (Hoerl and Kennard 1970, "Ridge Regression: Biased
Estimation for Nonorthogonal Problems"), with an effect of each task. What a configuration's own rollouts say beyond that is
weighed against the regression by their variances, as in empirical Bayes (Efron and Morris 1973).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unhobble.configuration import Configuration, Scalar

Floats = NDArray[np.float64]

_PENALTIES = (0.5, 2.0, 8.0, 32.0)
"""Rollouts' worth of belief that an effect is zero, one of which is chosen by what predicts scores that were left out."""

_MOST_COLUMNS = 1_500


@dataclass
class Screen:
    """Scores of configurations, and what they say of each."""

    configurations: Sequence[Configuration]
    tasks: int
    _sums: Floats = field(init=False)
    _squares: Floats = field(init=False)
    _counts: Floats = field(init=False)
    _penalty: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        shape = (len(self.configurations), self.tasks)
        self._sums, self._squares, self._counts = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._features = _features([configuration.root for configuration in self.configurations])

    def add(self, place: int, task: int, value: float) -> None:
        """A rollout of the configuration at ``place``."""
        self._sums[place, task] += value
        self._squares[place, task] += value * value
        self._counts[place, task] += 1

    def estimates(self) -> Floats:
        """The expected mean over all tasks, for each configuration; its own rollouts weigh the more the more there are."""
        counts = self._counts.sum(axis=1)
        own = self._without_tasks()
        if self._penalty is None:
            self._penalty = _penalty(self._features, own, counts)
        fitted = _solve(self._features, own, counts, self._penalty)
        noise = self._noise()
        misfit = float(np.average((own - fitted) ** 2 - noise / np.maximum(counts, 1), weights=counts))
        spread = max(misfit, noise / 400)
        weight = counts * spread / (counts * spread + noise)
        combined: Floats = fitted + weight * (own - fitted)
        estimates: Floats = combined + self._task_means().mean()
        return estimates

    def _task_means(self) -> Floats:
        totals = self._counts.sum(axis=0)
        overall = self._sums.sum() / self._counts.sum()
        means: Floats = np.where(totals > 0, self._sums.sum(axis=0) / np.maximum(totals, 1), overall)
        return means

    def _without_tasks(self) -> Floats:
        """How much better each configuration did than all do on the tasks that it was given."""
        rest = self._sums.sum(axis=1) - self._counts @ self._task_means()
        better: Floats = rest / np.maximum(self._counts.sum(axis=1), 1)
        return better

    def _noise(self) -> float:
        """The variance of one rollout about its task's mean."""
        within = self._squares.sum(axis=0) - self._counts.sum(axis=0) * self._task_means() ** 2
        return max(1e-4, float(within.sum() / self._counts.sum()))


def _features(values: Sequence[Mapping[str, Scalar]]) -> Floats:
    """A column for each value that some configuration sets, and for each pair that some, but not all, hold together."""
    names = sorted({(path, repr(value)) for one in values for path, value in one.items()})
    column = {name: place for place, name in enumerate(names)}
    single = np.zeros((len(values), len(names)), dtype=bool)
    for row, one in enumerate(values):
        for path, value in one.items():
            single[row, column[path, repr(value)]] = True
    single = _varying(single)
    pairs = [single[:, a] & single[:, b] for a, b in combinations(range(single.shape[1]), 2)]
    if not pairs or len(pairs) > _MOST_COLUMNS:
        return single.astype(float)
    return np.column_stack([single, _varying(np.column_stack(pairs))]).astype(float)


def _varying(columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return columns[:, columns.any(axis=0) & ~columns.all(axis=0)]


def _penalty(features: Floats, own: Floats, counts: Floats) -> float:
    """The one that best predicts a half of the configurations from the other."""
    halves = np.arange(len(own)) % 2

    def error(penalty: float) -> float:
        parts = [
            (counts * (halves != half)) @ (own - _solve(features, own, counts * (halves == half), penalty)) ** 2 for half in (0, 1)
        ]
        return float(sum(parts))

    return min(_PENALTIES, key=error)


def _solve(features: Floats, own: Floats, weights: Floats, penalty: float) -> Floats:
    total = max(1.0, weights.sum())
    centre, level = weights @ features / total, weights @ own / total
    centred = features - centre
    weighted = centred * weights[:, None]
    effects = np.linalg.solve(weighted.T @ centred + penalty * np.eye(features.shape[1]), weighted.T @ (own - level))
    fitted: Floats = level + centred @ effects
    return fitted
