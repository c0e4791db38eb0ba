"""How well a configuration really does: the yardstick of a calibration, by rollouts that no study has seen."""

from service.calibration.figures import Value
from service.plan import StudyPlan
from unhobble.configuration import Configuration
from unhobble.models.organism.truth import Simulator, Truth
from unhobble.vocabulary import Split

LUCK = 2**32 - 1
"""The seed of the truth. No study has it, so that nothing which was lucky in a study is lucky here."""

ROLLOUTS = 256
"""By about so many the truth of what a study recommends is found; its standard error is 0.03 at the most, mostly below 0.02."""

ROLLOUTS_OF_ENDS = 1_600
"""The same for the baseline, which every study of an organism is measured by; 0.01."""


class Truths:
    """The truth of configurations under one organism; what was found out once is kept. Owned by one thread."""

    def __init__(self, simulator: Simulator, plan: StudyPlan) -> None:
        self._simulator = simulator
        self._objective = plan.spec.objective
        self._tasks = {task.id: task for task in plan.chosen}
        self._splits = plan.splits
        self._scores: dict[tuple[Configuration, str], list[float]] = {}

    def value(self, configuration: Configuration, split: Split | None = None, *, rollouts: int = ROLLOUTS) -> Value:
        """The mean over the tasks of ``split`` (None: all), and its standard error; the same however often it is asked for.

        Every task gets as many rollouts as it would if all of them shared ``rollouts``.
        """
        epochs = max(2, rollouts // len(self._tasks))
        tasks = [task for task in self._tasks if split in (None, self._splits[task])]
        mean, error = Truth.of([self._of_task(configuration, task, epochs) for task in tasks]).under(self._objective)
        return Value(mean=mean, error=error)

    def _of_task(self, configuration: Configuration, task: str, epochs: int) -> list[float]:
        scores = self._scores.setdefault((configuration, task), [])
        for epoch in range(len(scores), epochs):
            scores.append(self._simulator.simulate(configuration, self._tasks[task], epoch=epoch, seed=LUCK))
        return scores[:epochs]
