"""What the model of ``pooled`` says of a study, whichever strategy chose its rollouts: of any configuration, and of the space.

That the rollouts were chosen by what was seen before changes nothing in a likelihood, so that the model may be fitted to those of
any strategy. How well it fits differs: a strategy that tried few values of a dimension leaves its effect to the prior, and the
intervals are the wider.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service.search.pooled.belief import Belief, Evidence, believe, root, success
from service.search.pooled.encoding import Encoding, Floats
from service.search.pooled.outlook import look_out
from service.search.problem import SearchProblem
from unhobble.configuration import Configuration
from unhobble.records import Outcome, Outlook, Prediction
from unhobble.tracks import Track

MODEL = "pooled"
"""The strategy whose model it is."""

_MOST = 600
"""Configurations that the model is fitted to; it takes time with their third power, about 2 s for so many."""

_ROUNDS = 3
"""Rounds of looking for variances; after so many they change by a hundredth or less."""

_DRAWS = 2_000
_TAIL = 0.05


@dataclass(frozen=True)
class Tried:
    """A configuration that has rollouts."""

    trial: int
    rollouts: int


@dataclass(frozen=True)
class _Draws:
    """Draws of f at the configurations seen (less its mean), of the same in the kernel's own units, and of τ."""

    deviations: Floats
    weights: Floats
    tau: Floats


@dataclass(frozen=True)
class Forecast:
    """The model after a study's rollouts. ``tried`` are all configurations with a score.

    Of more than 600 configurations the model is fitted to those with the most rollouts. Pure: equal rollouts give equal figures.
    """

    problem: SearchProblem
    evidence: Evidence
    belief: Belief
    tried: Mapping[Configuration, Tried]

    @property
    def rollouts(self) -> int:
        """Those that the model rests on."""
        return self.evidence.rollouts

    def predict(
        self, configurations: Sequence[Configuration], recommended: Mapping[Track, Configuration] | None = None
    ) -> list[Prediction]:
        """What is believed of each, whichever others are asked for with it.

        ``recommended`` are what the study recommends by track; where there is none of a track, it is what the model believes the
        best of those tried. No two tracks are compared. Raises ``NotFound`` or ``BadInput`` where a track cannot be told, and
        ``numpy.linalg.LinAlgError`` where the posterior cannot be drawn from.
        """
        best = dict(self._best_by_track) | dict(recommended or {})
        best = {track: one for track, one in best.items() if one in self.tried}
        rates = {one: self._rates(one) for one in best.values()}
        return [self._prediction(one, best, rates) for one in configurations]

    def outlook(self, recommended: Configuration, track: Track) -> Outlook:
        """What is believed of all configurations of ``track``; ``recommended``, one of it, is one that the model was fitted to.

        Raises ``KeyError`` where it was not, and ``numpy.linalg.LinAlgError`` as ``predict``.
        """
        return look_out(
            self.problem.space,
            self.evidence,
            self.belief,
            self._row[recommended],
            seed=self.problem.seed,
            wanted=lambda configuration: self.problem.track_of(configuration) == track,
        )

    def _prediction(
        self, one: Configuration, best: Mapping[Track, Configuration], rates: Mapping[Configuration, Floats]
    ) -> Prediction:
        track, here, found = self.problem.track_of(one), self.tried.get(one), self._rates(one)
        rival = best.get(track)
        low, high = np.quantile(found, [_TAIL, 1 - _TAIL])
        return Prediction(
            configuration=one,
            track=track,
            mean=float(found.mean()),
            low=float(low),
            high=float(high),
            trial=here.trial if here else None,
            rollouts=here.rollouts if here else 0,
            better_than=None if rival is None else self.tried[rival].trial,
            probability_better=None if rival is None else float((found > rates[rival]).mean()),
        )

    def _rates(self, one: Configuration) -> Floats:
        """Draws of its success rate. Those of different configurations belong together: each is of one draw of the model.

        f of a configuration that was not seen is drawn given f of those that were: K is their prior covariance, k that with it.
        """
        draws, row = self._draws, self._row.get(one)
        if row is not None and row in self._place:
            place = self._place[row]
            f = self.belief.posterior.f[place] + draws.deviations[place]
        else:
            places = self.evidence.encoding.places([one])
            cross = self.belief.cross(places)
            own = self.belief.own(places) - (cross * np.linalg.solve(self.belief.kernel, cross.T).T).sum(axis=1)
            noise = np.random.default_rng([self.problem.seed, int(one.hash, 16)]).standard_normal(_DRAWS)
            f = (cross @ (self.belief.posterior.weights[:, None] + draws.weights))[0] + np.sqrt(np.maximum(own, 0.0)) * noise
        return success(f, draws.tau)

    @cached_property
    def _draws(self) -> _Draws:
        posterior, kernel = self.belief.posterior, self.belief.kernel
        rng = np.random.default_rng([self.problem.seed, self.evidence.rollouts])
        covariance = kernel - kernel @ posterior.precision @ kernel
        deviations = root((covariance + covariance.T) / 2) @ rng.standard_normal((len(kernel), _DRAWS))
        rest = root(posterior.task_rest) @ rng.standard_normal((len(posterior.tau), _DRAWS))
        tau = posterior.tau[:, None] - posterior.task_gain @ deviations + rest
        return _Draws(deviations, np.linalg.solve(kernel, deviations), tau)

    @cached_property
    def _row(self) -> dict[Configuration, int]:
        return {one: row for row, one in enumerate(self.evidence.configurations)}

    @cached_property
    def _place(self) -> dict[int, int]:
        """Where each row stands among the configurations seen."""
        return {row: place for place, row in enumerate(self.belief.rows)}

    @cached_property
    def _best_by_track(self) -> dict[Track, Configuration]:
        """By posterior mean; where f is the highest, so is the success rate. The first of equals."""
        best: dict[Track, tuple[float, Configuration]] = {}
        for row, f in zip(self.belief.rows, self.belief.posterior.f, strict=True):
            one = self.evidence.configurations[row]
            track = self.problem.track_of(one)
            if track not in best or f > best[track][0]:
                best[track] = float(f), one
        return {track: one for track, (_, one) in best.items()}


