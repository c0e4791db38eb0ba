"""Does the best configuration beat plain resampling: the baseline with as many attempts as the same spend buys? Pure functions.

A scaffold that costs five times as much as the baseline should do better than five attempts of the baseline. How many attempts
solve a task at least once is estimated without bias by 1 - C(f, n) / C(N, n) from N attempts with f failures (Chen et al. 2021,
"Evaluating Large Language Models Trained on Code", arXiv 2107.03374, equation 1); with partial scores it is the expected highest
score of n attempts drawn from the N.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from unhobble.analysis.capability import paired_difference, success_rate
from unhobble.analysis.report import LEVEL, Resampled
from unhobble.messages import Frozen

MOST_ATTEMPTS = 32
_REACHED_BY = 0.9
"""Share of the tasks that must have so many attempts of the baseline, for a figure to be of so many."""


class Cost(Frozen):
    """What one rollout cost; None where that is not known."""

    usd: float | None
    tokens: int | None


class Match(Frozen):
    """How much dearer a rollout of the best configuration is, in ``unit`` (usd or tokens), and what that buys of the baseline."""

    ratio: float
    unit: str

    @property
    def attempts(self) -> int:
        """Attempts of the baseline for one of the best: rounded up, in the baseline's favour; at most ``MOST_ATTEMPTS``."""
        return min(MOST_ATTEMPTS, max(1, math.ceil(self.ratio - 1e-9)))


def match(best: Iterable[Cost], baseline: Iterable[Cost]) -> Match | None:
    """Compare mean costs: in dollars, or in tokens where not every price is known; None where neither says anything."""
    costs = list(best), list(baseline)
    for unit in ("usd", "tokens"):
        means = [_mean_of([getattr(cost, unit) for cost in of_arm]) for of_arm in costs]
        if all(means):
            return Match(ratio=means[0] / means[1], unit=unit)  # type: ignore[operator]  # neither is None or 0
    return None


def best_of(scores: Sequence[float], n: int) -> float:
    """The expected highest of ``n`` of ``scores`` drawn without replacement. Raises ``ValueError`` where there are fewer."""
    if not 1 <= n <= len(scores):
        raise ValueError(f"the best of {n} attempts cannot be told from {len(scores)}")
    ways = math.comb(len(scores), n)
    return sum(score * math.comb(place, n - 1) / ways for place, score in enumerate(sorted(scores)))


def resample(
    best: Mapping[str, Sequence[float]], baseline: Mapping[str, Sequence[float]], matched: Match, *, compared: int
) -> Resampled | None:
    """Set ``best`` against the baseline's attempts, of which the highest counts; all by task. None without a task of both.

    Of fewer attempts than ``matched`` where the baseline did not have so many; what says so is ``Resampled.attempts``.
    """
    shared = sorted(task for task in best if best[task] and baseline.get(task))
    if not shared:
        return None
    counts = sorted(len(baseline[task]) for task in shared)
    attempts = min(matched.attempts, counts[math.floor((1 - _REACHED_BY) * len(counts))])
    picked = {task: [best_of(baseline[task], attempts)] for task in shared if len(baseline[task]) >= attempts}
    rollouts = sum(len(baseline[task]) for task in picked)
    difference = paired_difference(best, picked, level=LEVEL, compared=compared)
    return Resampled(
        cost_ratio=matched.ratio,
        unit=matched.unit,
        matched=matched.attempts,
        attempts=attempts,
        rate=success_rate(picked, level=LEVEL).model_copy(update={"rollouts": rollouts}),
        difference=difference.model_copy(update={"rollouts": rollouts + sum(len(best[task]) for task in picked)}),
    )


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
