"""Thompson sampling on the belief: which configuration to try on which task.

Every so often the belief is fitted anew, candidates are gathered, and their success is drawn from the posterior, jointly, as
often as rollouts are wanted. Each draw's best candidate is tried (Thompson 1933; Russo and others 2018, "A Tutorial on Thompson
Sampling", arXiv 1707.02038), so that many rollouts under way spread over whatever may be the best. Most draws are narrowed:
what shall be good is the recommendation at the end, and not every rollout on the way to it (pure exploration, as in the top-two
sampling of Russo 2020, arXiv 1602.08448), so that the contenders get more rollouts than plain Thompson sampling gives them.

A task is one of those that the configuration was tried on least, the rather the nearer its expected success is to a half: there an
outcome says most.
"""

import math
import random
from collections import deque
from dataclasses import dataclass

import numpy as np
import optuna
from scipy.special import expit

from service.search.pooled.belief import Belief, Evidence, believe, root, success
from service.search.pooled.candidates import Candidates, candidates
from service.search.pooled.encoding import Encoding, Floats
from service.search.pooled.outlook import look_out
from service.search.pooled.sampler import ChosenSampler
from service.search.problem import SearchProblem
from unhobble.configuration import Configuration
from unhobble.records import Outcome, Outlook, Recommendation, RolloutRequest
from unhobble.tracks import Track
from unhobble.vocabulary import TrialState

_BATCH, _BATCH_LEAST, _BATCH_MOST = 1 / 16, 8, 48
"""Rollouts that are planned at once, as a share of those before."""

_REFIT = 1 / 30
"""The belief is fitted anew when its rollouts have grown by this share, or by four."""

_LEARN = 1.15
"""Variances are looked for anew when rollouts have grown by this factor: they change slowly."""

_DRAWS = 1_000
_CREDIBLE = 0.9
_COMPARED = 200


@dataclass(frozen=True)
class Policy:
    """How rollouts are chosen; ``strategies.pooled.Config`` says what each is."""

    startup_rollouts: int
    narrowed: float
    wide_share: float
    leader_share: float
    headline_share: float


@dataclass
class _Trial:
    number: int
    row: int
    track: Track
    proposal: optuna.trial.Trial | None = None
    under_way: int = 0