def forecast(problem: SearchProblem, outcomes: Sequence[Outcome], keep: Collection[Configuration] = ()) -> Forecast | None:
    """The model fitted to ``outcomes`` of living trials, in the order in which they were finished.

    ``keep`` are configurations that the model is fitted to even where there are too many. None where nothing has a score, or the
    model cannot be fitted. What is of tasks that are not the search's is left out.
    """
    known = {task.id for task in problem.tasks}
    scored = [outcome for outcome in outcomes if outcome.score is not None and outcome.task in known]
    tried: dict[Configuration, Tried] = {}
    for outcome in scored:
        before = tried.get(outcome.configuration)
        tried[outcome.configuration] = Tried(outcome.trial, 1 + (before.rollouts if before else 0))
    used = _used(tried, keep)
    evidence, rows = Evidence(Encoding(problem.space), problem.tasks), dict[Configuration, int]()
    for outcome in scored:
        if (one := outcome.configuration) in used and outcome.score is not None:
            if one not in rows:
                rows[one] = evidence.enter(one)
            evidence.add(rows[one], outcome.task, outcome.score)
    if not evidence.rollouts:
        return None
    belief: Belief | None = None
    try:
        for _ in range(_ROUNDS):
            belief = believe(evidence, belief, learn=True)
    except np.linalg.LinAlgError:
        pass  # what was learned before it is as good, if there is any
    return Forecast(problem, evidence, belief, tried) if belief else None


def _used(tried: Mapping[Configuration, Tried], keep: Collection[Configuration]) -> set[Configuration]:
    """Those with the most rollouts; of equals some at random, so that none are left out for how they did."""
    if len(tried) <= _MOST:
        return set(tried)
    order = list(tried)
    random.Random(0).shuffle(order)
    order.sort(key=lambda one: (one not in keep, -tried[one].rollouts))
    return set(order[:_MOST])
