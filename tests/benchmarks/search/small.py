"""A surface of a few configurations, as somebody else would write one."""

from types import SimpleNamespace

from search_spaces.space import Choice, Integer, Space
from unhobble.configuration import Configuration

_SPACE = Space(
    "small",
    "",
    (
        Choice("tool_format", ("xml", "json")),
        Choice("scaffold", ("once", "often")),
        Integer("scaffold.attempts", 2, 4, when={"scaffold": ("often",)}),
    ),
    Configuration({"tool_format": "json", "scaffold": "once"}),
    {},
)


class Small:
    """``.success`` is left out."""

    space = _SPACE
    best = 0.8

    def __init__(self, seed: int) -> None:
        self.tasks = [SimpleNamespace(id=f"task{number}", human_minutes=1.0 + seed) for number in range(8)]

    def probability(self, configuration: Configuration, task: str) -> float:
        """The same on all tasks."""
        assert task.startswith("task")
        values = configuration.root
        return 0.2 + 0.3 * (values["tool_format"] == "xml") + 0.1 * (int(values.get("scaffold.attempts", 1)) - 1)


def without_best(seed: int) -> object:
    """A surface that lacks something."""
    return SimpleNamespace(space=_SPACE, tasks=[], probability=Small(seed).probability)


def impossible(seed: int) -> object:
    """A surface with a probability above 1."""
    small = Small(seed)
    return SimpleNamespace(space=_SPACE, tasks=small.tasks, best=1.0, probability=lambda configuration, task: 1.5)
