"""How often an organism really solves a task under a configuration: the yardstick that a search's findings are held against.

The real prompt, tool format, scaffold and context strategy are run against the real organism, with the real limits, and only the
machine is a stand-in (``stand_in``). A rollout makes the same calls in the same order as a real one, and scores what the task's
rehearsal says that its files are worth at the end; a question is solved by its reference submission.

What a stand-in does not know: how long a command takes (limits on time never bind), what a command prints that was not
rehearsed, or is sent once more, or after a step that was passed over, and the words that are printed, of which it knows the number
only. How much that matters is measured by ``make bench-agreement``.
"""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance
from typing import Any, TypeVar

from unhobble.analysis.failures import label_failure
from unhobble.configuration import Configuration
from unhobble.context import LiveContext, Parts
from unhobble.errors import ContextOverflow, LimitReached
from unhobble.limits import Limits, Meter
from unhobble.models.organism.client import PREFIX, OrganismClient
from unhobble.models.organism.knowledge import Knowledge
from unhobble.models.organism.stand_in import Script, StandInSandbox, seen_in
from unhobble.models.organism.traits import Traits
from unhobble.protocols import Task
from unhobble.registry import Registry, installed
from unhobble.results import FailureLabel, Spend
from unhobble.spec import ModelSpec, attempt_seed, rollout_seed
from unhobble.tasks.rehearsal import Rehearsal
from unhobble.transcript import ErrorStep, LimitStep, NoteStep, Recorder, Step, SubmissionStep, VerdictStep
from unhobble.vocabulary import Objective

__all__ = ["SimulatedRollout", "Simulator", "StandInSandbox", "Truth"]

T = TypeVar("T")

_ANYTHING = "compliant"
"""The organism whose traits are all replaced."""


@dataclass(frozen=True)
class SimulatedRollout:
    """What came of a rollout without a sandbox. ``label`` is None for the full score; ``steps`` are those of its transcript."""

    score: float
    label: FailureLabel | None
    steps: tuple[Step, ...]
    spend: Spend
    submission: str | None


@dataclass(frozen=True)
class Truth:
    """A configuration's success on a fixed set of tasks, by mean and standard error.

    ``mean`` is the share of rollouts with the full score, ``score`` the mean of the scores. The tasks are what they are and not
    drawn from anything: only the rollouts of one task differ by chance.
    """

    mean: float
    standard_error: float
    score: float
    score_error: float
    rollouts: int

    @classmethod
    def of(cls, scores: Sequence[Sequence[float]]) -> "Truth":
        """From the scores of each task's rollouts, as many of each. Raises ``ValueError`` where there are none."""
        if not scores or not scores[0]:
            raise ValueError("there are no rollouts, and nothing is known without them")
        solved, solved_error = stratified([[float(score == 1.0) for score in task] for task in scores])
        mean, error = stratified(scores)
        return cls(solved, solved_error, mean, error, sum(map(len, scores)))

    def under(self, objective: Objective) -> tuple[float, float]:
        """The mean of what ``objective`` counts, and its standard error."""
        if objective is Objective.success_rate:
            return self.mean, self.standard_error
        return self.score, self.score_error


