"""One Bayesian model of all rollouts of a study.

The logit of a rollout's success is f(configuration) + t(task). Both are Gaussian:

- f is the sum of an effect of each dimension, one of each pair of dimensions, a remainder (a product kernel over all
  dimensions, for what more than two of them do together) and a residual of each configuration. Each part has a variance of its
  own, which is found by marginal likelihood and shrunk towards that of its like (``improved``).
- t is a constant, a slope with the logarithm of the human minutes, and an effect of each task.

Scores between 0 and 1 count as that share of a success (the quasi-likelihood of Papke and Wooldridge 1996). The posterior is
Laplace's approximation (Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", sections 3.4 and 5.5), in which the
tasks, few as they are, are eliminated first. With K the prior covariance of f, S that of t, and W the weights of the cells
(configurations x tasks) in the log likelihood's curvature::

    G = inv(inv(S) + diag(W.sum(0)))
    L = diag(W.sum(1)) - W G W.T
    R = inv(K + inv(L)) = inv(I + L K) L

f has the covariance K - K R K at the configurations seen, and C - B R B.T at others, where C is their prior covariance and B
that with the configurations seen.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.floating[Any]]
Numbers = NDArray[np.integer[Any]]

_CONSTANT, _SLOPE, _TASK = 4.0, 1.0, 1.0
"""Prior variances of the parts of t, in squared logits; the last is where its search begins."""

_CELL = 0.3
"""Variance, in squared logits, of what a configuration does on one task beyond both effects. It keeps many repeats of one cell from
being taken for so many independent rollouts."""

_BLOCK = 8_192
"""Entries of a kernel that are computed at once: what they need stays in the processor's cache."""

_TURNS = 12
"""Newton steps at the most; from the posterior before, two or three are enough."""


@dataclass(frozen=True)
class Variances:
    """Variances of the parts of f and t, in squared logits: by dimension, by pair (upper triangle), and of the rest."""

    single: Floats
    pair: Floats
    remainder: float
    residual: float
    task: float = _TASK

    @classmethod
    def begin(cls, axes: int) -> "Variances":
        """What is believed before anything is seen: single effects are larger than pairs', and those than the rest."""
        upper = np.triu(np.ones((axes, axes)), 1)
        return cls(np.full(axes, 0.12), 0.02 * upper, 0.3, 0.15)


@dataclass(frozen=True)
class Parts:
    """The kernels of two lists of configurations, a and b, by their parts, without variances.

    ``single`` is axes x a x b, ``product`` is a x b. ``shared`` and ``same`` (a x b) are for rows of several studies: the share of
    the covariance that is left between two rows, and which rows are one configuration and so have one residual. Without them
    all of it is left, and each row is a configuration of its own.
    """

    single: Floats
    product: Floats
    shared: Floats | None = None
    same: Floats | None = None

    def kernel(self, variances: Variances) -> Floats:
        """The covariance of f between the two lists, without residuals."""
        axes, a, b = self.single.shape
        flat = self.single.reshape(axes, a * b)
        total = np.zeros(a * b)
        for start in range(0, a * b, _BLOCK):
            part = flat[:, start : start + _BLOCK]
            total[start : start + _BLOCK] = np.einsum("ij,ij->j", part, variances.single[:, None] + variances.pair @ part)
        found: Floats = total.reshape(a, b) + variances.remainder * self.product
        return found if self.shared is None else found * self.shared

    def whole(self, variances: Variances) -> Floats:
        """The covariance of f within one list, residuals included."""
        same = np.eye(len(self.product)) if self.same is None else self.same
        residual = same if self.shared is None else same * self.shared
        return self.kernel(variances) + variances.residual * residual


@dataclass(frozen=True)
class Cells:
    """What was seen: rollouts and the sum of their scores, for each configuration and task."""

    counts: Floats
    scores: Floats


@dataclass(frozen=True)
class Posterior:
    """f and t given the cells, at the configurations that have cells. ``weights`` are inv(K) f, and ``precision`` is R."""

    variances: Variances
    f: Floats
    tau: Floats
    weights: Floats
    precision: Floats
    task_gain: Floats
    """G W.T: how t follows f."""
    task_rest: Floats
    """G: the covariance of t that is left once f is known."""

    def mean(self, cross: Floats) -> Floats:
        """Posterior mean of f where ``cross`` (others × seen) is the prior covariance with the configurations seen."""
        found: Floats = cross @ self.weights
        return found

    def variance(self, cross: Floats, own: Floats) -> Floats:
        """Posterior variances of f, where ``own`` are the prior ones."""
        found: Floats = own - np.einsum("ij,ij->i", cross @ self.precision, cross)
        return np.maximum(found, 1e-9)

    def covariance(self, cross: Floats, prior: Floats) -> Floats:
        """Posterior covariance of f between others, where ``prior`` is theirs before anything was seen."""
        found: Floats = prior - cross @ self.precision @ cross.T
        return (found + found.T) / 2


