"""What a search strategy is given to work on."""

from collections.abc import Callable
from dataclasses import dataclass

from search_spaces.space import Space
from unhobble.configuration import Configuration
from unhobble.records import Outcome, TaskInfo
from unhobble.tracks import PLAIN, Track


def _one_for_all(_: Configuration) -> Track:
    return PLAIN


@dataclass(frozen=True)
class Earlier:
    """An earlier study, with its own tasks: what a search may begin with."""

    study: str
    tasks: tuple[TaskInfo, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class SearchProblem:
    """A space, the tasks of the search split, the configuration to begin with, and how many rollouts there are for it all.

    ``track_of`` says which configurations may be ranked with one another: those for which it gives the same.
    ``earlier`` are studies that it is warm-started from, by a strategy that has a model.
    """

    space: Space
    tasks: tuple[TaskInfo, ...]
    baseline: Configuration
    seed: int
    rollouts: int
    track_of: Callable[[Configuration], Track] = _one_for_all
    earlier: tuple[Earlier, ...] = ()
