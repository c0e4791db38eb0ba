"""What a rollout costs: a Gaussian model of the logarithm of its cost, by configuration and task.

The logarithm of the cost of a rollout is a constant + an effect of each dimension (on the vectors of ``encoding``) + a residual of
the configuration + an effect of the task + noise. What multiplies costs, such as a dearer prompt or twice the turns, adds to
the logarithm. All parts are normal, so the posterior is in closed form (Bishop 2006, "Pattern Recognition and Machine
Learning", section 3.3); the variances are found by expectation maximisation, each with a prior that weighs as much as a few values,
so that two rollouts are enough to say something, though not much.

With x the vectors of a rollout (constant, dimensions, tasks), s the sum of them over the n rollouts of a configuration, and y
the sum of their logarithms, the residual given the coefficients b is a (y - s b) with the variance v a, where v is the noise's
variance, r the residuals', and a = r / (v + n r). The residuals are thereby eliminated, however many configurations there are.

A cost that is not known is left out and nothing is put in its place. What is 0 has no logarithm and is left out too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp

from service.search.pooled.belief import Belief, Evidence, success
from service.search.pooled.candidates import Height
from service.search.pooled.encoding import Encoding, Floats
from unhobble.records import Outcome
from unhobble.vocabulary import CostUnit

_STEPS = 40
"""Steps of expectation maximisation; what is left to gain after them is small beside the intervals."""

_CONSTANT = 4.0
"""Prior variance of the constant around the mean of what was seen."""

_EFFECT, _TASK, _RESIDUAL, _NOISE = 0.1, 0.3, 0.05, 0.2
"""Where the variances begin, and what their priors are at."""

_WEIGHT = 2.0
"""The weight of each variance's prior, as a number of values."""

_BELOW_ALL = 1e6
"""Lower than any logarithm of success per cost."""


