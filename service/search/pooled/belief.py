"""What all rollouts of a search say together of every configuration of its space, those that were tried and all others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from service.search.pooled.encoding import Encoding, Floats
from service.search.pooled.model import Cells, Parts, Posterior, Variances, fit, improved
from unhobble.configuration import Configuration
from unhobble.records import TaskInfo

_UNLIKE = 0.6
"""What two configurations that differ in one unordered dimension share of the remainder, as a share of all of it."""

_STEPS = 4
"""Steps towards better variances whenever they are looked for."""

_JITTER = 1e-8


@dataclass
class Evidence:
    """Rollouts by configuration and task. Rows are in the order in which configurations were entered."""

    encoding: Encoding
    tasks: tuple[TaskInfo, ...]
    configurations: list[Configuration] = field(default_factory=list)
    places: Floats = field(init=False)
    counts: Floats = field(init=False)
    scores: Floats = field(init=False)
    rollouts: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.places = np.zeros((0, len(self.encoding.axes)))
        self.counts, self.scores = np.zeros((0, len(self.tasks))), np.zeros((0, len(self.tasks)))
        self._column = {task.id: column for column, task in enumerate(self.tasks)}

    @property
    def log_minutes(self) -> Floats:
        """Of the tasks, to the base of 2; less than a second counts as one."""
        return np.log2([max(task.human_minutes, 1 / 60) for task in self.tasks])

    def enter(self, configuration: Configuration) -> int:
        """A new row, and its number."""
        self.configurations.append(configuration)
        self.places = np.vstack([self.places, self.encoding.places([configuration])])
        self.counts, self.scores = _longer(self.counts), _longer(self.scores)
        return len(self.configurations) - 1

    def add(self, row: int, task: str, score: float) -> None:
        """A rollout with its score. Raises ``ValueError`` where that is not in [0, 1]: one NaN would spoil all that is believed."""
        if not 0 <= score <= 1:
            raise ValueError(f"a score is from 0 to 1, not {score!r}")
        column = self._column[task]
        self.counts[row, column] += 1
        self.scores[row, column] += score
        self.rollouts += 1

    def column(self, task: str) -> int:
        """The task's place among the tasks."""
        return self._column[task]


