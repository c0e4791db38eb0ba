"""What a search strategy is given to work on."""

from dataclasses import dataclass

from search_spaces.space import Space
from unhobble.configuration import Configuration
from unhobble.records import TaskInfo


@dataclass(frozen=True)
class SearchProblem:
    """A space, the tasks of the search split, the configuration to begin with, and how many rollouts there are for it all."""

    space: Space
    tasks: tuple[TaskInfo, ...]
    baseline: Configuration
    seed: int
    rollouts: int
