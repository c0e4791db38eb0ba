"""The race that strategies over an Optuna sampler share: who proposes differs, how a proposal is tried does not.

A new trial gets the first cells of the schedule and is dropped when it is clearly worse than its track's incumbent on the same
cells; else it gets twice as many, until it has had every task. Proposing a configuration again adds an epoch to its trial. The
last part of the budget goes to further epochs of the contenders, so that what is recommended rests on more than one lucky pass.
The sampler learns from all tracks together; whatever is ranked, is ranked within one. Where a space has advantages, half of the
search goes to configurations without.
"""

import logging
from collections.abc import Callable
from typing import cast

import optuna
from pydantic import Field

from search_spaces.dimensions import Choice, Dimension, Integer, Real
from search_spaces.space import Space
from service.search.problem import SearchProblem
from service.search.trials import (
    Cell,
    Schedule,
    TrialLedger,
    by_belief,
    in_track,
    mean_of,
    posterior,
    probability_not_worse,
    recommend,
)
from unhobble.configuration import Advantage, Configuration, Scalar
from unhobble.messages import Frozen
from unhobble.records import Outcome, Outlook, Recommendation, RolloutRequest
from unhobble.tracks import Track
from unhobble.vocabulary import TrialState

optuna.logging.set_verbosity(logging.WARNING)

_TRIES_FOR_A_NEW_CONFIGURATION = 20
_SHARE_WITHOUT_ADVANTAGE = 0.5
"""Share of the rollouts that new configurations without advantage get where a space has both: they are the study's answer."""


class RaceConfig(Frozen):
    """Parameters of the race."""

    first_tasks: int = Field(4, ge=1, description="Rollouts of a new configuration before it is first compared with the incumbent.")
    prune_below: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        description="A trial is dropped when its probability of not being worse than the incumbent is below this.",
    )
    contenders: int = Field(
        4,
        ge=1,
        description="How many of the best trials of the baseline's track share the last part of the budget, "
        "with the best one of each other track.",
    )
    contenders_fraction: float = Field(
        0.3, ge=0, lt=1, description="Share of the search budget that goes to further epochs of contenders."
    )


