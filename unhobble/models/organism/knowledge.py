"""How the tasks of the built-in suites are solved. An organism knows these and no others."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from unhobble.protocols import Task, TaskSuite
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind

_REMEMBERED_CHARACTERS = 20_000


@dataclass(frozen=True)
class KnownTask:
    """A task as an organism knows it: the bash commands that solve it, in order, and what is then handed in.

    A question has no commands. ``has_visible_check`` says that there is something to be made to look right.
    """

    id: str
    family: str
    human_minutes: float
    steps: tuple[str, ...]
    submission: str
    has_visible_check: bool

    @classmethod
    def of(cls, task: Task) -> "KnownTask":
        """What an organism knows of ``task``."""
        return cls(
            task.id, task.family, task.human_minutes, task.reference_steps, task.reference_submission, task.visible is not None
        )


class Knowledge:
    """Known tasks, found by their instruction. Never changes; finding is a pure function of the text."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = [(squeeze(task.instruction), KnownTask.of(task)) for task in tasks]
        # Of two instructions of which one contains the other, the longer one is meant where both stand.
        self._tasks.sort(key=lambda known: -len(known[0]))
        self._remembered = lru_cache(maxsize=512)(self._look)

    def find(self, text: str) -> KnownTask | None:
        """The task whose instruction stands in ``text``, whatever the white space; None for none."""
        return self._remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else self._look(text)

    def _look(self, text: str) -> KnownTask | None:
        text = squeeze(text)
        return next((task for instruction, task in self._tasks if instruction in text), None)


def squeeze(text: str) -> str:
    """``text`` with every run of white space made one blank."""
    return " ".join(text.split())


@cache
def builtin_knowledge() -> Knowledge:
    """What every organism knows: all tasks of the installed suites ``builtin/*``. Read once a process, when first needed."""
    registry = installed()
    suites: list[TaskSuite] = [
        registry.build(PluginKind.suite, suite_id) for suite_id in registry.ids(PluginKind.suite) if suite_id.startswith("builtin/")
    ]
    return Knowledge(task for suite in suites for task in suite.tasks)
