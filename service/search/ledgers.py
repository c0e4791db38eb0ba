"""What all strategies share that keep one ledger a trial and believe what the ledgers say: everything but what to try next.

A strategy says how many cells of the schedule each trial shall have (``_want``); who is asked for next, what was asked for, what
came back, what was replayed and what is recommended is the same for all. Everything that ``propose`` and ``record`` do here costs
the same however many rollouts there were before.
"""

import heapq
from abc import ABC, abstractmethod

from search_spaces.space import Space
from service.search.problem import SearchProblem
from service.search.trials import Cell, Schedule, TrialLedger, by_belief, in_track, posterior, recommend
from unhobble.configuration import Advantage, Configuration, Scalar
from unhobble.records import Outcome, Outlook, Recommendation, RolloutRequest
from unhobble.tracks import Track
from unhobble.vocabulary import TrialState

SHARE_WITHOUT_ADVANTAGE = 0.5
"""Share of the rollouts that new configurations without advantage get where a space has both: they are the study's answer."""


class LedgerStrategy(ABC):
    """``protocols.SearchStrategy`` but for what to try, which is in ``_want_more``, ``_enter`` and ``_judge``."""

    forecasts = False
    """Such a strategy knows only what it tried."""

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._schedule = Schedule(problem.tasks, problem.seed)
        self._trials: dict[int, TrialLedger] = {}
        self._number_of: dict[Configuration, int] = {}
        self._headline = problem.track_of(problem.baseline)
        self._asked = 0
        self._waiting: list[int] = []  # a heap of the numbers of all trials that may want a cell that was not asked for yet

    # --- the seam -----------------------------------------------------------------------------------------------------
    def propose(self, n: int) -> list[RolloutRequest]:
        """See ``protocols.SearchStrategy``."""
        requests: list[RolloutRequest] = []
        while len(requests) < n and self._asked < self._problem.rollouts:
            if request := self._next_wanted():
                self._asked += 1
                requests.append(request)
            elif not self._want_more():
                break
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
            self._asked += 1
            self._replayed(trial, cell)
        if outcome.score is None:
            self._drop(trial, cell)
        else:
            trial.scores[cell] = outcome.score
        self._judge(trial, cell)

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        trial, cell = self._trials[request.trial], (request.task, request.epoch)
        self._drop(trial, cell)
        self._judge(trial, cell)

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        return self._trials[trial].state

    def recommend(self, n: int = 1, track: Track | None = None) -> list[Recommendation]:
        """See ``protocols.SearchStrategy``."""
        return recommend(self._all, n, self._problem.seed, track or self._headline)

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """None: such a strategy knows only what it tried."""
        del track
        return None

    # --- what a strategy decides --------------------------------------------------------------------------------------
    @abstractmethod
    def _want_more(self) -> bool:
        """Want further cells of some trial, new or old. False where nothing can be wanted before more outcomes are recorded."""

    @abstractmethod
    def _enter(self, configuration: Configuration, number: int) -> TrialLedger:
        """Enter a trial, by ``_add``: a new one, or one of an earlier process."""

    @abstractmethod
    def _judge(self, trial: TrialLedger, cell: Cell) -> None:
        """Act on what became of a cell: it has a score now, or was abandoned."""

    def _replayed(self, trial: TrialLedger, cell: Cell) -> None:
        """An earlier process asked for ``cell``, so it wanted all cells before it as well."""
        self._want(trial, max(trial.wanted, self._schedule.place(cell) + 1))

    # --- what it is built from ----------------------------------------------------------------------------------------
    @property
    def _all(self) -> list[TrialLedger]:
        return list(self._trials.values())

    def _add(self, configuration: Configuration, number: int, wanted: int) -> TrialLedger:
        trial = self._trials[number] = TrialLedger(number, configuration, wanted, self._problem.track_of(configuration))
        self._number_of[configuration] = number
        self._want(trial, wanted)
        return trial

    def _want(self, trial: TrialLedger, wanted: int) -> None:
        """``wanted`` cells of the schedule, in all."""
        trial.wanted = wanted
        heapq.heappush(self._waiting, trial.number)

    def _extend(self, trial: TrialLedger) -> None:
        """One further epoch."""
        trial.state = TrialState.running
        self._want(trial, trial.wanted + self._schedule.tasks)

    def _contenders(self, of_headline: int) -> list[TrialLedger]:
        """The best trials of the baseline's track by posterior mean, and the best one of each other track."""
        beliefs = posterior(self._all)
        found: list[int] = []
        for track in sorted({trial.track for trial in self._all}, key=lambda track: track.order):
            of_track = by_belief(in_track(beliefs, self._all, track))
            found += of_track[: of_headline if track == self._headline else 1]
        return [self._trials[number] for number in found]

    def _share_without_advantage(self) -> float:
        without = sum(len(trial.asked) for trial in self._trials.values() if not trial.track.advantage)
        return without / max(1, sum(len(trial.asked) for trial in self._trials.values()))

    def _next_wanted(self) -> RolloutRequest | None:
        while self._waiting:
            trial = self._trials[self._waiting[0]]
            if trial.state is TrialState.running and (request := trial.next_request(self._schedule)):
                return request
            heapq.heappop(self._waiting)
        return None

    def _drop(self, trial: TrialLedger, cell: Cell) -> None:
        trial.abandoned.add(cell)
        self._asked -= 1


def without_advantage(space: Space) -> dict[str, Scalar]:
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


def fewest_wanted(trial: TrialLedger) -> tuple[int, int]:
    """Whoever has the fewest rollouts comes first; the older trial where they are equal."""
    return trial.wanted, trial.number
