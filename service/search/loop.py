"""The life of one study, under a lease: replay, search, confirm, report."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NoReturn, Protocol

from service.paging import all_rollouts, all_trials
from service.plan import StudyPlan
from service.search.confirmation import Confirmation, outcome_of
from service.search.foresight import Foresight
from service.search.numbering import NumberedStrategy
from service.search.reporting import Reporting
from service.search.stopping import Search, used_up, why_ended
from service.search.warm_start import earlier_studies
from unhobble.analysis.report import Findings, SandboxSeen
from unhobble.candidates import Candidate, candidate_of
from unhobble.configuration import Configuration
from unhobble.errors import Conflict, NotFound
from unhobble.protocols import RolloutPool, SearchStrategy, StudyStore
from unhobble.records import Lease, NewRollout, Outcome, RolloutFilter, RolloutRequest, TrialRecord
from unhobble.registry import Registry
from unhobble.results import RolloutResult
from unhobble.sandboxing import SandboxSpec
from unhobble.spec import RolloutSpec, rollout_id, rollout_seed
from unhobble.vocabulary import Phase, RolloutState, Split, TrialState

LEASE_TTL_S = 20.0
_HEARTBEAT_S = 2.0
_TRIES = 3
"""Attempts of a rollout whose infrastructure fails. The same for every configuration, whatever its score."""
_UNCONFIRMED = "the budget ended before every finalist had a score on the held-out split: nothing is confirmed"
_UNPRICED = (
    "the price of {} is not known, so a budget in dollars cannot be kept; leave budget.usd out and set budget.tokens instead"
)
_ACTIVE = frozenset({Phase.searching, Phase.confirming})
_INVALID_IN_A_ROW = 24
"""So many invalid attempts without a valid one between them mean that the study cannot be run as it is."""
_INVALID_FROM_THE_START = 3
"""The same for a study that has never had a valid one: it is more likely set up wrongly than struck by an outage."""


class Source(Protocol):
    """Whoever decides what to run next: a strategy, or the confirmation."""

    def propose(self, n: int) -> list[RolloutRequest]:
        """See ``protocols.SearchStrategy``."""
        ...

    def record(self, outcome: Outcome) -> None:
        """See ``protocols.SearchStrategy``."""
        ...

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        ...

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        ...


class Stopped(Exception):
    """The study was paused or cancelled, or has failed: the loop lets go of it."""


@dataclass
class _Flight:
    request: RolloutRequest
    spec: RolloutSpec
    attempt: int = 1


@dataclass
class StudyLoop:
    """Runs one study to its end, or until it is paused, cancelled or taken over (``LeaseLost``)."""

    store: StudyStore
    lease: Lease
    plan: StudyPlan
    registry: Registry
    sandbox: SandboxSpec
    sandbox_seen: SandboxSeen
    pool: RolloutPool
    clock: Callable[[], float] = time.monotonic
    _phase: Phase = Phase.queued
    _flights: dict[str, _Flight] = field(default_factory=dict)
    _waiting: list[RolloutRequest] = field(default_factory=list)
    _states: dict[int, TrialState] = field(default_factory=dict)
    _candidates: dict[Configuration, Candidate] = field(default_factory=dict)
    _baseline: int = 0
    _lost_confirming: int = 0
    _refused: bool = False
    _beat_at_s: float = float("-inf")
    _save_at_s: float = float("-inf")
    _invalid_in_a_row: int = 0
    _had_a_valid_one: bool = False

    async def run(self) -> None:
        """The whole study, top to bottom. Raises ``LeaseLost``."""
        strategy = self._replay()
        try:
            if self._phase is Phase.queued:
                self._move_to(Phase.searching)
            if self._phase is Phase.searching:
                search = self._search(strategy)
                await self._drive(search, Split.search, strategy)
                self._end_search(search)
            confirmation = self._confirmation(strategy)
            await self._drive(confirmation, Split.held_out, strategy)
            found = self._save_findings(strategy, confirmation, final=True)
            self._move_to(Phase.completed, "" if found.confirmed else _UNCONFIRMED)
        except Stopped:
            self._save_findings(strategy, None, final=True)

    # --- before -------------------------------------------------------------------------------------------------------
    def _replay(self) -> SearchStrategy:
        """A strategy that knows everything that was finished before, in the order in which it was, of the candidates of today.

        A trial whose words or code have changed since is retired: it stays in the database and in the bill, and counts no more.
        """
        self._phase = self.store.study(self.lease.study).phase
        trials = {trial.number: trial for trial in all_trials(self.store, self.lease.study)}
        living = {number for number, trial in trials.items() if self._is_of_today(trial)}
        done = {split: self._finished(split) for split in (Split.search, Split.held_out)}
        lost = {split: sum(o.score is not None and o.trial not in living for o in done[split]) for split in done}
        self._lost_confirming = lost[Split.held_out]
        plan = replace(self.plan, search_rollouts=max(0, self.plan.search_rollouts - lost[Split.search]))
        earlier = earlier_studies(self.store, plan, self.registry)
        strategy = NumberedStrategy(plan.strategy(self.registry, earlier), plan.baseline, taken=trials)
        for number in sorted(living):
            strategy.adopt(number, trials[number].configuration)
        if living and all(trials[number].configuration != plan.baseline for number in living):
            strategy.adopt_baseline()
        for outcome in done[Split.search]:
            if outcome.trial in living:
                strategy.record(outcome)
                self._had_a_valid_one |= outcome.score is not None
        self._baseline = strategy.baseline
        for number, trial in trials.items():
            self._states[number] = trial.state
            if (number in living) == (trial.state is TrialState.retired):  # or its words are back
                self._set_state(number, strategy.trial_state(number) if number in living else TrialState.retired)
        return strategy

    def _is_of_today(self, trial: TrialRecord) -> bool:
        """Whether a stored trial was of the words and the code that its configuration has now."""
        try:
            return trial.candidate == self._candidate(trial.configuration).digest
        except NotFound:  # what it chose is not installed any more
            return False

    def _candidate(self, configuration: Configuration) -> Candidate:
        if configuration not in self._candidates:
            self._candidates[configuration] = candidate_of(configuration, self.registry)
        return self._candidates[configuration]

    def _search(self, strategy: SearchStrategy) -> Search:
        planned = self.plan.search_rollouts
        return Search(strategy, self.plan.spec.search.stop, rollouts=planned, searched=self._searched, clock=self.clock)

    def _end_search(self, search: Search) -> None:
        """Store why no further rollouts are started, and go on to the confirmation."""
        ended = why_ended(
            self.store.study(self.lease.study),
            search,
            searched=self._searched,
            planned=self.plan.search_rollouts,
            share=self.plan.search_share,
            refused=self._refused,
        )
        with self._unless_moved():
            self._phase = self.store.end_search(self.lease, ended).phase

    @property
    def _searched(self) -> int:
        """Scored rollouts of the search, of retired trials too."""
        return sum(outcome.score is not None for outcome in self._finished(Split.search))

    def _confirmation(self, strategy: SearchStrategy) -> Confirmation:
        confirmation = Confirmation.of_study(
            self.plan,
            strategy,
            baseline=self._baseline,
            tracks=self._reporting.tracks(self._retired),
            searched=self._finished(Split.search),
            rollouts=max(0, self.plan.spec.budget.rollouts - self._searched - self._lost_confirming),
        )
        for outcome in self._finished(Split.held_out):
            confirmation.record(outcome)
        return confirmation

    def _finished(self, split: Split) -> list[Outcome]:
        where = RolloutFilter(split=split, state=RolloutState.finished)
        return [outcome_of(r, self.plan.spec.objective) for r in all_rollouts(self.store, self.lease.study, where)]

    # --- the main loop ------------------------------------------------------------------------------------------------
    async def _drive(self, source: Source, split: Split, strategy: SearchStrategy) -> None:
        """Run what ``source`` proposes until there is no more. Raises ``Stopped`` when the study shall not go on."""
        while True:
            self._heartbeat()
            if self._phase.is_final:
                raise Stopped
            if self._phase in _ACTIVE:
                await self._start(source, split)
                if not self._flights:
                    return
            elif not self._flights:  # paused, or already resumed: whoever takes the study next begins by replaying it
                raise Stopped
            if result := await self.pool.next_result(_HEARTBEAT_S / 2):
                await self._settle(source, result)
                self._save_now_and_then(strategy)

    def _heartbeat(self) -> None:
        if self.clock() - self._beat_at_s >= _HEARTBEAT_S:
            self._beat_at_s = self.clock()
            self._phase = self.store.renew(self.lease, ttl_s=LEASE_TTL_S)

    async def _start(self, source: Source, split: Split) -> None:
        """Fill the free places. What the budget has no room for waits until a rollout under way gives some of its back."""
        room = self.plan.spec.search.concurrency - len(self._flights)
        if room <= 0 or self._is_used_up(split):
            return
        self._waiting += source.propose(room - len(self._waiting)) if room > len(self._waiting) else []
        wanted = {self._id(request): request for request in self._waiting[:room]}
        if not wanted:
            return
        reserved = set(self.store.reserve(self.lease, [self._new(key, wanted[key], split) for key in wanted]))
        self._waiting = [request for request in self._waiting if self._id(request) not in reserved]
        for key in (key for key in wanted if key in reserved):  # in the order that was proposed, which a set has not
            flight = self._flights[key] = _Flight(wanted[key], self._rollout_spec(key, wanted[key], split))
            await self.pool.submit(flight.spec)
        if not self._flights:  # nothing under way can free any: the budget is spent
            self._refused |= bool(self._waiting)
            for request in self._waiting:
                source.abandon(request)
            self._waiting = []

    async def _settle(self, source: Source, result: RolloutResult) -> None:
        """Commit a result, then tell the source; or run the rollout again when its infrastructure failed."""
        flight = self._flights[result.rollout_id]
        self._give_up_if_hopeless(result)
        again = not result.scored and result.retryable and flight.attempt < _TRIES
        if again and self.store.record_retry(self.lease, result):
            flight.attempt += 1
            await self.pool.submit(flight.spec)
            return
        self.store.commit(self.lease, result)
        del self._flights[result.rollout_id]
        request = flight.request
        if result.score is None:
            source.abandon(request)
            return
        if self.plan.spec.budget.usd is not None and result.spend.cost_usd is None:
            self._fail(_UNPRICED.format(flight.spec.model.id))
        score, spend = self.plan.spec.objective.contribution(result.score), result.spend
        source.record(Outcome(**dict(request), score=score, cost_usd=spend.cost_usd, tokens=spend.usage.total))
        state = source.trial_state(request.trial)
        if self._states.get(request.trial, TrialState.running) is not state:
            self._set_state(request.trial, state)

    def _set_state(self, trial: int, state: TrialState) -> None:
        self._states[trial] = state
        self.store.set_trial_state(self.lease, trial, state)

    def _give_up_if_hopeless(self, result: RolloutResult) -> None:
        """Fail the study when its infrastructure does nothing but fail."""
        if result.scored:
            self._invalid_in_a_row, self._had_a_valid_one = 0, True
            return
        self._invalid_in_a_row += 1
        from_the_start = _INVALID_FROM_THE_START if result.retryable else 1
        if self._invalid_in_a_row >= (_INVALID_IN_A_ROW if self._had_a_valid_one else from_the_start):
            self.store.commit(self.lease, result)
            self._fail(f"infrastructure: {result.error}")

    def _is_used_up(self, split: Split) -> bool:
        """Whether no rollout may be started any more; the search leaves the confirmation its share of every ceiling."""
        budget = self.plan.spec.budget
        if budget.wall_time_s is None and budget.tokens is None and budget.usd is None:
            return False
        share = self.plan.search_share if split is Split.search else 1.0
        return used_up(self.store.study(self.lease.study), share) is not None

    # --- what is told to workers and store ------------------------------------------------------------------------------
    def _id(self, request: RolloutRequest) -> str:
        return rollout_id(self.lease.study, request.trial, request.task, request.epoch)

    def _new(self, key: str, request: RolloutRequest, split: Split) -> NewRollout:
        limits, attempts = request.configuration.limits(self.plan.spec.limits), request.configuration.advantage.attempts
        return NewRollout(
            id=key,
            request=request,
            candidate=self._candidate(request.configuration).digest,
            split=split,
            reserve_tokens=limits.tokens * attempts,
            reserve_usd=None if limits.usd is None else limits.usd * attempts,
        )

    def _rollout_spec(self, key: str, request: RolloutRequest, split: Split) -> RolloutSpec:
        spec = self.plan.spec
        return RolloutSpec(
            id=key,
            study=self.lease.study,
            trial=request.trial,
            configuration=request.configuration,
            candidate=self._candidate(request.configuration),
            suite=spec.suite.id,
            task=request.task,
            split=split,
            epoch=request.epoch,
            seed=rollout_seed(spec.search.seed, request.configuration, request.task, request.epoch),
            model=spec.model.variant(request.configuration.advantage.variant),
            sandbox=self.plan.sandbox_for(request.task, self.sandbox),
            limits=request.configuration.limits(spec.limits),
        )

    def _fail(self, reason: str) -> NoReturn:
        self._move_to(Phase.failed, reason)
        raise Stopped

    def _move_to(self, phase: Phase, reason: str = "") -> None:
        with self._unless_moved():
            self._phase = self.store.transition(self.lease.study, phase, reason=reason, lease=self.lease).phase

    @contextmanager
    def _unless_moved(self) -> Iterator[None]:
        """Raises ``Stopped`` where somebody has paused or cancelled the study since the last heartbeat."""
        try:
            yield
        except Conflict:
            raise Stopped from None

    def _save_now_and_then(self, strategy: SearchStrategy) -> None:
        """Keep the findings fresh for whoever watches, in at most a twentieth of the loop's time however many there are."""
        now_s = self.clock()
        if now_s >= self._save_at_s:
            self._save_findings(strategy, None, final=False)
            self._save_at_s = self.clock() + max(_HEARTBEAT_S, 20 * (self.clock() - now_s))

    def _save_findings(self, strategy: SearchStrategy, confirmation: Confirmation | None, *, final: bool) -> Findings:
        found = self._reporting.findings(strategy, confirmation, self._retired, final=final)
        self.store.save_report(self.lease, found.model_dump(mode="json"))
        return found

    @property
    def _reporting(self) -> Reporting:
        return Reporting(self.store, self.lease.study, self.plan, self.registry, self.sandbox_seen, self._foresight)

    @cached_property
    def _foresight(self) -> Foresight:
        return Foresight(self.plan.problem(self.registry), self.plan.spec.search.strategy)

    @property
    def _retired(self) -> set[int]:
        return {number for number, state in self._states.items() if state is TrialState.retired}
