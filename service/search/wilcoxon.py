"""Optuna's WilcoxonPruner, with its test computed in another way.

For up to 13 pairs with ties, which outcomes of 0 and 1 always give, SciPy goes through all 2^n signs, one by one: a second for each
outcome. The same exact p-value comes from the distribution of the rank sum, which is built up pair by pair.
"""

import numpy as np
import optuna
from scipy import stats

from service.search.proposing import TRACK

_EXACT_UP_TO = 13
"""SciPy's own border: with more pairs it takes the normal approximation."""


class PairedPruner(optuna.pruners.BasePruner):  # type: ignore[misc]  # mypy does not follow Optuna
    """Decides as ``optuna.pruners.WilcoxonPruner`` does in a study that maximises; see there for the rule and its parameters.

    The best trial is the best one of the trial's own track: those of other tracks are not compared with it.
    """

    def __init__(self, p_threshold: float, startup_steps: int) -> None:
        self._p_threshold = p_threshold
        self._startup_steps = startup_steps
        self._known: dict[tuple[float, ...], float] = {}

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Whether ``trial`` is worse than the best one on the steps that both have, and its mean is below the best one's."""
        complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        of_track = [other for other in complete if other.user_attrs.get(TRACK) == trial.user_attrs.get(TRACK)]
        if not of_track:
            return False
        best = max(of_track, key=lambda other: other.value).intermediate_values  # the oldest of the best, as Optuna has it
        mine = trial.intermediate_values
        differences = tuple(sorted(mine[step] - best[step] for step in mine.keys() & best.keys()))
        if len(differences) < max(2, self._startup_steps):
            return False
        if differences not in self._known:
            self._known[differences] = probability_of_less(differences)
        is_worse = self._known[differences] < self._p_threshold
        return is_worse and sum(best.values()) / len(best) > sum(mine.values()) / len(mine)


def probability_of_less(differences: tuple[float, ...]) -> float:
    """The p-value of the one-sided signed-rank test that differences tend to be below 0; zeros count half to either side.

    Pratt 1959 ranks zeros among the others (``zsplit`` in SciPy); Wilcoxon 1945, https://doi.org/10.2307/3001968.
    """
    d = np.array(differences)
    if len(d) > _EXACT_UP_TO or not _has_ties(d):
        return float(stats.wilcoxon(d, alternative="less", zero_method="zsplit").pvalue)
    ranks = np.rint(2 * stats.rankdata(np.abs(d))).astype(int)  # ties have half ranks; doubled, they are whole
    # ways[s]: in how many of the choices of signs the ranks of the positive differences sum to s
    ways = np.ones(1)
    for rank in ranks[d != 0]:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    return float(ways[: ranks[d > 0].sum() + 1].sum() / ways.sum())


def _has_ties(d: np.ndarray) -> bool:
    return bool((d == 0).any()) or len(np.unique(np.abs(d))) < len(d)
