"""The trials of a search: which rollouts each has, and what they say together."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from unhobble.configuration import Configuration
from unhobble.records import Recommendation, RolloutRequest, TaskInfo
from unhobble.tracks import PLAIN, Track
from unhobble.vocabulary import TrialState

Cell = tuple[str, int]
"""A task and an epoch."""

_DRAWS = 4_000
_CREDIBLE = 0.9


class Schedule:
    """The order in which every trial gets its cells. It is the same for all, so that any two trials are paired.

    All tasks come once (epoch 0) in an order drawn from the seed, then all of them again (epoch 1), and so on.
    """

    def __init__(self, tasks: Sequence[TaskInfo], seed: int) -> None:
        self._tasks = [task.id for task in tasks]
        random.Random(f"schedule-{seed}").shuffle(self._tasks)
        self._place = {task: place for place, task in enumerate(self._tasks)}

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(self._tasks)

    def cell(self, place: int) -> Cell:
        """The cell at a place, from 0."""
        epoch, index = divmod(place, len(self._tasks))
        return self._tasks[index], epoch

    def place(self, cell: Cell) -> int:
        """The place of a cell."""
        task, epoch = cell
        return epoch * len(self._tasks) + self._place[task]


@dataclass
class TrialLedger:
    """One trial's rollouts. ``wanted`` is how many cells of the schedule it should have by now; it is ranked in its ``track``."""

    number: int
    configuration: Configuration
    wanted: int
    track: Track = PLAIN
    state: TrialState = TrialState.running
    asked: set[Cell] = field(default_factory=set)
    abandoned: set[Cell] = field(default_factory=set)
    scores: dict[Cell, float] = field(default_factory=dict)
    _asked_to: int = field(default=0, repr=False)
    _settled_to: int = field(default=0, repr=False)

    @property
    def mean(self) -> float | None:
        """The observed mean; None without a score."""
        return sum(self.scores.values()) / len(self.scores) if self.scores else None

    def next_request(self, schedule: Schedule) -> RolloutRequest | None:
        """The next cell that is wanted and was not asked for yet."""
        while self._asked_to < self.wanted:
            cell = schedule.cell(self._asked_to)
            if cell not in self.asked:
                self.asked.add(cell)
                return RolloutRequest(trial=self.number, configuration=self.configuration, task=cell[0], epoch=cell[1])
            self._asked_to += 1  # what was asked for stays so: no place is looked at twice
        return None

    def settled(self, schedule: Schedule, to: int | None = None) -> bool:
        """Whether every wanted cell, or each of the first ``to``, has a score or was abandoned."""
        places = self.wanted if to is None else to
        while self._settled_to < places:
            cell = schedule.cell(self._settled_to)
            if cell not in self.scores and cell not in self.abandoned:
                return False
            self._settled_to += 1
        return True

    def score_at(self, schedule: Schedule, place: int) -> float | None:
        """The score of the cell at a place; None without one."""
        return self.scores.get(schedule.cell(place))

    def mean_of_first(self, schedule: Schedule, places: int) -> float | None:
        """The observed mean over the first ``places`` cells of the schedule; None where none of them has a score."""
        scores = [score for place in range(places) if (score := self.score_at(schedule, place)) is not None]
        return sum(scores) / len(scores) if scores else None


def probability_not_worse(trial: TrialLedger, incumbent: TrialLedger) -> float:
    """Probability that ``trial`` beats ``incumbent`` on a task where they differ, by a Bayesian sign test on shared cells.

    With w wins and l losses on paired cells and a uniform prior it is P(p > 1/2) for p ~ Beta(1 + w, 1 + l); ties say nothing.
    """
    shared = trial.scores.keys() & incumbent.scores.keys()
    wins = sum(trial.scores[c] > incumbent.scores[c] for c in shared)
    losses = sum(trial.scores[c] < incumbent.scores[c] for c in shared)
    return float(stats.beta.sf(0.5, 1 + wins, 1 + losses))


def posterior(trials: Sequence[TrialLedger]) -> dict[int, tuple[float, float]]:
    """Beta parameters of each scored trial's success rate, by trial number, under an empirical Bayes Beta-binomial model.

    All trials' success rates are taken to come from one Beta distribution, whose two parameters are fitted by the method of
    moments (with at least the weight of one rollout). A trial with few rollouts is thereby drawn towards the mean of all, which
    is what keeps the best of many lucky ones from being believed.
    """
    scored = [trial for trial in trials if trial.scores]
    if not scored:
        return {}
    counts = np.array([len(trial.scores) for trial in scored], dtype=float)
    totals = np.array([sum(trial.scores.values()) for trial in scored])
    a, b = _fit_beta(totals, counts)
    return {t.number: (float(a + y), float(b + n - y)) for t, y, n in zip(scored, totals, counts, strict=True)}


def in_track(
    beliefs: dict[int, tuple[float, float]], trials: Sequence[TrialLedger], track: Track
) -> dict[int, tuple[float, float]]:
    """The beliefs in the trials of one track."""
    numbers = {trial.number for trial in trials if trial.track == track}
    return {number: belief for number, belief in beliefs.items() if number in numbers}


def by_belief(beliefs: dict[int, tuple[float, float]]) -> list[int]:
    """Trial numbers by posterior mean, best first; the older trial where they are equal."""
    return sorted(beliefs, key=lambda number: (-mean_of(beliefs[number]), number))


def mean_of(belief: tuple[float, float]) -> float:
    """The mean of a Beta distribution."""
    return belief[0] / (belief[0] + belief[1])


def recommend(trials: Sequence[TrialLedger], n: int, seed: int, track: Track) -> list[Recommendation]:
    """The ``n`` best trials of a track by posterior mean; the probability of being best in it is over 4,000 draws.

    What is believed rests on the trials of all tracks (see ``posterior``); what is ranked does not.
    """
    beliefs = in_track(posterior(trials), trials, track)
    if not beliefs:
        return []
    numbers = list(beliefs)
    a, b = np.array([beliefs[number] for number in numbers]).T
    draws = np.random.default_rng(seed).beta(a, b, size=(_DRAWS, len(numbers)))
    wins = np.bincount(draws.argmax(axis=1), minlength=len(numbers)) / _DRAWS
    best = dict(zip(numbers, wins, strict=True))
    ledgers = {trial.number: trial for trial in trials}
    tail = (1 - _CREDIBLE) / 2
    return [
        Recommendation(
            trial=number,
            configuration=ledgers[number].configuration,
            mean=mean_of(beliefs[number]),
            low=float(stats.beta.ppf(tail, *beliefs[number])),
            high=float(stats.beta.ppf(1 - tail, *beliefs[number])),
            probability_best=float(best[number]),
            rollouts=len(ledgers[number].scores),
        )
        for number in by_belief(beliefs)[:n]
    ]


def _fit_beta(totals: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Beta parameters from the means' spread beyond what binomial noise explains; never sharper than all rollouts together."""
    mean = float((totals.sum() + 0.5) / (counts.sum() + 1))
    spread = float(np.average((totals / counts - mean) ** 2, weights=counts))
    noise = mean * (1 - mean) * len(counts) / float(counts.sum())
    between = max(spread - noise, 1e-4)
    strength = float(np.clip(mean * (1 - mean) / between - 1, 1.0, counts.sum()))
    return mean * strength, (1 - mean) * strength