@dataclass(frozen=True)
class CostBelief:
    """The posterior of the logarithm of a rollout's cost. Places and rows are those of ``belief.Belief``."""

    unit: CostUnit
    encoding: Encoding
    coefficients: Floats
    covariance: Floats
    tasks: int
    gain: Floats
    """a, for each row of the evidence."""
    sums: Floats
    """s, rows × coefficients."""
    logs: Floats
    """y, for each row."""
    noise: float
    residual: float

    def log_cost(self, places: Floats, rows: Sequence[int]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the logarithm of the mean cost over all tasks, of each configuration.

        The mean over tasks is linear in the tasks' effects around what is believed of them, which is close while they are known
        to within a factor of two or so. -1 is the row of a configuration that was not tried.
        """
        mean, factors, own = self._parts(places, rows)
        return mean, np.sqrt(((factors @ self.covariance) * factors).sum(axis=1) + own)

    def draws(
        self, places: Floats, rows: Sequence[int], count: int, rng: np.random.Generator, width: Floats | float = 1.0
    ) -> Floats:
        """``count`` joint draws of the same logarithm (configurations × draws), whose spread is ``width`` times the posterior's."""
        mean, factors, own = self._parts(places, rows)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        smooth = factors @ root @ rng.standard_normal((len(root), count))
        found: Floats = mean[:, None] + width * (smooth + np.sqrt(own)[:, None] * rng.standard_normal((len(mean), count)))
        return found

    def _parts(self, places: Floats, rows: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """Means; what multiplies the errors of the coefficients; variances that the coefficients do not explain."""
        effects = self.coefficients[-self.tasks :]
        share = np.exp(effects - logsumexp(effects))
        x = np.hstack([_vectors(self.encoding, places), np.broadcast_to(share, (len(places), self.tasks))])
        row = np.asarray(rows, dtype=int)
        tried = (row >= 0) & (row < len(self.gain))
        at = np.where(tried, row, 0)
        gain = np.where(tried, self.gain[at], 0.0)
        log_mean = logsumexp(effects) - math.log(self.tasks) - share @ effects + self.noise / 2
        mean = x @ self.coefficients + log_mean + gain * (self.logs[at] - self.sums[at] @ self.coefficients)
        # A row without a known cost has a gain that is not 0 but no sums, and the residual's whole variance.
        own = np.where(tried, self.noise * gain, self.residual)
        return mean, x - gain[:, None] * self.sums[at], own


@dataclass
class Costs:
    """The costs of the scored rollouts of a search, as far as they are known."""

    evidence: Evidence
    _seen: dict[CostUnit, list[tuple[int, int, float]]] = field(default_factory=lambda: {unit: [] for unit in CostUnit})
    _latest: tuple[tuple[int, int], CostBelief] | None = None

    def add(self, row: int, outcome: Outcome) -> None:
        """What a rollout of the configuration in ``row`` cost."""
        column = self.evidence.column(outcome.task)
        for unit, cost in ((CostUnit.usd, outcome.cost_usd), (CostUnit.tokens, outcome.tokens)):
            if cost is not None and math.isfinite(cost) and cost > 0:
                self._seen[unit].append((row, column, math.log(cost)))

    def believed(self) -> CostBelief | None:
        """What follows from them, in dollars where at least half as many are known in dollars as in tokens; None without any.

        It depends on what was added and not on the order.
        """
        usd, tokens = len(self._seen[CostUnit.usd]), len(self._seen[CostUnit.tokens])
        if not usd and not tokens:
            return None
        key = usd, tokens
        if self._latest is None or self._latest[0] != key:
            unit = CostUnit.usd if usd and 2 * usd >= tokens else CostUnit.tokens
            self._latest = key, believe_costs(self.evidence, self._seen[unit], unit)
        return self._latest[1]


def believe_costs(evidence: Evidence, seen: Sequence[tuple[int, int, float]], unit: CostUnit) -> CostBelief:
    """The belief after rollouts by row, task (its column) and logarithm of the cost, of which there must be one."""
    rows, tasks = len(evidence.configurations), len(evidence.tasks)
    ordered = sorted(seen)
    row, column = np.array([r for r, _, _ in ordered]), np.array([c for _, c, _ in ordered])
    log = np.array([value for _, _, value in ordered])
    level = log.mean()
    counts, totals = np.zeros((rows, tasks)), np.zeros((rows, tasks))
    np.add.at(counts, (row, column), 1.0)
    np.add.at(totals, (row, column), log - level)
    vectors = _vectors(evidence.encoding, evidence.places)
    groups = _groups(evidence.encoding, tasks)
    posterior = _Fit.begin(vectors, counts, totals, float(((log - level) ** 2).sum()), groups)
    for _ in range(_STEPS):
        posterior = posterior.improved()
    coefficients, covariance = posterior.solved()
    coefficients[0] += level
    return CostBelief(
        unit=unit,
        encoding=evidence.encoding,
        coefficients=coefficients,
        covariance=covariance,
        tasks=tasks,
        gain=posterior.gain,
        sums=posterior.sums,
        logs=totals.sum(axis=1) + level * counts.sum(axis=1),
        noise=posterior.noise,
        residual=posterior.residual,
    )


@dataclass(frozen=True)
class _Fit:
    """Sums of what was seen, and variances: of each group of coefficients, of the residuals and of the noise."""

    sums: Floats
    cross: Floats
    """The sum of x x.T over the rollouts."""
    with_logs: Floats
    counts: Floats
    logs: Floats
    square: float
    groups: Floats
    """The group of each coefficient; 0 is the constant's, whose variance stays."""
    variances: Floats
    residual: float
    noise: float

    @classmethod
    def begin(cls, vectors: Floats, counts: Floats, totals: Floats, square: float, groups: Floats) -> "_Fit":
        each, by_task = counts.sum(axis=1), counts.sum(axis=0)
        mixed = vectors.T @ counts
        variances = np.full(int(groups.max()) + 1, _EFFECT)
        variances[0], variances[-1] = _CONSTANT, _TASK
        return cls(
            sums=np.hstack([each[:, None] * vectors, counts]),
            cross=np.block([[vectors.T @ (each[:, None] * vectors), mixed], [mixed.T, np.diag(by_task)]]),
            with_logs=np.concatenate([vectors.T @ totals.sum(axis=1), totals.sum(axis=0)]),
            counts=each,
            logs=totals.sum(axis=1),
            square=square,
            groups=groups,
            variances=variances,
            residual=_RESIDUAL,
            noise=_NOISE,
        )

    @property
    def gain(self) -> Floats:
        """a, for each row."""
        found: Floats = self.residual / (self.noise + self.counts * self.residual)
        return found

    def solved(self) -> tuple[Floats, Floats]:
        """Posterior mean and covariance of the coefficients."""
        weighted = self.gain[:, None] * self.sums
        precision = (self.cross - weighted.T @ self.sums) / self.noise + np.diag(1 / self.variances[self.groups.astype(int)])
        covariance = np.linalg.inv(precision)
        covariance = (covariance + covariance.T) / 2
        return covariance @ (self.with_logs - weighted.T @ self.logs) / self.noise, covariance

    def improved(self) -> "_Fit":
        """A step of expectation maximisation."""
        b, covariance = self.solved()
        gain, sums = self.gain, self.sums
        group = self.groups.astype(int)
        squares = np.bincount(group, b**2 + np.diag(covariance))
        sizes = np.bincount(group)
        variances = (squares + _WEIGHT * self._prior()) / (sizes + _WEIGHT)
        variances[0] = _CONSTANT
        left = gain * (self.logs - sums @ b)
        # Variance of each residual: what is left once the coefficients are known, and what follows from theirs.
        spread = self.noise * gain + gain**2 * ((sums @ covariance) * sums).sum(axis=1)
        has = self.counts > 0
        residual = (float((left**2 + spread)[has].sum()) + _WEIGHT * _RESIDUAL) / (has.sum() + _WEIGHT)
        misfit = self.square - 2 * b @ self.with_logs + b @ self.cross @ b
        misfit += float((self.counts * left**2 - 2 * left * (self.logs - sums @ b)).sum())
        weight = self.counts * gain**2 - 2 * gain
        unsure = float((covariance * (self.cross + sums.T @ (weight[:, None] * sums))).sum())
        unsure += self.noise * float((self.counts * gain).sum())
        noise = (max(float(misfit), 0.0) + unsure + _WEIGHT * _NOISE) / (self.counts.sum() + _WEIGHT)
        return _Fit(
            sums, self.cross, self.with_logs, self.counts, self.logs, self.square, self.groups, variances, residual, float(noise)
        )

    def _prior(self) -> Floats:
        found = np.full(len(self.variances), _EFFECT)
        found[-1] = _TASK
        return found


def _vectors(encoding: Encoding, places: Floats) -> Floats:
    """A constant and the vectors of each dimension: configurations × coefficients, without those of the tasks."""
    return np.hstack([np.ones((len(places), 1)), *encoding.vectors(places)])


def _groups(encoding: Encoding, tasks: int) -> Floats:
    """The group of each coefficient: the constant, each dimension, all tasks."""
    widths = [1, *(axis.vectors.shape[1] for axis in encoding.axes), tasks]
    return np.repeat(np.arange(len(widths), dtype=float), widths)


# --- success per cost -------------------------------------------------------------------------------------------------------
def worth(rates: Floats, log_costs: Floats, floor: float) -> Floats:
    """The logarithm of success / cost, by which the configurations (first axis) of each draw (second) are ranked.

    What succeeds less than ``floor`` times the best of the draw ranks below all others, and among its like by success alone.
    No success at all counts as one in 10 ** 12. Of two that are worth the same, the caller's order decides.
    """
    log_rates = np.log(np.maximum(rates, 1e-12))
    per_cost = log_rates - log_costs
    least = log_rates.max(axis=0) + math.log(max(floor, 1e-12))
    counts = log_rates >= least
    lowest = np.where(counts, per_cost, np.inf).min(axis=0)
    found: Floats = np.where(counts, per_cost, lowest + (log_rates - least))
    return found


def promising(belief: Belief, price: CostBelief, evidence: Evidence, tried: Sequence[int], floor: float) -> Height:
    """Success per cost as a height of candidates; the floor is that of the best of the rows that were ``tried``, of one track."""

    def log_rate(f: Floats) -> Floats:
        found: Floats = np.log(np.maximum(success(f[:, None], belief.tau[:, None])[:, 0], 1e-12))
        return found

    best = log_rate(belief.marginal(evidence.places[list(tried)], tried)[0]).max() if tried else -_BELOW_ALL
    least = best + math.log(floor)

    def height(places: Floats, rows: Sequence[int], f: Floats) -> Floats:
        log_rates = log_rate(f)
        per_cost = log_rates - price.log_cost(places, rows)[0]
        found: Floats = np.where(log_rates >= least, per_cost, log_rates - least - _BELOW_ALL)
        return found

    return height
