"""What peers share: who recommends by what was observed claims the observed mean."""

from collections.abc import Sequence

from scipy import stats

from unhobble.configuration import Configuration
from unhobble.records import Recommendation

_CREDIBLE = 0.9


def claimed(trial: int, configuration: Configuration, scores: Sequence[float]) -> Recommendation:
    """A recommendation whose claim is the mean of ``scores``, at least one, with Jeffreys' interval around it.

    The peers say nothing of an interval, nor of how probable it is that they are right: they take it for certain.
    """
    total, tail = sum(scores), (1 - _CREDIBLE) / 2
    posterior = stats.beta(0.5 + total, 0.5 + len(scores) - total)
    return Recommendation(
        trial=trial,
        configuration=configuration,
        mean=total / len(scores),
        low=float(posterior.ppf(tail)),
        high=float(posterior.ppf(1 - tail)),
        probability_best=1.0,
        rollouts=len(scores),
    )
