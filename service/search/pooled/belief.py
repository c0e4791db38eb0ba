"""What all rollouts of a search say together of every configuration of its space, those that were tried and all others."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit

from service.search.pooled.earlier import BEGIN, DROPPED, GRID, Source, seen_together, shares
from service.search.pooled.encoding import Encoding, Floats
from service.search.pooled.model import Cells, Numbers, Parts, Posterior, Variances, fit, improved, log_evidence
from unhobble.configuration import Configuration
from unhobble.records import TaskInfo

_UNLIKE = 0.6
"""What two configurations that differ in one unordered dimension share of the remainder, as a share of all of it."""

_STEPS = 4
"""Steps towards better variances whenever they are looked for."""

_JITTER = 1e-8


@dataclass
class Evidence:
    """Rollouts by configuration and task. Rows are in the order in which configurations were entered.

    ``earlier`` is what other studies have seen, which has no rows here.
    """

    encoding: Encoding
    tasks: tuple[TaskInfo, ...]
    configurations: list[Configuration] = field(default_factory=list)
    earlier: tuple[Source, ...] = ()
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

    ``rows`` are the configurations that have rollouts, and below -1 those of earlier studies; ``seen`` are their places.
    ``columns`` are the tasks in the same manner, of which the first ``tasks`` are this study's.
    """

    encoding: Encoding
    posterior: Posterior
    rows: tuple[int, ...]
    seen: Floats
    kernel: Floats
    tasks: int
    columns: tuple[int, ...]
    weights: tuple[float, ...]
    """Of each earlier study: how far f there is correlated with f here, 0 to 1. One that is hardly is left out."""
    bond: Floats
    """Of each row: the same; 1 for this study's own."""

    @property
    def variances(self) -> Variances:
        """Of the parts of the model."""
        return self.posterior.variances

    @property
    def tau(self) -> Floats:
        """The effects of this study's tasks."""
        return self.posterior.tau[: self.tasks]

    def cross(self, places: Floats, rows: Sequence[int] | None = None) -> Floats:
        """Prior covariance with the configurations seen. ``rows`` are the configurations' own, where they have some, else -1."""
        found = _parts(self.encoding, places, self.seen).kernel(self.variances) * self.bond
        if rows is not None:
            same = np.asarray(rows)[:, None] == np.asarray(self.rows)[None, :]
            if (elsewhere := np.asarray(self.rows) < -1).any():
                same[:, elsewhere] = (places[:, None, :] == self.seen[None, elsewhere, :]).all(axis=-1)
            found = found + self.variances.residual * self.bond * same
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
        follows = self.posterior.task_gain[: self.tasks]
        with_tau = -at_seen @ follows.T
        tau = self.posterior.task_rest[: self.tasks, : self.tasks] + follows @ seen @ follows.T
        whole = np.block([[covariance, with_tau], [with_tau.T, tau]])
        drawn = np.concatenate([mean, self.tau])[:, None] + root(whole) @ rng.standard_normal((len(whole), count))
        return drawn[: len(places)], drawn[len(places) :]


def believe(evidence: Evidence, before: Belief | None = None, *, learn: bool) -> Belief:
    """The belief after ``evidence``, which must hold a rollout; ``learn``: look for better variances than those of ``before``.

    Raises ``numpy.linalg.LinAlgError`` where the model cannot be fitted.
    """
    variances = before.variances if before else Variances.begin(len(evidence.encoding.axes))
    weights = before.weights if before else (BEGIN,) * len(evidence.earlier)
    if learn and evidence.earlier:
        every = _seen(evidence, [True] * len(weights))
        weights = _weighed(every, weights, variances, every.start(before))
    seen = _seen(evidence, [weight >= DROPPED for weight in weights])
    parts = seen.parts_by(weights)
    kernel, posterior = seen.fitted(parts, variances, seen.start(before))
    for _ in range(_STEPS if learn else 0):
        variances = improved(posterior, parts, seen.log_minutes, seen.studies_of_tasks)
        kernel, posterior = seen.fitted(parts, variances, (posterior.f, posterior.tau))
    if not (np.isfinite(posterior.f).all() and np.isfinite(posterior.precision).all()):
        raise np.linalg.LinAlgError("the posterior is not finite")
    bond = np.array([1.0, *weights])[seen.studies]
    return Belief(evidence.encoding, posterior, seen.rows, seen.places, kernel, len(evidence.tasks), seen.columns, weights, bond)


