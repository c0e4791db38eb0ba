"""How well a configuration really does: the yardstick of a calibration, by rollouts that no study has seen."""

from collections.abc import Collection

from service.calibration.figures import Value
from service.plan import StudyPlan
from unhobble.configuration import Configuration
from unhobble.models.organism.truth import Simulator, Truth
from unhobble.vocabulary import Split

LUCK = 2**32 - 1
"""The seed of the truth. No study has it, so that nothing which was lucky in a study is lucky here."""

EPOCHS = 10
"""Rollouts of each task for the truth of what a study recommends; with 64 tasks its standard error is about 0.01."""

EPOCHS_OF_ENDS = 40
"""The same for the baseline and the best of the space, which every study of an organism is measured by."""


class Truths:
    """The truth of configurations under one organism; what was found out once is kept. Owned by one thread."""

    def __init__(self, simulator: Simulator, plan: StudyPlan) -> None:
        self._simulator = simulator
        self._objective = plan.spec.objective
        self._tasks = {task.id: task for task in plan.chosen}
        self._splits = plan.splits
        self._scores: dict[tuple[Configuration, str], list[float]] = {}

    def value(self, configuration: Configuration, epochs: int, split: Split | None = None) -> Value:
        """The mean over the tasks of ``split`` (None: all), and its standard error; the same however often it is asked for."""
        tasks = [task for task in self._tasks if split in (None, self._splits[task])]
        return self._value(configuration, epochs, tasks)

    def _value(self, configuration: Configuration, epochs: int, tasks: Collection[str]) -> Value:
        mean, error = Truth.of([self._of_task(configuration, task, epochs) for task in tasks]).under(self._objective)
        return Value(mean=mean, error=error)

    def _of_task(self, configuration: Configuration, task: str, epochs: int) -> list[float]:
        scores = self._scores.setdefault((configuration, task), [])
        for epoch in range(len(scores), epochs):
            scores.append(self._simulator.simulate(configuration, self._tasks[task], epoch=epoch, seed=LUCK))
        return scores[:epochs]