@dataclass(frozen=True)
class Belief:
    """The model's posterior after some evidence. Places are those of ``Encoding.places``, logits are natural.

    ``rows`` are the configurations that have rollouts; ``seen`` are their places.
    """

    encoding: Encoding
    posterior: Posterior
    rows: tuple[int, ...]
    seen: Floats
    kernel: Floats

    @property
    def variances(self) -> Variances:
        """Of the parts of the model."""
        return self.posterior.variances

    @property
    def tau(self) -> Floats:
        """The tasks' effects."""
        return self.posterior.tau

    def cross(self, places: Floats, rows: Sequence[int] | None = None) -> Floats:
        """Prior covariance with the configurations seen. ``rows`` are the configurations' own, where they have some, else -1."""
        found = _parts(self.encoding, places, self.seen).kernel(self.variances)
        if rows is not None:
            found = found + self.variances.residual * (np.asarray(rows)[:, None] == np.asarray(self.rows)[None, :])
        return found

    def own(self, places: Floats) -> Floats:
        """Prior variances, residuals included."""
        squares, now = self.encoding.squares(places), self.variances
        found: Floats = (squares * (now.single[:, None] + now.pair @ squares)).sum(axis=0) + now.remainder + now.residual
        return found

    def marginal(self, places: Floats, rows: Sequence[int] | None = None) -> tuple[Floats, Floats]:
        """Mean and standard deviation of f."""
        cross = self.cross(places, rows)
        return self.posterior.mean(cross), np.sqrt(self.posterior.variance(cross, self.own(places)))

    def joint(self, places: Floats, rows: Sequence[int] | None = None) -> tuple[Floats, Floats]:
        """Mean and covariance of f. The configurations must differ from one another."""
        cross = self.cross(places, rows)
        prior = _parts(self.encoding, places, places).kernel(self.variances) + self.variances.residual * np.eye(len(places))
        return self.posterior.mean(cross), self.posterior.covariance(cross, prior)

    def draws(self, places: Floats, rows: Sequence[int] | None, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """``count`` draws of f (configurations × draws) and, belonging to them, of τ (tasks × draws)."""
        mean, covariance = self.joint(places, rows)
        cross = self.cross(places, rows)
        at_seen = cross - cross @ self.posterior.precision @ self.kernel
        seen = self.kernel - self.kernel @ self.posterior.precision @ self.kernel
        follows = self.posterior.task_gain
        with_tau = -at_seen @ follows.T
        tau = self.posterior.task_rest + follows @ seen @ follows.T
        whole = np.block([[covariance, with_tau], [with_tau.T, tau]])
        drawn = np.concatenate([mean, self.tau])[:, None] + root(whole) @ rng.standard_normal((len(whole), count))
        return drawn[: len(places)], drawn[len(places) :]


def believe(evidence: Evidence, before: Belief | None = None, *, learn: bool) -> Belief:
    """The belief after ``evidence``, which must hold a rollout; ``learn``: look for better variances than those of ``before``.

    Raises ``numpy.linalg.LinAlgError`` where the model cannot be fitted.
    """
    rows = np.flatnonzero(evidence.counts.sum(axis=1) > 0)
    seen = evidence.places[rows]
    parts, cells = _parts(evidence.encoding, seen, seen), Cells(evidence.counts[rows], evidence.scores[rows])
    variances = before.variances if before else Variances.begin(len(evidence.encoding.axes))
    start = None
    if before is not None:
        known = dict(zip(before.rows, before.posterior.f, strict=True))
        start = np.array([known.get(int(row), 0.0) for row in rows]), before.tau
    kernel, posterior = _fitted(parts, cells, variances, evidence.log_minutes, start)
    for _ in range(_STEPS if learn else 0):
        variances = improved(posterior, parts, evidence.log_minutes)
        kernel, posterior = _fitted(parts, cells, variances, evidence.log_minutes, (posterior.f, posterior.tau))
    if not (np.isfinite(posterior.f).all() and np.isfinite(posterior.precision).all()):
        raise np.linalg.LinAlgError("the posterior is not finite")
    return Belief(evidence.encoding, posterior, tuple(int(row) for row in rows), seen, kernel)


def success(f: Floats, tau: Floats) -> Floats:
    """The success rate over all tasks, for each draw of f (… × draws) and τ (tasks × draws)."""
    found: Floats = expit(f[..., None, :] + tau).mean(axis=-2)
    return found


def root(covariance: Floats) -> Floats:
    """A lower triangular root of a covariance, which rounding may have made slightly indefinite."""
    jitter = _JITTER * max(float(np.trace(covariance)) / len(covariance), 1e-6)
    for _ in range(8 if np.isfinite(covariance).all() else 0):
        try:
            found: Floats = np.linalg.cholesky(covariance + jitter * np.eye(len(covariance)))
        except np.linalg.LinAlgError:
            jitter *= 10
        else:
            return found
    raise np.linalg.LinAlgError("a covariance has no root")


def _fitted(
    parts: Parts, cells: Cells, variances: Variances, log_minutes: Floats, start: tuple[Floats, Floats] | None
) -> tuple[Floats, Posterior]:
    kernel = parts.kernel(variances) + variances.residual * np.eye(len(cells.counts))
    return kernel, fit(kernel, cells, variances, log_minutes, start)


def _parts(encoding: Encoding, a: Floats, b: Floats) -> Parts:
    product: Floats = (_UNLIKE + (1 - _UNLIKE) * encoding.alike(a, b)).prod(axis=0)
    return Parts(encoding.kernels(a, b), product)


def _longer(rows: Floats) -> Floats:
    return np.vstack([rows, np.zeros((1, rows.shape[1]))])