class PooledStrategy:
    """``protocols.SearchStrategy`` by one model of all rollouts."""

    forecasts = True

    def __init__(self, policy: Policy, problem: SearchProblem) -> None:
        self._policy, self._problem = policy, problem
        self._evidence = Evidence(Encoding(problem.space), problem.tasks)
        self._headline = problem.track_of(problem.baseline)
        self._trials: dict[int, _Trial] = {}
        self._number_of: dict[Configuration, int] = {}
        self._epochs = np.zeros((0, len(problem.tasks)), dtype=int)
        self._asked = 0
        self._queue: deque[tuple[int, int]] = deque()
        self._cells: set[tuple[int, str, int]] = set()
        self._belief: Belief | None = None
        self._fitted_at, self._learn_at = 0, 0.0
        self._sampler = ChosenSampler()
        self._optuna = optuna.create_study(direction="maximize", sampler=self._sampler)
        self._latest: tuple[int, Belief] | None = None

    # --- the seam -----------------------------------------------------------------------------------------------------
    def propose(self, n: int) -> list[RolloutRequest]:
        """See ``protocols.SearchStrategy``."""
        requests: list[RolloutRequest] = []
        while len(requests) < n and self._asked < self._problem.rollouts:
            if not self._queue:
                self._plan()
            number, column = self._queue.popleft()
            requests.append(self._request(self._trials[number], column))
        return requests

    def adopt(self, trial: int, configuration: Configuration) -> None:
        """See ``protocols.SearchStrategy``."""
        self._enter(configuration, trial)

    def record(self, outcome: Outcome) -> None:
        """See ``protocols.SearchStrategy``."""
        trial = self._trials[outcome.trial]
        cell = (outcome.trial, outcome.task, outcome.epoch)
        if cell in self._cells:
            self._cells.remove(cell)
            trial.under_way -= 1
        else:  # replayed from an earlier process
            column = self._evidence.column(outcome.task)
            self._epochs[trial.row, column] = max(self._epochs[trial.row, column], outcome.epoch + 1)
            self._asked += 1
        if outcome.score is None:
            self._asked -= 1
            return
        self._evidence.add(trial.row, outcome.task, outcome.score)
        self._tell(trial, outcome.score)

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        self._cells.remove((request.trial, request.task, request.epoch))
        self._trials[request.trial].under_way -= 1
        self._asked -= 1

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        return TrialState.running if self._trials[trial].under_way else TrialState.complete

    def recommend(self, n: int = 1, track: Track | None = None) -> list[Recommendation]:
        """See ``protocols.SearchStrategy``."""
        belief = self._now()
        if belief is None:
            return []
        of_track = [trial for trial in self._tried(track) if trial.row in set(belief.rows)]
        if not of_track:
            return []
        places = self._evidence.places[[trial.row for trial in of_track]]
        mean, deviation = belief.marginal(places, [trial.row for trial in of_track])
        compared = [of_track[place] for place in np.argsort(-(mean + 2 * deviation), kind="stable")[:_COMPARED]]
        rows = [trial.row for trial in compared]
        f, tau = belief.draws(self._evidence.places[rows], rows, _DRAWS, np.random.default_rng(self._problem.seed))
        rates = success(f, tau)
        wins = np.bincount(f.argmax(axis=0), minlength=len(rows)) / _DRAWS
        tail = (1 - _CREDIBLE) / 2
        low, high = np.quantile(rates, [tail, 1 - tail], axis=1)
        means = rates.mean(axis=1)
        return [
            Recommendation(
                trial=compared[place].number,
                configuration=self._evidence.configurations[rows[place]],
                mean=float(means[place]),
                low=float(low[place]),
                high=float(high[place]),
                probability_best=float(wins[place]),
                rollouts=int(self._evidence.counts[rows[place]].sum()),
            )
            for place in sorted(range(len(rows)), key=lambda place: (-means[place], compared[place].number))[:n]
        ]

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """See ``protocols.SearchStrategy``."""
        belief = self._now()
        recommended = self.recommend(1, track)
        if belief is None or not recommended:
            return None
        of_track = track or self._headline
        return look_out(
            self._problem.space,
            self._evidence,
            belief,
            self._trials[recommended[0].trial].row,
            seed=self._problem.seed,
            wanted=lambda configuration: self._problem.track_of(configuration) == of_track,
        )

    # --- what to try --------------------------------------------------------------------------------------------------
    def _plan(self) -> None:
        """Put some rollouts into the queue."""
        if not self._trials:
            self._enter(self._problem.baseline, 0)
        baseline = self._trials.get(0)
        if baseline is not None and not self._epochs[baseline.row].all():
            missing = np.flatnonzero(self._epochs[baseline.row] == 0)
            self._queue.extend((0, int(column)) for column in self._rng().permutation(missing))
            return
        rng = self._rng()
        batch = int(np.clip(self._asked * _BATCH, _BATCH_LEAST, _BATCH_MOST))
        belief = self._fresh() if self._evidence.rollouts >= self._policy.startup_rollouts else None
        if belief is None:
            self._queue_at_random(batch, rng)
            return
        draw = random.Random(int(rng.integers(2**62)))
        offered = candidates(self._problem.space, self._evidence, belief, draw)
        self._queue_by_draws(belief, offered, batch, rng)

    def _queue_at_random(self, batch: int, rng: np.random.Generator) -> None:
        draw = random.Random(int(rng.integers(2**62)))
        planned: dict[int, Floats] = {}
        for _ in range(batch):
            self._queue_rollout(self._number(self._problem.space.sample(draw)), None, planned, rng)

    def _queue_by_draws(self, belief: Belief, offered: Candidates, batch: int, rng: np.random.Generator) -> None:
        mean, covariance = belief.joint(offered.places, offered.rows)
        policy = self._policy
        width = np.where(rng.random(batch) < policy.wide_share, 1.0, policy.narrowed)
        width[rng.random(batch) < policy.leader_share] = 0.1
        drawn = mean[:, None] + width * (root(covariance) @ rng.standard_normal((len(mean), batch)))
        tracks = [self._problem.track_of(configuration) for configuration in offered.configurations]
        groups = sorted(set(tracks), key=lambda track: (track != self._headline, track.order))
        most = max(4, math.ceil((len(self._cells) + batch) / 12))
        planned: dict[int, Floats] = {}
        for column in range(batch):
            group = self._group(groups, rng)
            order = [place for place in np.argsort(-drawn[:, column], kind="stable") if tracks[place] == group]
            for place in order:
                number = self._number(offered.configurations[place])
                if self._trials[number].under_way + planned.get(number, np.zeros(1)).sum() < most:
                    break
            self._queue_rollout(number, belief.tau + drawn[place, column], planned, rng)

    def _group(self, groups: "list[Track]", rng: np.random.Generator) -> Track:
        if len(groups) == 1 or rng.random() < self._policy.headline_share:
            return groups[0]
        return groups[1 + int(rng.integers(len(groups) - 1))]

    def _queue_rollout(self, number: int, logits: Floats | None, planned: dict[int, Floats], rng: np.random.Generator) -> None:
        """One rollout of a trial on a task that it was asked for least; of those, the rather one near a half by ``logits``."""
        waiting = planned.setdefault(number, np.zeros(len(self._problem.tasks)))
        asked = self._epochs[self._trials[number].row] + waiting
        least = np.flatnonzero(asked == asked.min())
        said = np.full(len(least), 0.25) if logits is None else expit(logits[least]) * expit(-logits[least])
        worth = 2 * np.log(said + 0.02) + 0.7 * rng.gumbel(size=len(least))
        column = int(least[worth.argmax()])
        waiting[column] += 1
        self._queue.append((number, column))

    def _request(self, trial: _Trial, column: int) -> RolloutRequest:
        task, epoch = self._problem.tasks[column].id, int(self._epochs[trial.row, column])
        self._epochs[trial.row, column] += 1
        trial.under_way += 1
        self._asked += 1
        self._cells.add((trial.number, task, epoch))
        configuration = self._evidence.configurations[trial.row]
        return RolloutRequest(trial=trial.number, configuration=configuration, task=task, epoch=epoch)

    def _rng(self) -> np.random.Generator:
        """It depends on how far the search is and on nothing before, so that a restart changes little."""
        return np.random.default_rng([self._problem.seed, self._asked, self._evidence.rollouts])

    # --- trials -------------------------------------------------------------------------------------------------------
    def _number(self, configuration: Configuration) -> int:
        """The number of the trial of ``configuration``, a new one where it has none; Optuna is asked for it."""
        known = self._number_of.get(configuration)
        if known is not None:
            return known
        proposal = self._sampler.ask(self._optuna, configuration, self._problem.space)
        trial = self._enter(configuration, max(self._trials) + 1)
        trial.proposal = proposal
        return trial.number

    def _enter(self, configuration: Configuration, number: int) -> _Trial:
        row = self._evidence.enter(configuration)
        self._epochs = np.vstack([self._epochs, np.zeros((1, len(self._problem.tasks)), dtype=int)])
        trial = self._trials[number] = _Trial(number, row, self._problem.track_of(configuration))
        self._number_of[configuration] = number
        return trial

    def _tell(self, trial: _Trial, score: float) -> None:
        """Optuna can be told of a trial once: at its first score."""
        if trial.proposal is not None:
            self._optuna.tell(trial.proposal, score)
            trial.proposal = None

    def _tried(self, track: Track | None) -> list[_Trial]:
        return [trial for trial in self._trials.values() if trial.track == (track or self._headline)]

    # --- beliefs ------------------------------------------------------------------------------------------------------
    def _fresh(self) -> Belief | None:
        """The belief that proposals go by; it changes at certain numbers of rollouts only, so that looking changes nothing."""
        rollouts = self._evidence.rollouts
        if self._belief is None or rollouts - self._fitted_at >= max(4, rollouts * _REFIT):
            learn = rollouts >= self._learn_at
            try:
                self._belief = believe(self._evidence, self._belief, learn=learn)
            except np.linalg.LinAlgError:
                return self._belief  # an older one; without any, configurations are drawn at random
            self._fitted_at = rollouts
            if learn:
                self._learn_at = rollouts * _LEARN
        return self._belief

    def _now(self) -> Belief | None:
        """The belief by all that was recorded, which proposals do not see."""
        rollouts = self._evidence.rollouts
        if rollouts and (self._latest is None or self._latest[0] != rollouts):
            try:
                self._latest = rollouts, believe(self._evidence, self._belief, learn=self._belief is None)
            except np.linalg.LinAlgError:
                self._latest = (rollouts, self._belief) if self._belief else None
        return self._latest[1] if self._latest else None
