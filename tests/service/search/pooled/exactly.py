"""The model computed anew, without any of its short cuts: one dense Gaussian of f and t together, for a handful of numbers."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from service.search.pooled.model import Cells, Floats

CELL = 0.3
"""The variance of a cell beyond both effects, in squared logits."""


def prior_of_tasks(log_minutes: Floats, variance: float) -> Floats:
    """A constant of variance 4, a slope of variance 1 with the standardised logarithm, and an effect of each task."""
    centred = log_minutes - log_minutes.mean()
    slope = centred / centred.std() if centred.any() else centred
    return 4 + np.outer(slope, slope) + variance * np.eye(len(slope))


@dataclass(frozen=True)
class Exact:
    """f and t one after the other in one vector."""

    kernel: Floats
    tasks: Floats
    cells: Cells

    @property
    def configurations(self) -> int:
        return len(self.kernel)

    def logits(self, at: Floats) -> Floats:
        return at[: self.configurations, None] + at[None, self.configurations :]

    def log_posterior(self, at: Floats) -> float:
        """Up to a constant, where no cell has more than one rollout."""
        logits = self.logits(at)
        seen = self.cells.scores * logits - self.cells.counts * np.logaddexp(0, logits)
        return float(seen.sum() - 0.5 * at @ np.linalg.solve(self.prior, at))

    def gradient(self, at: Floats) -> Floats:
        """That of the quasi-likelihood: a cell's residual over 1 + (n - 1) p (1 - p) CELL."""
        p = expit(self.logits(at))
        slope = (self.cells.scores - self.cells.counts * p) / self._less(p)
        return np.concatenate([slope.sum(axis=1), slope.sum(axis=0)]) - np.linalg.solve(self.prior, at)

    def precision(self, at: Floats) -> Floats:
        p = expit(self.logits(at))
        weight = self.cells.counts * p * (1 - p) / self._less(p)
        data = np.block([[np.diag(weight.sum(axis=1)), weight], [weight.T, np.diag(weight.sum(axis=0))]])
        return np.linalg.inv(self.prior) + data

    def mode(self) -> Floats:
        """Where the log posterior is highest, found by a general optimiser."""
        found = minimize(
            lambda at: -self.log_posterior(at),
            np.zeros(len(self.prior)),
            jac=lambda at: -self.gradient(at),
            method="BFGS",
            options={"gtol": 1e-7},
        )
        return found.x

    @property
    def prior(self) -> Floats:
        f, t = self.kernel, self.tasks
        apart = np.zeros((len(f), len(t)))
        return np.block([[f, apart], [apart.T, t]])

    def _less(self, p: Floats) -> Floats:
        return 1 + np.maximum(self.cells.counts - 1, 0) * p * (1 - p) * CELL
