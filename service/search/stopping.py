"""The search, which may end before its budget does: by a rule of ``search.stop``, or because its share of a ceiling is used up."""

import math
from collections.abc import Callable

from unhobble.protocols import SearchStrategy
from unhobble.records import Outcome, Outlook, RolloutRequest, SearchEnded, StudyRecord
from unhobble.spec import StopSpec
from unhobble.vocabulary import SearchEnd, TrialState

_LOOKS = 20
"""A rule is looked at after every such part of the search's rollouts."""
_FIRST = 4
"""No rule applies before such a part of them, if the spec names no other number."""
_TIME_SHARE = 20
"""Looking takes at most this part of the search's time."""
_MORE = 0.1
"""The share of further search that ``gain_below`` is about, as it stands in ``records.Outlook.gains``."""


def _always() -> float:
    return 0.0


class Search:
    """Proposes what a strategy does, until a rule is met twice in a row: one lucky fit of a model ends nothing.

    What is looked at depends on the outcomes alone, but for a strategy whose forecast takes more than a twentieth of the time that
    the rollouts between two looks do: it is asked more rarely. Rollouts under way when a rule is met are finished and count.
    ``searched`` are the scored rollouts that the strategy knows already; after a restart the two looks begin anew.
    """

    def __init__(
        self,
        strategy: SearchStrategy,
        stop: StopSpec | None,
        *,
        rollouts: int,
        searched: int = 0,
        clock: Callable[[], float] = _always,
    ) -> None:
        self._strategy = strategy
        self._stop = stop
        self._rollouts = rollouts
        self._searched = searched
        self._clock = clock
        self._step = math.ceil(rollouts / _LOOKS) or 1
        first = math.ceil(rollouts / _FIRST) if stop is None or stop.min_rollouts is None else stop.min_rollouts
        self._look_at = max(first, self._next_step())
        self._look_from_s = -math.inf
        self._met_before: set[SearchEnd] = set()
        self.met: SearchEnded | None = None

    def propose(self, n: int) -> list[RolloutRequest]:
        """What the strategy proposes; nothing once a rule was met."""
        return [] if self.met else self._strategy.propose(n)

    def record(self, outcome: Outcome) -> None:
        """Tell the strategy, and look at the rules where they are due."""
        self._strategy.record(outcome)
        self._searched += outcome.score is not None
        if self._stop and not self.met and self._searched >= self._look_at and self._clock() >= self._look_from_s:
            self._look(self._stop)

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        self._strategy.abandon(request)

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        return self._strategy.trial_state(trial)

    def _next_step(self) -> int:
        return (self._searched // self._step + 1) * self._step

    def _look(self, stop: StopSpec) -> None:
        began_s = self._clock()
        outlook = self._strategy.outlook()
        ended_s = self._clock()
        self._look_at, self._look_from_s = self._next_step(), ended_s + _TIME_SHARE * (ended_s - began_s)
        met = [] if outlook is None else rules_met(stop, outlook, searched=self._searched, planned=self._rollouts)
        self.met = next((ended for ended in met if ended.why in self._met_before), None)
        self._met_before = {ended.why for ended in met}


def rules_met(stop: StopSpec, outlook: Outlook, *, searched: int, planned: int) -> list[SearchEnded]:
    """The rules that a forecast meets.

    The probability of being beaten is counted in draws, k of n; (k + 1) / (n + 2) stands for it, so that a handful of draws
    without any beyond the difference is no certainty.
    """
    met = []
    if stop.beaten_by is not None:
        draws = len(outlook.shortfalls)
        beaten = draws * outlook.probability_beaten(stop.beaten_by) if draws else 0.0
        probability = (beaten + 1) / (draws + 2)
        if probability < stop.probability:
            met.append(
                SearchEnded(
                    why=SearchEnd.beaten_by,
                    rollouts=searched,
                    planned=planned,
                    figure=probability,
                    limit=stop.probability,
                    by=stop.beaten_by,
                )
            )
    gain = next((gain for share, gain in outlook.gains if math.isclose(share, _MORE)), None)
    if stop.gain_below is not None and gain is not None and gain < stop.gain_below:
        met.append(SearchEnded(why=SearchEnd.gain_below, rollouts=searched, planned=planned, figure=gain, limit=stop.gain_below))
    return met


def used_up(study: StudyRecord, share: float) -> SearchEnd | None:
    """The ceiling, beside the one of rollouts, of which ``share`` is used up."""
    return next((ceiling for ceiling, used in _used(study).items() if used >= share), None)


def why_ended(study: StudyRecord, search: Search, *, searched: int, planned: int, share: float, refused: bool) -> SearchEnded:
    """Why a search that starts no further rollouts has ended, after ``searched`` scored ones of ``planned``.

    ``refused`` says that a ceiling left no room to start what the strategy proposed.
    """
    if search.met:
        return search.met.model_copy(update={"rollouts": searched, "planned": planned})
    if searched >= planned:
        why = SearchEnd.rollouts
    elif ceiling := used_up(study, share):
        why = ceiling
    else:
        used = _used(study) if refused else {}
        why = max(used, key=lambda ceiling: used[ceiling], default=SearchEnd.nothing_to_try)
    return SearchEnded(why=why, rollouts=searched, planned=planned)


def _used(study: StudyRecord) -> dict[SearchEnd, float]:
    """How much of each ceiling is used, beside the one of rollouts."""
    budget, spend = study.spec.budget, study.progress.spend
    used = {}
    if budget.wall_time_s is not None:
        used[SearchEnd.time] = study.active_s / budget.wall_time_s
    if budget.tokens is not None:
        used[SearchEnd.tokens] = spend.usage.total / budget.tokens
    if budget.usd is not None:
        used[SearchEnd.usd] = (spend.cost_usd or 0.0) / budget.usd
    return used