def stratified(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The mean of the tasks' means, and its standard error: sqrt(sum of s²/n over the T tasks) / T.

    ``s²`` is the variance of a task's ``n`` values, without bias. A task with one value has none of its own: there the variance
    over all values stands in, which is too large rather than too small.
    """
    means = [fmean(task) for task in values]
    everything = [value for task in values for value in task]
    spare = variance(everything) if len(everything) > 1 else 0.0
    squares = [(variance(task) if len(task) > 1 else spare) / len(task) for task in values]
    return fmean(means), sqrt(sum(squares)) / len(values)


class Simulator:
    """Rollouts of one organism that knows ``tasks``, without a sandbox. Synchronous; safe to use inside an event loop.

    ``rehearsals`` are those of the tasks, by task; a task without one is played as if its commands printed ``ok``. ``limits`` are
    a study's, of which each configuration may set its own, and which are multiplied after that. Raises
    ``BadInput`` for an organism that cannot be, and ``ValueError`` where a rehearsal is not of its task as it is now.
    """

    def __init__(
        self,
        traits: Traits,
        tasks: Sequence[Task],
        *,
        rehearsals: Mapping[str, Rehearsal] | None = None,
        limits: Limits | None = None,
        limits_multiple: float = 1,
        registry: Registry | None = None,
    ) -> None:
        self.traits = traits
        self.tasks = tuple(tasks)
        self._limits = limits or Limits()
        self._limits_multiple = limits_multiple
        # What an endpoint does wrong is asked again, and which checkpoint answers depends on the order of rollouts.
        overrides = traits.model_dump() | {"latency_s": 0.0, "provider": {}}
        spec = ModelSpec(id=PREFIX + _ANYTHING, params={"traits": overrides})
        self._client = OrganismClient(spec, Knowledge(tasks))
        self._registry = registry or installed()
        self._rehearsals = rehearsals or {}
        self._scripts = {task.id: Script.of(task.reference_steps, self._rehearsals.get(task.id)) for task in tasks}

    def like(self, traits: Traits, *, limits_multiple: float = 1) -> "Simulator":
        """The same tasks and rehearsals with another organism, or with other limits."""
        return Simulator(
            traits,
            self.tasks,
            rehearsals=self._rehearsals,
            limits=self._limits,
            limits_multiple=self._limits_multiple * limits_multiple,
            registry=self._registry,
        )

    def simulate(self, configuration: Configuration, task: Task, *, epoch: int, seed: int) -> float:
        """The score of one rollout, in [0, 1]. ``seed`` is the study's; the rollout's own follows from it as in a real study."""
        return self.with_luck(configuration, task, rollout_seed(seed, configuration, task.id, epoch))

    def with_luck(self, configuration: Configuration, task: Task, luck: int) -> float:
        """The score of the rollout with the seed ``luck``. Configurations that are given the same luck can be compared by it."""
        best = 0.0
        for attempt in range(configuration.advantage.attempts):
            best = max(best, self._attempt(configuration, task, attempt_seed(luck, attempt), _Unrecorded()).score)
            if best == 1.0:
                break
        return best

    def play(self, configuration: Configuration, task: Task, *, epoch: int, seed: int) -> SimulatedRollout:
        """One rollout with its transcript; what a real one with the same ``seed`` comes to, as far as a stand-in can tell."""
        return self.played(configuration, task, rollout_seed(seed, configuration, task.id, epoch))

    def played(self, configuration: Configuration, task: Task, luck: int) -> SimulatedRollout:
        """``play``, given the rollout's own seed."""
        recorder = Recorder(_no_time)
        made: list[SimulatedRollout] = []
        allowed = configuration.advantage.attempts
        while len(made) < allowed and not (made and made[-1].score == 1.0):
            if allowed > 1:
                recorder.add(NoteStep(text=f"attempt {len(made) + 1} of {allowed}, in a fresh sandbox"))
            made.append(self._attempt(configuration, task, attempt_seed(luck, len(made)), recorder))
        best = max(made, key=lambda attempt: attempt.score)
        spend = made[0].spend
        for attempt in made[1:]:
            spend += attempt.spend
        return SimulatedRollout(best.score, best.label, recorder.steps, spend, best.submission)

    def true_success(
        self, configuration: Configuration, *, epochs: int, seed: int = 0, tasks: Sequence[Task] | None = None
    ) -> Truth:
        """How ``configuration`` does on ``tasks`` (all where it is None), by ``epochs`` rollouts of each."""
        return Truth.of(
            [
                [self.simulate(configuration, task, epoch=epoch, seed=seed) for epoch in range(epochs)]
                for task in (self.tasks if tasks is None else tasks)
            ]
        )

    def _attempt(self, configuration: Configuration, task: Task, seed: int, recorder: Recorder) -> SimulatedRollout:
        """The story of ``unhobble.rollout``, without a machine and without a clock."""
        first_step = len(recorder.steps)
        sandbox = StandInSandbox(self._scripts[task.id])
        parts, limits = Parts.of(configuration, self._registry), configuration.limits(self._limits).times(self._limits_multiple)
        context = LiveContext(
            task=seen_in(task, sandbox),
            configuration=configuration,
            parts=parts,
            model=self._client,
            sandbox=sandbox,
            seed=seed,
            meter=Meter(limits, clock=_no_time),
            recorder=recorder,
            simulated=True,
        )
        submission: str | None = None
        try:
            submission = _drive(parts.scaffold.run(context))
        except LimitReached as reached:
            recorder.add(LimitStep(limit=reached.kind.value, text=str(reached)))
        except ContextOverflow as overflow:
            recorder.add(ErrorStep(error=type(overflow).__name__, text=str(overflow)))
        recorder.add(SubmissionStep(text=submission))
        score = sandbox.score if task.reference_steps else float(submission == task.reference_submission)
        recorder.add(VerdictStep(score=score))
        steps = recorder.steps[first_step:]
        labelled = score < 1.0 and steps
        label = label_failure(steps, limits).shifted(first_step) if labelled else None
        return SimulatedRollout(score, label, steps, context.spend, submission)


class _Unrecorded(Recorder):
    """A recorder for rollouts that nobody will read."""

    def __init__(self) -> None:
        super().__init__(_no_time)

    def add(self, step: Any) -> None:
        """Forget ``step``."""


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without an event loop. Raises ``RuntimeError`` if it does wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a simulated rollout waited for something; only scaffolds that wait for nothing else can be simulated")


def _no_time() -> float:
    return 0.0
