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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import optuna
from scipy.special import expit

from service.search.pooled.belief import Belief, Evidence, believe, root, success
from service.search.pooled.candidates import Candidates, Height, by_success, candidates, drawn
from service.search.pooled.cost import CostBelief, Costs, promising, worth
from service.search.pooled.earlier import sources_of
from service.search.pooled.encoding import Encoding, Floats
from service.search.pooled.front import front_of, near_front
from service.search.pooled.outlook import look_out
from service.search.pooled.sampler import ChosenSampler
from service.search.problem import SearchProblem
from unhobble.configuration import Configuration
from unhobble.records import FrontPoint, Outcome, Outlook, Recommendation, RestsOn, RolloutRequest
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
_LOOKED_AT_FOR_TRACKS = 200


class Believing(Protocol):
    """What ``belief.believe`` does."""

    def __call__(self, evidence: Evidence, before: Belief | None, *, learn: bool) -> Belief:
        """Raises ``numpy.linalg.LinAlgError``."""
        ...


@dataclass(frozen=True)
class Policy:
    """How rollouts are chosen; ``strategies.pooled.Config`` says what each is."""

    startup_rollouts: int
    narrowed: float
    wide_share: float
    leader_share: float
    headline_share: float
    per_dollar: bool = False
    per_dollar_floor: float = 0.25


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

    def __init__(self, policy: Policy, problem: SearchProblem, believing: Believing = believe) -> None:
        self._policy, self._problem, self._believing = policy, problem, believing
        encoding = Encoding(problem.space)
        self._evidence = Evidence(encoding, problem.tasks, earlier=sources_of(problem.earlier, encoding))
        self._costs = Costs(self._evidence)
        self._track_known: dict[Configuration, Track] = {}
        self._headline = self._track_of(problem.baseline)
        draw = random.Random(f"tracks {problem.seed}")
        self._tracks = {self._track_of(problem.space.sample(draw)) for _ in range(_LOOKED_AT_FOR_TRACKS)}
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
        self._costs.add(trial.row, outcome)
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
        return self._recommended(n, track, self._price())

    def _recommended(self, n: int, track: Track | None, price: CostBelief | None) -> list[Recommendation]:
        """The best by success, or by success per cost where there is a ``price``."""
        rows = self._scored(track)
        if not rows:
            return []
        rng = np.random.default_rng(self._problem.seed)
        rests_on: tuple[RestsOn, ...] = ()
        try:
            rows, rates = self._rates(rows, rng, price)
            rests_on = self._rests_on(self._now())
        except np.linalg.LinAlgError:  # there is no model, so each configuration stands for itself
            seen, scored = self._evidence.counts[rows].sum(axis=1), self._evidence.scores[rows].sum(axis=1)
            rates = rng.beta(1 + scored[:, None], 1 + (seen - scored)[:, None], (len(rows), _DRAWS))
        means = rates.mean(axis=1)
        worths, order = rates, means
        if price is not None:
            places, floor = self._evidence.places[rows], self._policy.per_dollar_floor
            worths = worth(rates, price.draws(places, rows, _DRAWS, rng), floor)
            order = worth(means[:, None], price.log_cost(places, rows)[0][:, None], floor)[:, 0]
        wins = np.bincount(worths.argmax(axis=0), minlength=len(rows)) / _DRAWS
        tail = (1 - _CREDIBLE) / 2
        low, high = np.quantile(rates, [tail, 1 - tail], axis=1)
        numbers = [self._number_of[self._evidence.configurations[row]] for row in rows]
        return [
            Recommendation(
                trial=numbers[place],
                configuration=self._evidence.configurations[rows[place]],
                mean=float(means[place]),
                low=float(low[place]),
                high=float(high[place]),
                probability_best=float(wins[place]),
                rollouts=int(self._evidence.counts[rows[place]].sum()),
                per_cost=None if price is None else price.unit,
                rests_on=rests_on,
            )
            for place in sorted(range(len(rows)), key=lambda place: (-order[place], -means[place], numbers[place]))[:n]
        ]

    def _rates(self, rows: list[int], rng: np.random.Generator, price: CostBelief | None = None) -> tuple[list[int], Floats]:
        """The rows that may be the best, and draws of their success (rows x draws)."""
        belief = self._now()
        mean, deviation = belief.marginal(self._evidence.places[rows], rows)
        hope = mean + 2 * deviation
        height = self._height(belief, price, rows)(self._evidence.places[rows], rows, hope)
        best = set(np.argsort(-height, kind="stable")[:_COMPARED].tolist())
        kept = [rows[place] for place in np.argsort(-hope, kind="stable") if place in best]
        return kept, success(*belief.draws(self._evidence.places[kept], kept, _DRAWS, rng))

    def _rests_on(self, belief: Belief) -> tuple[RestsOn, ...]:
        return tuple(
            RestsOn(study=source.study, weight=weight, rollouts=int(source.counts.sum()))
            for source, weight in zip(self._evidence.earlier, belief.weights, strict=True)
        )

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """See ``protocols.SearchStrategy``."""
        recommended = self._recommended(1, track, None)  # forecasts are of success, whatever is searched for
        if not recommended:
            return None
        row, of_track = self._trials[recommended[0].trial].row, track or self._headline
        try:
            belief = self._now()
            wanted = self._is_of(of_track)
            found = look_out(self._problem.space, self._evidence, belief, row, seed=self._problem.seed, wanted=wanted)
            return found.model_copy(update={"front": self._front(belief, track)})
        except np.linalg.LinAlgError:
            return None

    # --- what it costs ------------------------------------------------------------------------------------------------
    def _price(self) -> CostBelief | None:
        """What success is divided by; None where success alone counts, and as long as no cost is known."""
        return self._costs.believed() if self._policy.per_dollar else None

    def _height(self, belief: Belief, price: CostBelief | None, tried: list[int]) -> Height:
        return by_success if price is None else promising(belief, price, self._evidence, tried, self._policy.per_dollar_floor)

    def _front(self, belief: Belief, track: Track | None) -> tuple[FrontPoint, ...]:
        costs, rows = self._costs.believed(), self._scored(track)
        if costs is None:
            return ()
        near = near_front(belief, costs, self._evidence, rows, _COMPARED)
        near, rates = self._rates(near, np.random.default_rng(self._problem.seed))
        trials = [self._number_of[self._evidence.configurations[row]] for row in near]
        return front_of(trials, rates, costs, self._evidence.places[near], near)

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
        tracks = sorted({self._headline, *self._tracks}, key=lambda track: (track != self._headline, track.order))
        shares = rng.multinomial(batch, self._shares(len(tracks)))
        planned: dict[int, Floats] = {}
        for track, count in zip(tracks, shares, strict=True):
            if not count:
                continue
            try:
                if belief is None:
                    raise np.linalg.LinAlgError("there is no belief yet")
                self._queue_by_draws(belief, track, int(count), planned, rng)
            except np.linalg.LinAlgError:
                self._queue_at_random(track, int(count), planned, rng)
        if not self._queue:  # a track of which nothing was found
            self._queue_rollout(min(self._trials), None, planned, rng)

    def _shares(self, tracks: int) -> list[float]:
        """Of the rollouts that each track gets, the headline first."""
        if tracks == 1:
            return [1.0]
        headline = self._policy.headline_share
        return [headline] + [(1 - headline) / (tracks - 1)] * (tracks - 1)

    def _queue_at_random(self, track: Track, count: int, planned: dict[int, Floats], rng: np.random.Generator) -> None:
        draw = random.Random(int(rng.integers(2**62)))
        for configuration in drawn(self._problem.space, draw, count, self._is_of(track)):
            self._queue_rollout(self._number(configuration), None, planned, rng)

    def _queue_by_draws(
        self, belief: Belief, track: Track, count: int, planned: dict[int, Floats], rng: np.random.Generator
    ) -> None:
        draw = random.Random(int(rng.integers(2**62)))
        price = self._price()
        height = self._height(belief, price, self._scored(track))
        offered = candidates(self._problem.space, self._evidence, belief, draw, self._is_of(track), height)
        if not offered.configurations:
            return
        mean, covariance = belief.joint(offered.places, offered.rows)
        policy = self._policy
        width = np.where(rng.random(count) < policy.wide_share, 1.0, policy.narrowed)
        width[rng.random(count) < policy.leader_share] = 0.1
        hopes = mean[:, None] + width * (root(covariance) @ rng.standard_normal((len(mean), count)))
        worths: Floats = hopes
        if price is not None:
            log_costs = price.draws(offered.places, offered.rows, count, rng, width)
            worths = worth(success(hopes, belief.tau[:, None]), log_costs, policy.per_dollar_floor)
        # Not all places for one of them, but room for all of them where they are few.
        places = len(self._cells) + count
        most = max(4, math.ceil(places / 12), math.ceil(2 * places / len(mean)))
        for hope, by in zip(hopes.T, worths.T, strict=True):
            best = next(place for place in np.argsort(-by, kind="stable") if self._under_way(offered, place, planned) < most)
            self._queue_rollout(self._number(offered.configurations[best]), belief.tau + hope[best], planned, rng)

    def _under_way(self, offered: Candidates, place: int, planned: dict[int, Floats]) -> float:
        """Rollouts of a candidate that are under way or planned."""
        number = self._number_of.get(offered.configurations[place])
        return 0.0 if number is None else self._trials[number].under_way + float(planned.get(number, np.zeros(1)).sum())

    def _queue_rollout(self, number: int, logits: Floats | None, planned: dict[int, Floats], rng: np.random.Generator) -> None:
        """One rollout of a trial on a task that it was asked for least; of those, the rather one near a half by ``logits``."""
        waiting = planned.setdefault(number, np.zeros(len(self._problem.tasks)))
        asked = self._epochs[self._trials[number].row] + waiting
        least = np.flatnonzero(asked == asked.min())
        said = np.full(len(least), 0.25) if logits is None else expit(logits[least]) * expit(-logits[least])
        appeal = 2 * np.log(said + 0.02) + 0.7 * rng.gumbel(size=len(least))
        column = int(least[appeal.argmax()])
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
        trial = self._trials[number] = _Trial(number, row, self._track_of(configuration))
        self._number_of[configuration] = number
        return trial

    def _tell(self, trial: _Trial, score: float) -> None:
        """Optuna can be told of a trial once: at its first score."""
        if trial.proposal is not None:
            self._optuna.tell(trial.proposal, score)
            trial.proposal = None

    def _is_of(self, track: Track) -> Callable[[Configuration], bool]:
        return lambda configuration: self._track_of(configuration) == track

    def _track_of(self, configuration: Configuration) -> Track:
        if configuration not in self._track_known:
            self._track_known[configuration] = self._problem.track_of(configuration)
        return self._track_known[configuration]

    def _tried(self, track: Track | None) -> list[_Trial]:
        return [trial for trial in self._trials.values() if trial.track == (track or self._headline)]

    def _scored(self, track: Track | None) -> list[int]:
        return [trial.row for trial in self._tried(track) if self._evidence.counts[trial.row].any()]

    # --- beliefs ------------------------------------------------------------------------------------------------------
    def _fresh(self) -> Belief | None:
        """The belief that proposals go by; it changes at certain numbers of rollouts only, so that looking changes nothing."""
        rollouts = self._evidence.rollouts
        if self._belief is None or rollouts - self._fitted_at >= max(4, rollouts * _REFIT):
            learn = rollouts >= self._learn_at
            try:
                self._belief = self._believing(self._evidence, self._belief, learn=learn)
            except np.linalg.LinAlgError:
                return self._belief  # an older one; without any, configurations are drawn at random
            self._fitted_at = rollouts
            if learn:
                self._learn_at = rollouts * _LEARN
        return self._belief

    def _now(self) -> Belief:
        """The belief by all that was recorded, which proposals do not see. Raises ``numpy.linalg.LinAlgError``."""
        rollouts = self._evidence.rollouts
        if self._latest is None or self._latest[0] != rollouts:
            self._latest = rollouts, self._believing(self._evidence, self._belief, learn=self._belief is None)
        return self._latest[1]
