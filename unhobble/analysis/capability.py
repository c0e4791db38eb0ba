"""Estimates of capability with their uncertainty.

Rollouts of one task are not independent, so every interval is clustered by task (Miller 2024, "Adding error bars to evals",
equation 4), with Student's t on (tasks - 1) degrees of freedom for small suites.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pydantic import Field

from unhobble.messages import Frozen

Scores = Mapping[str, Sequence[float]]
"""Scores in [0, 1] by task id."""


class Interval(Frozen):
    """An estimate with its two-sided confidence interval."""

    mean: float
    low: float
    high: float
    level: float = Field(description="Confidence level, simultaneous where several were compared.")
    rollouts: int
    tasks: int


def by_task(rows: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    """Group (task, score) pairs by task."""
    grouped: dict[str, list[float]] = defaultdict(list)
    for task, score in rows:
        grouped[task].append(score)
    return dict(grouped)


def success_rate(scores: Scores, *, level: float = 0.9, compared: int = 1) -> Interval:
    """The mean score with an interval clustered by task, cut to [0, 1].

    ``compared`` is the number of configurations that the best was chosen from; the level of each interval is raised so that all
    hold together with probability ``level`` (Šidák). Where the observed variance between tasks is 0, which says more about the
    size of the suite than about the model, the limits are Clopper and Pearson's with the number of tasks as the sample size.

    Raises ``ValueError`` without any score.
    """
    rollouts = sum(map(len, scores.values()))
    if rollouts == 0:
        raise ValueError("an estimate needs at least one scored rollout")
    mean = sum(map(sum, scores.values())) / rollouts
    tail = (1 - level ** (1 / compared)) / 2
    half = _half_width([(sum(s) - mean * len(s)) for s in scores.values()], rollouts, tail)
    low, high = (mean - half, mean + half) if half else _exact(mean, len(scores), tail)
    return Interval(mean=mean, low=max(0.0, low), high=min(1.0, high), level=level, rollouts=rollouts, tasks=len(scores))


def paired_difference(scores: Scores, baseline: Scores, *, level: float = 0.9, compared: int = 1) -> Interval:
    """The mean over shared tasks of (mean score - mean score of the baseline), with an interval clustered by task.

    Pairing removes the difficulty of the tasks from the error (Miller 2024, section 4). Where all differences are equal, the
    limits are Clopper and Pearson's for (difference + 1) / 2 with the number of tasks as the sample size. Raises ``ValueError``
    without a shared task.
    """
    shared = sorted(t for t in scores.keys() & baseline.keys() if scores[t] and baseline[t])
    if not shared:
        raise ValueError("a paired difference needs a task that both were scored on")
    differences = [float(np.mean(scores[t]) - np.mean(baseline[t])) for t in shared]
    mean = float(np.mean(differences))
    tail = (1 - level ** (1 / compared)) / 2
    half = _half_width([d - mean for d in differences], len(shared), tail)
    low, high = (mean - half, mean + half) if half else (2 * limit - 1 for limit in _exact((mean + 1) / 2, len(shared), tail))
    rollouts = sum(len(scores[t]) + len(baseline[t]) for t in shared)
    return Interval(
        mean=mean,
        low=max(-1.0, low),
        high=min(1.0, high),
        level=level,
        rollouts=rollouts,
        tasks=len(shared),
    )


def share(count: int, total: int, *, level: float = 0.9) -> Interval:
    """A share of ``total`` things with Clopper and Pearson's interval. Raises ``ValueError`` where ``total`` is 0."""
    if total == 0:
        raise ValueError("a share of nothing has no value")
    tail = (1 - level) / 2
    low, high = _exact(count / total, total, tail)
    return Interval(mean=count / total, low=low, high=high, level=level, rollouts=total, tasks=0)


def _half_width(cluster_residuals: Sequence[float], n: int, tail: float) -> float:
    """Half the width of a t interval from the sums of residuals of each cluster; ``n`` is the number of observations."""
    clusters = len(cluster_residuals)
    if clusters < 2:
        return 0.0
    variance = sum(r * r for r in cluster_residuals) / n**2 * clusters / (clusters - 1)
    from scipy import stats  # costs a second, which who only reads findings need not pay

    return float(stats.t.ppf(1 - tail, clusters - 1)) * math.sqrt(variance)


def _exact(rate: float, n: int, tail: float) -> tuple[float, float]:
    from scipy import stats  # see above

    successes = rate * n
    low = float(stats.beta.ppf(tail, successes, n - successes + 1)) if successes > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return low, high
