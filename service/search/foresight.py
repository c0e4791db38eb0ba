"""What is believed of a study's whole space, by track: by its strategy, or by the model of ``pooled`` where that is silent."""

from collections.abc import Callable, Collection, Sequence
from typing import ParamSpec

import numpy as np

from service.search.forecast import MODEL, forecast
from service.search.problem import SearchProblem
from unhobble.analysis.report import SpaceOutlook
from unhobble.protocols import SearchStrategy
from unhobble.records import Outcome, Outlook
from unhobble.tracks import Track

P = ParamSpec("P")

_FIRST = 30
"""Scored rollouts before which nobody looks out while the search goes on: nearly all of it would be the prior's."""

_GROWN = 1.5
"""While it goes on, it is looked out anew where the scored rollouts have grown by this factor."""


class Foresight:
    """The outlooks of one study. ``strategy_name`` is the strategy's id. Owned by one thread; the last outlooks are kept."""

    def __init__(self, problem: SearchProblem, strategy_name: str) -> None:
        self._problem = problem
        self._name = strategy_name
        self._rollouts = 0
        self._kept: dict[Track, SpaceOutlook] = {}

    def outlooks(
        self, strategy: SearchStrategy, outcomes: Sequence[Outcome], tracks: Collection[Track], *, final: bool
    ) -> dict[Track, SpaceOutlook]:
        """The outlooks of those ``tracks`` of which anything is believed, after ``outcomes`` of living trials.

        Not ``final``: those of an earlier look, as long as the rollouts have not grown by half. A look takes a second or so.
        """
        rollouts = sum(outcome.score is not None for outcome in outcomes)
        due = rollouts != self._rollouts if final else rollouts >= max(_FIRST, _GROWN * self._rollouts)
        if due:
            self._kept = self._look(strategy, outcomes, tracks, rollouts)
            self._rollouts = rollouts
        return self._kept

    def _look(
        self, strategy: SearchStrategy, outcomes: Sequence[Outcome], tracks: Collection[Track], rollouts: int
    ) -> dict[Track, SpaceOutlook]:
        recommended = {track: best[0] for track in tracks if (best := strategy.recommend(1, track))}
        if strategy.forecasts:
            model = self._name
            outlooks = {track: _unless_singular(strategy.outlook, track) for track in recommended}
        else:
            found = forecast(self._problem, outcomes, {best.configuration for best in recommended.values()})
            if found is None:
                return {}
            model, rollouts = MODEL, found.rollouts
            outlooks = {track: _unless_singular(found.outlook, best.configuration, track) for track, best in recommended.items()}
        return {
            track: SpaceOutlook.of(
                outlook, model=model, strategy=self._name, rollouts=rollouts, recommended=recommended[track].trial
            )
            for track, outlook in outlooks.items()
            if outlook is not None
        }


def _unless_singular(outlook: Callable[P, Outlook | None], *args: P.args, **kwargs: P.kwargs) -> Outlook | None:
    """No study fails because nothing could be computed of its space."""
    try:
        return outlook(*args, **kwargs)
    except np.linalg.LinAlgError:
        return None