@dataclass(frozen=True)
class _Seen:
    """What a belief is fitted to: rows and columns of this study (0 in ``studies``), and of earlier ones from 1."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    places: Floats
    parts: Parts
    cells: Cells
    log_minutes: Floats
    studies: Numbers
    studies_of_tasks: Numbers

    def parts_by(self, weights: Sequence[float]) -> Parts:
        """The parts where earlier studies have these weights; what is of one study alone stays as it is."""
        return self.parts if not self.studies.any() else replace(self.parts, shared=shares(self.studies, weights))

    def start(self, before: Belief | None) -> tuple[Floats, Floats] | None:
        """Where Newton's method begins: at what was believed before."""
        if before is None:
            return None
        f = dict(zip(before.rows, before.posterior.f, strict=True))
        tau = dict(zip(before.columns, before.posterior.tau, strict=True))
        return np.array([f.get(row, 0.0) for row in self.rows]), np.array([tau.get(column, 0.0) for column in self.columns])

    def fitted(self, parts: Parts, variances: Variances, start: tuple[Floats, Floats] | None) -> tuple[Floats, Posterior]:
        """The kernel and the posterior."""
        kernel = parts.whole(variances)
        return kernel, fit(kernel, self.cells, variances, self.log_minutes, start, self.studies_of_tasks)


def _seen(evidence: Evidence, wanted: Sequence[bool]) -> _Seen:
    """Configurations of this study that have rollouts, and what the ``wanted`` ones of the earlier studies have seen."""
    own = np.flatnonzero(evidence.counts.sum(axis=1) > 0)
    together = seen_together(
        Source("", evidence.places[own], evidence.counts[own], evidence.scores[own], evidence.log_minutes),
        [(number, source) for number, source in enumerate(evidence.earlier) if wanted[number]],
    )
    parts = _parts(evidence.encoding, together.places, together.places)
    return _Seen(
        rows=(*(int(row) for row in own), *together.rows),
        columns=(*range(len(evidence.tasks)), *together.columns),
        places=together.places,
        parts=parts if together.same is None else replace(parts, same=together.same),
        cells=Cells(together.counts, together.scores),
        log_minutes=together.log_minutes,
        studies=together.studies,
        studies_of_tasks=together.studies_of_tasks,
    )


def _weighed(seen: _Seen, weights: Sequence[float], variances: Variances, start: tuple[Floats, Floats] | None) -> tuple[float, ...]:
    """Posterior means of the weights, one after the other, each over a grid of which all points were as likely before.

    A mean under 0 counts as 0. The mean and not the mode: an earlier study of which little can be said yet counts a little.
    """
    found = list(weights)
    for number in range(len(found)):
        heights = []
        for weight in GRID:
            found[number] = weight
            kernel, posterior = seen.fitted(seen.parts_by(found), variances, start)
            start = posterior.f, posterior.tau
            heights.append(log_evidence(kernel, seen.cells, posterior, seen.log_minutes, seen.studies_of_tasks))
        likely = np.exp(np.array(heights) - max(heights))
        found[number] = max(0.0, float(likely @ np.array(GRID) / likely.sum()))
    return tuple(found)


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


def _parts(encoding: Encoding, a: Floats, b: Floats) -> Parts:
    product: Floats = (_UNLIKE + (1 - _UNLIKE) * encoding.alike(a, b)).prod(axis=0)
    return Parts(encoding.kernels(a, b), product)


def _longer(rows: Floats) -> Floats:
    return np.vstack([rows, np.zeros((1, rows.shape[1]))])
