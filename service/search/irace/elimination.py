"""Which configurations of a race are clearly worse than the best one, from their scores on the same cells (section 2.1.3)."""

from typing import Literal

import numpy as np
from scipy import stats

from service.search.wilcoxon import probability_of_less

Test = Literal["friedman", "t-test"]


def survivors(scores: np.ndarray, test: Test, alpha: float) -> list[bool]:
    """Who stays, from ``scores`` of shape (cells, configurations); more is better, and there are no gaps."""
    cells, configurations = scores.shape
    if configurations < 2 or cells < 2:
        return [True] * configurations
    return _by_t_test(scores, alpha) if test == "t-test" else _by_friedman(scores, alpha)


def order(scores: np.ndarray, test: Test) -> np.ndarray:
    """The configurations, best first: by the sum of their ranks in each cell, or by their means; the earlier one where equal."""
    if not len(scores):
        return np.arange(scores.shape[1])
    key = -scores.mean(axis=0) if test == "t-test" else _ranks(scores).sum(axis=0)
    return np.argsort(key, kind="stable")


def _by_t_test(scores: np.ndarray, alpha: float) -> list[bool]:
    """Paired one-sided t-tests of the one with the best mean against each other, without a correction for their number."""
    best = int(order(scores, "t-test")[0])
    stays = []
    for other in range(scores.shape[1]):
        difference = scores[:, best] - scores[:, other]
        deviation = difference.std(ddof=1)
        if deviation == 0:  # the same on each cell, or better by the same amount
            stays.append(bool(difference[0] <= 0))
        else:
            t = difference.mean() / (deviation / np.sqrt(len(difference)))
            stays.append(bool(stats.t.sf(t, len(difference) - 1) >= alpha))
    return stays


def _by_friedman(scores: np.ndarray, alpha: float) -> list[bool]:
    """Friedman's test with ties, then Conover's comparisons with the best (Conover 1999, section 5.8); Wilcoxon's for two."""
    cells, configurations = scores.shape
    if configurations == 2:
        return _by_wilcoxon(scores, alpha)
    ranks = _ranks(scores)
    sums, squares = ranks.sum(axis=0), float((ranks**2).sum())
    spread = squares - cells * configurations * (configurations + 1) ** 2 / 4
    if spread <= 0:  # all are tied in every cell
        return [True] * configurations
    statistic = (configurations - 1) * float(((sums - cells * (configurations + 1) / 2) ** 2).sum()) / spread
    if stats.chi2.sf(statistic, configurations - 1) >= alpha:
        return [True] * configurations
    freedom = (cells - 1) * (configurations - 1)
    variance = max(0.0, 2 * (cells * squares - float((sums**2).sum())) / freedom)
    least = stats.t.ppf(1 - alpha / 2, freedom) * np.sqrt(variance)
    return [bool(s - sums.min() <= least) for s in sums]


def _by_wilcoxon(scores: np.ndarray, alpha: float) -> list[bool]:
    best = int(order(scores, "friedman")[0])
    against = scores[:, 1 - best] - scores[:, best]
    worse = probability_of_less(tuple(against.tolist())) < alpha
    return [place == best or not worse for place in (0, 1)]


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks within each cell, 1 for the best; ties share theirs."""
    return np.asarray(stats.rankdata(-scores, axis=1))
