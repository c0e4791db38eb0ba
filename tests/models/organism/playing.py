"""Small tasks, organisms planted for a test, and rollouts of them without a sandbox."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from unhobble.configuration import Configuration
from unhobble.context import LiveContext, Parts
from unhobble.errors import ContextOverflow, LimitReached
from unhobble.limits import Limits, Meter
from unhobble.messages import Message, ModelAnswer, ModelRequest
from unhobble.models.organism.client import OrganismClient
from unhobble.models.organism.knowledge import Knowledge
from unhobble.models.organism.traits import Traits
from unhobble.models.organism.truth import StandInSandbox
from unhobble.registry import installed
from unhobble.spec import ModelSpec
from unhobble.tools import TOOLS
from unhobble.transcript import AnswerStep, CallStep, FormatProblemStep, Recorder, Step
from unhobble.vocabulary import PluginKind

SURE = {"ability": 50.0, "slope": 0.0}
HOPELESS = {"ability": -50.0, "slope": 0.0}


@dataclass(frozen=True)
class FakeTask:
    """A task that nobody scores."""

    id: str = "sums"
    instruction: str = "Add up the numbers in numbers.txt\nand write the sum to sum.txt."
    human_minutes: float = 4.0
    reference_steps: tuple[str, ...] = ("cat numbers.txt", 'echo "1 + 2" | bc > sum.txt\ncat sum.txt', "test -s sum.txt")
    reference_submission: str = "Done."
    family: str = "sums"
    hints: tuple[str, ...] = ()
    scorer: Any = None
    visible: Any = None

    async def set_up(self, sandbox: Any) -> None:
        """Nothing to set up."""


TASK = FakeTask()
OTHER = FakeTask("names", "Sort the names in names.txt, most frequent first.", 16.0, ("sort names.txt", "uniq -c names.txt"))
KNOWLEDGE = Knowledge([TASK, OTHER])


class Spy(OrganismClient):
    """An organism that keeps every request it was asked."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(ModelSpec(id="organism/compliant", params={"traits": traits}), KNOWLEDGE)
        self.requests: list[ModelRequest] = []

    def answer(self, request: ModelRequest) -> ModelAnswer:
        self.requests.append(request)
        return super().answer(request)


@dataclass
class Played:
    """What came of a rollout."""

    submission: str | None
    solved: bool
    steps: tuple[Step, ...]
    requests: list[ModelRequest] = field(default_factory=list)

    @property
    def problems(self) -> int:
        return sum(isinstance(step, FormatProblemStep) for step in self.steps)

    @property
    def commands(self) -> list[str]:
        calls = [step.call for step in self.steps if isinstance(step, CallStep)]
        return [str(call.arguments["command"]) for call in calls if call.name == "bash"]

    @property
    def answers(self) -> list[str]:
        return [step.answer.content for step in self.steps if isinstance(step, AnswerStep)]


def configuration(**paths: Any) -> Configuration:
    """The plainest configuration, with ``paths`` set: two underscores stand for the dot."""
    plain = {"prompt": "plain", "tool_format": "xml_tags", "scaffold": "react"}
    return Configuration(plain | {path.replace("__", "."): value for path, value in paths.items()})


async def play(client: Spy, chosen: Configuration, *, task: FakeTask = TASK, seed: int = 1) -> Played:
    """One rollout through the real context."""
    parts = Parts.of(chosen, installed())
    sandbox, recorder, submission = StandInSandbox(task.reference_steps), Recorder(), None
    context = LiveContext(
        task=task,
        configuration=chosen,
        parts=parts,
        model=client,
        sandbox=sandbox,
        seed=seed,
        meter=Meter(chosen.limits(Limits())),
        recorder=recorder,
        simulated=True,
    )
    with suppress(LimitReached, ContextOverflow):
        submission = await parts.scaffold.run(context)
    return Played(submission, sandbox.solved, recorder.steps, client.requests)


def traits(**changes: Any) -> Traits:
    """A sure and fluent organism, with ``changes``."""
    return Traits.model_validate(SURE | changes)


def opening(text: str = TASK.instruction, system: str = "", **changes: Any) -> ModelRequest:
    """The first request of a conversation in the format xml_tags."""
    rules = installed().build(PluginKind.tool_format, "xml_tags").instructions(TOOLS)
    messages = (Message(role="system", content=f"{system}\n\n{rules}"), Message(role="user", content=text))
    return ModelRequest(messages=messages, **changes)