def task_prior(log_minutes: Floats, variance: float, studies: Numbers | None = None) -> Floats:
    """The prior covariance of t, in squared logits; ``log_minutes`` are any logarithms of the human minutes.

    ``studies`` says which study each task is of; those of two have nothing in common. None: all are of one.
    """
    if studies is not None:
        apart: Floats = np.zeros((len(studies), len(studies)))
        for study in np.unique(studies):
            (own,) = np.nonzero(studies == study)
            apart[np.ix_(own, own)] = task_prior(log_minutes[own], variance)
        return apart
    spread = log_minutes.std()
    scaled = (log_minutes - log_minutes.mean()) / (spread if spread > 0 else 1.0)
    found: Floats = _CONSTANT + _SLOPE * np.outer(scaled, scaled) + variance * np.eye(len(scaled))
    return found


def fit(
    kernel: Floats,
    cells: Cells,
    variances: Variances,
    log_minutes: Floats,
    start: "tuple[Floats, Floats] | None" = None,
    studies: Numbers | None = None,
) -> Posterior:
    """The posterior under ``kernel`` (residuals included); ``start`` is where Newton's method begins, f and t.

    ``studies`` is as in ``task_prior``.
    """
    prior = task_prior(log_minutes, variances.task, studies)
    f, tau = start if start is not None else (np.zeros(len(kernel)), np.zeros(len(prior)))
    weights = np.linalg.solve(kernel, f) if start is not None else f.copy()
    inverse = np.linalg.inv(prior)
    height = _height(cells, f, tau, weights, inverse)
    for _ in range(_TURNS):
        step = _newton(kernel, cells, prior, f, tau)
        part = 1.0
        while True:
            new_f, new_tau = f + part * (step.f - f), tau + part * (step.tau - tau)
            new_weights = weights + part * (step.weights - weights)
            new_height = _height(cells, new_f, new_tau, new_weights, inverse)
            if new_height >= height - 1e-9 or part < 1e-3:
                break
            part /= 2
        moved = float(np.abs(new_f - f).max(initial=0.0) + np.abs(new_tau - tau).max(initial=0.0))
        f, tau, weights, height = new_f, new_tau, new_weights, new_height
        if moved < 1e-3:
            break
    weight, _, precision, rest = _curvature(kernel, cells, prior, f, tau)
    return Posterior(variances, f, tau, weights, precision, rest @ weight.T, rest)


def log_evidence(kernel: Floats, cells: Cells, posterior: Posterior, log_minutes: Floats, studies: Numbers | None = None) -> float:
    """Laplace's approximation of the log marginal likelihood under ``kernel``, up to a constant that only the cells decide."""
    prior = task_prior(log_minutes, posterior.variances.task, studies)
    weight, lam, _, _ = _curvature(kernel, cells, prior, posterior.f, posterior.tau)
    height = _height(cells, posterior.f, posterior.tau, posterior.weights, np.linalg.inv(prior))
    of_tasks = np.linalg.slogdet(np.eye(len(prior)) + prior * weight.sum(axis=0)[None, :])[1]
    return height - 0.5 * float(np.linalg.slogdet(np.eye(len(kernel)) + lam @ kernel)[1] + of_tasks)


@dataclass(frozen=True)
class _Step:
    f: Floats
    tau: Floats
    weights: Floats


def _cell_terms(cells: Cells, f: Floats, tau: Floats) -> tuple[Floats, Floats]:
    """Gradient and weight of each cell's log likelihood; both less than the rollouts' own, where there are several."""
    p = expit(f[:, None] + tau[None, :])
    spread = p * (1 - p)
    shrink = 1 / (1 + np.maximum(cells.counts - 1, 0) * spread * _CELL)
    return (cells.scores - cells.counts * p) * shrink, np.maximum(cells.counts * spread * shrink, 0.0)


