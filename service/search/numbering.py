"""Keeps a strategy's numbers of trials apart from those in the store, where trials that do not count any more have theirs."""

from collections.abc import Iterable

from unhobble.configuration import Configuration
from unhobble.protocols import SearchStrategy
from unhobble.records import Outcome, Outlook, Recommendation, RolloutRequest
from unhobble.tracks import Track
from unhobble.vocabulary import TrialState

_BASELINE = 0
"""The number under which every strategy knows the baseline."""


class NumberedStrategy:
    """``protocols.SearchStrategy`` over another one: outside, trials have their numbers in the store; inside, the baseline is 0.

    ``taken`` are all numbers of the store. Where none is in the way, the numbers inside and outside are the same.
    """

    def __init__(self, strategy: SearchStrategy, baseline: Configuration, taken: Iterable[int] = ()) -> None:
        self._strategy = strategy
        self._baseline = baseline
        self._taken = set(taken)
        self._outside: dict[int, int] = {}
        self._inside: dict[int, int] = {}

    @property
    def baseline(self) -> int:
        """The number of the baseline's trial."""
        return self._number(_BASELINE)

    @property
    def forecasts(self) -> bool:
        """See ``protocols.SearchStrategy``."""
        return self._strategy.forecasts

    def propose(self, n: int) -> list[RolloutRequest]:
        """See ``protocols.SearchStrategy``."""
        requests = self._strategy.propose(n)
        return [request.model_copy(update={"trial": self._number(request.trial)}) for request in requests]

    def adopt(self, trial: int, configuration: Configuration) -> None:
        """See ``protocols.SearchStrategy``."""
        is_baseline = configuration == self._baseline
        # A space may have got another baseline since; the number of the old one is then in the way inside.
        inside = _BASELINE if is_baseline else trial or max(self._taken) + 1
        self._bind(inside, trial)
        self._strategy.adopt(inside, configuration)

    def adopt_baseline(self) -> None:
        """Let the strategy try the baseline anew, under a number that is free. To be called after all others are adopted."""
        self.adopt(self.baseline, self._baseline)

    def record(self, outcome: Outcome) -> None:
        """See ``protocols.SearchStrategy``."""
        self._strategy.record(outcome.model_copy(update={"trial": self._inside[outcome.trial]}))

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        self._strategy.abandon(request.model_copy(update={"trial": self._inside[request.trial]}))

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        return self._strategy.trial_state(self._inside[trial])

    def recommend(self, n: int = 1, track: Track | None = None) -> list[Recommendation]:
        """See ``protocols.SearchStrategy``."""
        best = self._strategy.recommend(n, track)
        return [recommended.model_copy(update={"trial": self._number(recommended.trial)}) for recommended in best]

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """See ``protocols.SearchStrategy``."""
        found = self._strategy.outlook(track)
        if found is None or not found.front:
            return found
        front = tuple(point.model_copy(update={"trial": self._number(point.trial)}) for point in found.front)
        return found.model_copy(update={"front": front})

    def _number(self, inside: int) -> int:
        if inside not in self._outside:
            self._bind(inside, inside if inside not in self._taken else max(self._taken) + 1)
        return self._outside[inside]

    def _bind(self, inside: int, outside: int) -> None:
        self._outside[inside], self._inside[outside] = outside, inside
        self._taken.add(outside)
