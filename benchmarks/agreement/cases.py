"""What is played both ways: configurations and tasks, drawn at random, and all that a process needs to play them."""

import random
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cache

from search_spaces.space import Space
from service.calibration.rehearsals import shipped_or_rehearsed
from unhobble.configuration import Configuration
from unhobble.messages import Frozen
from unhobble.protocols import Task, TaskSuite
from unhobble.registry import installed
from unhobble.tasks.rehearsal import Rehearsal
from unhobble.vocabulary import PluginKind

BUILTIN = "builtin/"
SPACES: tuple[Space, ...] = (
    Space.load("default", installed()),
    # Long rollouts cost the most and find nothing that those of 40 turns do not.
    Space.load({"name": "affordable", "extends": "maximal", "only": {"limits.turns": [12, 24, 40]}}, installed()),
)
"""Half of the configurations are drawn from each."""


class Case(Frozen):
    """One rollout of an organism, before it is played. ``number`` is its place among the organism's, and its epoch."""

    organism: str
    number: int
    configuration: Configuration
    suite: str
    task: str

    @property
    def digest(self) -> str:
        """Tells it from what other versions of the spaces and the suites would have drawn in its place."""
        return f"{self.configuration.hash} {self.suite} {builtin_suites()[self.suite].digest} {self.task}"


@dataclass(frozen=True)
class World:
    """All built-in tasks, and what they do in a sandbox."""

    suites: dict[str, TaskSuite]
    rehearsals: dict[str, Rehearsal]

    @property
    def tasks(self) -> list[Task]:
        """Those of all suites."""
        return [task for suite in self.suites.values() for task in suite.tasks]

    def task(self, case: Case) -> Task:
        """The task of ``case``."""
        return next(task for task in self.suites[case.suite].tasks if task.id == case.task)


@cache
def builtin_suites() -> dict[str, TaskSuite]:
    """Every suite that comes with Unhobble, by its id."""
    registry = installed()
    ids = [suite_id for suite_id in registry.ids(PluginKind.suite) if suite_id.startswith(BUILTIN)]
    return {suite_id: registry.build(PluginKind.suite, suite_id) for suite_id in ids}


def rehearsals() -> dict[str, Rehearsal]:
    """Of all built-in tasks, by task: shipped, else tried out now. Not inside an event loop. Raises as ``shipped_or_rehearsed``."""
    found: dict[str, Rehearsal] = {}
    for suite in builtin_suites().values():
        found |= shipped_or_rehearsed(suite, suite.tasks)
    return found


def drawn(organism: str, count: int, seed: int, *, only: Container[str] | None = None) -> list[Case]:
    """The first ``count`` cases of an organism, of all tasks or of these ``only``: the same, however many are asked for."""
    places = [(suite.id, task.id) for suite in builtin_suites().values() for task in suite.tasks if only is None or task.id in only]
    return [_drawn(organism, number, seed, places) for number in range(count)]


def _drawn(organism: str, number: int, seed: int, places: Sequence[tuple[str, str]]) -> Case:
    rng = random.Random(f"agreement {seed} {organism} {number}")
    configuration = SPACES[number % len(SPACES)].sample(rng)
    suite, task = rng.choice(places)
    return Case(organism=organism, number=number, configuration=configuration, suite=suite, task=task)