def _curvature(kernel: Floats, cells: Cells, prior: Floats, f: Floats, tau: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """W, Λ, R and G at f and t."""
    _, weight = _cell_terms(cells, f, tau)
    rest = np.linalg.solve(np.eye(len(tau)) + prior * weight.sum(axis=0)[None, :], prior)
    rest = (rest + rest.T) / 2
    lam = np.diag(weight.sum(axis=1)) - weight @ rest @ weight.T
    precision = np.linalg.solve(np.eye(len(f)) + lam @ kernel, lam)
    return weight, lam, (precision + precision.T) / 2, rest


def _newton(kernel: Floats, cells: Cells, prior: Floats, f: Floats, tau: Floats) -> _Step:
    slope, weight = _cell_terms(cells, f, tau)
    rows, columns = weight.sum(axis=1), weight.sum(axis=0)
    rest = np.linalg.solve(np.eye(len(tau)) + prior * columns[None, :], prior)
    right_f = rows * f + weight @ tau + slope.sum(axis=1)
    right_tau = weight.T @ f + columns * tau + slope.sum(axis=0)
    lam = np.diag(rows) - weight @ rest @ weight.T
    weights = np.linalg.solve(np.eye(len(f)) + lam @ kernel, right_f - weight @ (rest @ right_tau))
    new = kernel @ weights
    return _Step(new, rest @ (right_tau - weight.T @ new), weights)


def _height(cells: Cells, f: Floats, tau: Floats, weights: Floats, inverse: Floats) -> float:
    """What Newton's method climbs: the quasi log likelihood and the log prior, up to a constant.

    Repeats of a cell make the variance of their sum n p (1 - p) (1 + (n - 1) p (1 - p) c), with c for ``_CELL``; the quasi
    likelihood is the integral of (s - n p) over it (Wedderburn 1974, "Quasi-likelihood functions, generalized linear models").
    """
    eta = f[:, None] + tau[None, :]
    n, s = cells.counts, cells.scores
    found = s * eta - n * np.logaddexp(0, eta)
    many = n > 1
    if many.any():
        n, s, p = n[many], s[many], expit(eta[many])
        wide = np.sqrt(1 + 4 / ((n - 1) * _CELL))
        above, below = (1 + wide) / 2, (1 - wide) / 2
        found[many] += ((s - n * above) * np.log(above - p) - (s - n * below) * np.log(p - below)) / wide
    return float(found.sum() - 0.5 * f @ weights - 0.5 * tau @ inverse @ tau)


# --- variances ------------------------------------------------------------------------------------------------------------
_WIDTH_OF_CLASS, _WIDTH_OF_ONE, _WIDTH_ALONE = 4.0, 1.6, 4.0
"""Standard deviations of the priors of log variances: of a class (single, pair), of each within it, and of the rest."""


_TASKS_BELIEVED = 3.0

_PACE = 0.5
"""Share of each step that is taken: parts that explain the same are moved together, and would overshoot."""


def improved(posterior: Posterior, parts: Parts, log_minutes: Floats, studies: Numbers | None = None) -> Variances:
    """Variances that make what was seen more likely: a step of Fisher's scoring in their logarithms, with their priors.

    For a part of variance v and kernel v P, the gradient of the log marginal likelihood in log v is v (w.T P w - tr(R P)) / 2,
    with w the ``weights``; how the mode moves with the variances is left out, as in expectation maximisation.
    """
    now = posterior.variances
    began = Variances.begin(len(now.single))
    outer = np.outer(posterior.weights, posterior.weights)
    axes, count, _ = parts.single.shape
    flat = parts.single.reshape(axes, count * count)

    def sums(matrix: Floats) -> tuple[Floats, Floats, float, float]:
        matrix = matrix if parts.shared is None else matrix * parts.shared
        weighted = flat * matrix.reshape(-1)
        return (
            now.single * weighted.sum(axis=1),
            now.pair * (weighted @ flat.T),
            now.remainder * float((parts.product * matrix).sum()),
            now.residual * float(np.trace(matrix) if parts.same is None else (matrix * parts.same).sum()),
        )

    found, expected = sums(outer), sums(posterior.precision)
    single = _class_step(now.single, began.single, found[0], expected[0])
    upper = np.triu_indices(axes, 1)
    pair = now.pair.copy()
    pair[upper] = _class_step(now.pair[upper], began.pair[upper], found[1][upper], expected[1][upper])
    remainder = _step(now.remainder, began.remainder, found[2], expected[2])
    residual = _step(now.residual, began.residual, found[3], expected[3])
    return Variances(single, pair, remainder, residual, _task_variance(posterior, log_minutes, studies))


def _task_variance(posterior: Posterior, log_minutes: Floats, studies: Numbers | None) -> float:
    """A step of expectation maximisation for the variance of the tasks' own effects; its prior weighs as much as a few tasks."""
    now = posterior.variances.task
    inverse = np.linalg.inv(task_prior(log_minutes, now, studies))
    own = now * inverse @ posterior.tau
    left = now * len(own) - now**2 * np.trace(inverse) + now**2 * np.trace(inverse @ posterior.task_rest @ inverse)
    return float((own @ own + left + _TASK * _TASKS_BELIEVED) / (len(own) + _TASKS_BELIEVED))


def _step(now: float, began: float, found: float, expected: float) -> float:
    gradient = 0.5 * (found - expected) - np.log(now / began) / _WIDTH_ALONE**2
    curvature = 0.5 * max(found, expected, 0.0) + 1 / _WIDTH_ALONE**2
    return float(now * np.exp(np.clip(_PACE * gradient / curvature, -1, 1)))


def _class_step(now: Floats, began: Floats, found: Floats, expected: Floats) -> Floats:
    """The same for a class, whose log variances have a common part c ~ N(0, a²) and parts of their own ~ N(0, b²)."""
    if not len(now):
        return now
    log_now = np.log(now / began)
    a2, b2 = _WIDTH_OF_CLASS**2, _WIDTH_OF_ONE**2
    # The prior precision of the sum of both parts, by Sherman and Morrison.
    count = len(now)
    prior = np.eye(count) / b2 - np.full((count, count), a2 / (b2 * (b2 + count * a2)))
    gradient = 0.5 * (found - expected) - prior @ log_now
    curvature = np.diag(0.5 * np.maximum(np.maximum(found, expected), 0.0)) + prior
    step = np.linalg.solve(curvature, gradient)
    found_now: Floats = now * np.exp(np.clip(_PACE * step, -1, 1))
    return found_now