class RacingStrategy:
    """``protocols.SearchStrategy`` over any Optuna sampler. ``sampler`` makes one from a seed."""

    forecasts = False
    """A race knows only what it tried."""

    def __init__(self, config: RaceConfig, problem: SearchProblem, sampler: Callable[[int], optuna.samplers.BaseSampler]) -> None:
        self._config = config
        self._problem = problem
        self._sampler = sampler
        self._schedule = Schedule(problem.tasks, problem.seed)
        self._first = min(config.first_tasks, self._schedule.tasks)
        self._trials: dict[int, TrialLedger] = {}
        self._number_of: dict[Configuration, int] = {}
        self._headline = problem.track_of(problem.baseline)
        self._without_advantage = _without_advantage(problem.space)
        self._asked = 0
        self._optuna = optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())
        self._pending: dict[int, optuna.trial.Trial] = {}

    # --- the seam -----------------------------------------------------------------------------------------------------
    def propose(self, n: int) -> list[RolloutRequest]:
        """See ``protocols.SearchStrategy``."""
        requests: list[RolloutRequest] = []
        while len(requests) < n and self._asked < self._problem.rollouts:
            request = self._next_wanted()
            if request is None:
                self._want_more()
                continue
            self._asked += 1
            requests.append(request)
        return requests

    def adopt(self, trial: int, configuration: Configuration) -> None:
        """See ``protocols.SearchStrategy``."""
        self._enter(configuration, trial)

    def record(self, outcome: Outcome) -> None:
        """See ``protocols.SearchStrategy``."""
        trial = self._trials[outcome.trial]
        cell = (outcome.task, outcome.epoch)
        if cell not in trial.asked:  # replayed from an earlier process
            trial.asked.add(cell)
            trial.wanted = max(trial.wanted, self._schedule.place(cell) + 1)
            self._asked += 1
        if outcome.score is None:
            self._drop(trial, cell)
        else:
            trial.scores[cell] = outcome.score
        self._judge(trial)

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        trial = self._trials[request.trial]
        self._drop(trial, (request.task, request.epoch))
        self._judge(trial)

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        return self._trials[trial].state

    def recommend(self, n: int = 1, track: Track | None = None) -> list[Recommendation]:
        """See ``protocols.SearchStrategy``."""
        return recommend(self._all, n, self._problem.seed, track or self._headline)

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """None: a race knows only what it tried."""
        del track
        return None

    @property
    def _all(self) -> list[TrialLedger]:
        return list(self._trials.values())

    # --- what to try --------------------------------------------------------------------------------------------------
    def _next_wanted(self) -> RolloutRequest | None:
        for trial in self._trials.values():
            if trial.state is TrialState.running and (request := trial.next_request(self._schedule)):
                return request
        return None

    def _want_more(self) -> None:
        """Enter a new trial, or give an old one further cells, so that something is wanted again."""
        if not self._trials:
            self._enter(self._problem.baseline, 0)
            return
        spent = self._asked >= (1 - self._config.contenders_fraction) * self._problem.rollouts
        if spent and (contenders := self._contenders()):
            self._extend(min(contenders, key=_fewest_wanted))
            return
        for _ in range(_TRIES_FOR_A_NEW_CONFIGURATION):
            configuration, proposal = self._draw()
            known = self._number_of.get(configuration)
            if known is None:
                self._pending[self._enter(configuration, max(self._trials) + 1).number] = proposal
                return
            # The sampler is told what is believed of the configuration it repeated, so that it does not wait for an answer.
            self._optuna.tell(proposal, self._believed(self._trials[known]))
            if self._trials[known].state is TrialState.complete:
                self._extend(self._trials[known])
                return
        # Nothing new can be had (the space may be used up), so whoever has the fewest rollouts gets more.
        self._extend(min(self._all, key=_fewest_wanted))

    def _draw(self) -> tuple[Configuration, optuna.trial.Trial]:
        # A sampler of its own for each proposal makes it depend on the history alone, so that a restart changes nothing.
        self._optuna.sampler = self._sampler(self._problem.seed * 1_000_003 + len(self._optuna.get_trials(deepcopy=False)))
        if self._without_advantage and self._share_without_advantage() < _SHARE_WITHOUT_ADVANTAGE:
            self._optuna.enqueue_trial(self._without_advantage)  # the rest of the next proposal is the sampler's
        proposal = self._optuna.ask()
        return self._problem.space.from_draws(lambda path, dimension: _suggest(proposal, path, dimension)), proposal

    def _share_without_advantage(self) -> float:
        without = sum(len(trial.asked) for trial in self._all if not trial.track.advantage)
        return without / max(1, sum(len(trial.asked) for trial in self._all))

    def _enter(self, configuration: Configuration, number: int) -> TrialLedger:
        wanted = self._schedule.tasks if number == 0 else self._first
        trial = self._trials[number] = TrialLedger(number, configuration, wanted, self._problem.track_of(configuration))
        self._number_of[configuration] = number
        return trial

    def _extend(self, trial: TrialLedger) -> None:
        trial.wanted += self._schedule.tasks
        trial.state = TrialState.running

    def _contenders(self) -> list[TrialLedger]:
        beliefs = posterior(self._all)
        found: list[int] = []
        for track in {trial.track for trial in self._all}:
            of_track = by_belief(in_track(beliefs, self._all, track))
            found += of_track[: self._config.contenders if track == self._headline else 1]
        return [self._trials[number] for number in found]

    # --- what came of it ----------------------------------------------------------------------------------------------
    def _drop(self, trial: TrialLedger, cell: Cell) -> None:
        trial.abandoned.add(cell)
        self._asked -= 1

    def _judge(self, trial: TrialLedger) -> None:
        if trial.state is not TrialState.running or not trial.settled(self._schedule):
            return
        if trial.wanted < self._schedule.tasks:
            incumbent = self._incumbent_for(trial)
            if incumbent is None or probability_not_worse(trial, incumbent) >= self._config.prune_below:
                trial.wanted = min(2 * trial.wanted, self._schedule.tasks)
                return
            trial.state = TrialState.pruned
        else:
            trial.state = TrialState.complete
        self._tell(trial)

    def _incumbent_for(self, trial: TrialLedger) -> TrialLedger | None:
        """The best other trial of its track, by posterior mean, that has had every task."""
        others = [t for t in self._trials.values() if t is not trial and t.track == trial.track]
        full = [t for t in others if len(t.scores) >= self._schedule.tasks]
        best = by_belief(posterior(full))
        return self._trials[best[0]] if best else None

    def _tell(self, trial: TrialLedger) -> None:
        """Tell Optuna what is believed of a trial; one that was replayed, or is the baseline, is entered as it is."""
        value = self._believed(trial)
        if proposal := self._pending.pop(trial.number, None):
            self._optuna.tell(proposal, value)
        elif not self._problem.space.contains(trial.configuration):
            self._optuna.add_trial(_entered(self._problem.space, trial.configuration, value))

    def _believed(self, trial: TrialLedger) -> float:
        """The posterior mean, which also makes a pruned trial's few rollouts comparable with a full one's many."""
        belief = posterior(self._all).get(trial.number)
        return mean_of(belief) if belief else 0.0


def _without_advantage(space: Space) -> dict[str, Scalar]:
    """The values of a space's dimensions of advantage that mean none; empty where there are no such dimensions, or not for all."""
    none, found = Advantage().model_dump(), {}
    for dimension in space.dimensions:
        section, _, name = dimension.path.partition(".")
        if section == "advantage":
            try:
                found[dimension.path] = dimension.snapped(none[name])
            except ValueError:
                return {}
    return found


def _fewest_wanted(trial: TrialLedger) -> tuple[int, int]:
    return trial.wanted, trial.number


def _suggest(trial: optuna.trial.BaseTrial, path: str, dimension: Dimension) -> Scalar:
    match dimension:
        case Choice():
            return cast("Scalar", trial.suggest_categorical(path, dimension.options))
        case Integer():
            return int(trial.suggest_int(path, dimension.low, dimension.high, step=dimension.step, log=dimension.log))
        case Real():
            return float(trial.suggest_float(path, dimension.low, dimension.high, step=dimension.step, log=dimension.log))
        case _:
            raise TypeError(f"no Optuna distribution for {type(dimension).__name__}")


def _entered(space: Space, configuration: Configuration, value: float) -> optuna.trial.FrozenTrial:
    """A finished Optuna trial of ``configuration``, which is in ``space``."""
    fixed = optuna.trial.FixedTrial(dict(configuration.root))
    for dimension in space.dimensions:
        if dimension.path in configuration.root:
            _suggest(fixed, dimension.path, dimension)
    return optuna.trial.create_trial(params=fixed.params, distributions=fixed.distributions, value=value)
