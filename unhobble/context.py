"""The rollout context: the one door through which a scaffold reaches model and sandbox. Records, meters and limits everything."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from unhobble.configuration import SLOTS, Configuration, Sampling
from unhobble.cues import HINTS_HEADING
from unhobble.errors import AnswerLate, LimitReached
from unhobble.limits import Meter
from unhobble.machine import CommandMachine
from unhobble.messages import FormatProblem, Message, ModelAnswer, ModelRequest, ToolCall, ToolOutcome
from unhobble.protocols import ContextStrategy, ModelClient, Prompt, Sandbox, Scaffold, Task, ToolFormat, ToolSet
from unhobble.registry import Registry
from unhobble.results import Identity, Spend
from unhobble.sandboxing import WORK_DIR
from unhobble.spec import ORGANISM_PREFIX, draw_seed
from unhobble.text import decode
from unhobble.tools import SUBMIT
from unhobble.transcript import AnswerStep, CallStep, FormatProblemStep, MessageStep, NoteStep, Recorder
from unhobble.vocabulary import LimitKind, OracleAccess

_DIGESTED_FILES, _DIGESTED_BYTES = 10_000, 64 * 2**20


@dataclass(frozen=True)
class Parts:
    """What a configuration names, built for one rollout."""

    prompt: Prompt
    tool_format: ToolFormat
    scaffold: Scaffold
    context: ContextStrategy
    tools: ToolSet

    @classmethod
    def of(cls, configuration: Configuration, registry: Registry) -> "Parts":
        """Raises ``NotFound`` or ``BadInput``."""
        return cls(**{slot: registry.build(kind, *configuration.plugin(slot)) for slot, kind in SLOTS.items()})


class LiveContext:
    """``protocols.RolloutContext`` over a real model and a real sandbox; one object an attempt at a task."""

    def __init__(
        self,
        *,
        task: Task,
        configuration: Configuration,
        parts: Parts,
        model: ModelClient,
        sandbox: Sandbox,
        seed: int,
        meter: Meter,
        recorder: Recorder,
        simulated: bool,
    ) -> None:
        self.instruction = _instruction(task, hints=configuration.advantage.hints)
        self.prompt = parts.prompt
        self.tool_format = parts.tool_format
        self.tools = (*(tool.spec for tool in parts.tools.tools), SUBMIT)
        self.limits = meter.limits
        self.seed = seed
        self.identity = Identity(asked=model.model, simulated=simulated)
        self.spend = Spend()
        self._tools = {tool.spec.name: tool for tool in parts.tools.tools}
        self._strategy = parts.context
        self._oracle_access = parts.scaffold.oracle_access
        self._visible = task.visible
        self._model = model
        self._sandbox = sandbox
        self._sampling = Sampling.model_validate(configuration.section("model"))
        self._meter = meter
        self._recorder = recorder
        self._seen: dict[int, Message] = {}
        self._told: list[str] = []
        self._outcomes: list[str] = []
        self._outputs: dict[int, tuple[str, ...]] = {}
        self._asked = False
        self._hidden = ""

    @property
    def turns_left(self) -> int:
        """See ``RolloutContext.turns_left``."""
        return max(0, self.limits.turns - self._meter.turns)

    async def ask(
        self, messages: Sequence[Message], *, purpose: str = "act", with_tools: bool = True, draw: int = 0
    ) -> ModelAnswer:
        """See ``RolloutContext.ask``."""
        self._record_new(messages)
        fitted = await self._strategy.fit(messages, _View(self, draw, self._opening(messages)))
        if fitted is not messages:
            self._note_hidden(messages, fitted)
        return await self._complete(fitted, purpose=purpose, with_tools=with_tools, draw=draw)

    async def _complete(self, messages: Sequence[Message], *, purpose: str, with_tools: bool, draw: int) -> ModelAnswer:
        request = ModelRequest(
            messages=tuple(messages),
            tools=self.tool_format.present(self.tools),
            tool_choice="auto" if with_tools else "none",
            stop=self.tool_format.stop if with_tools else (),
            temperature=self._sampling.temperature,
            top_p=self._sampling.top_p,
            reasoning_effort=self._sampling.reasoning_effort,
            max_tokens=self.limits.answer_tokens,
            seed=draw_seed(self.seed, draw),
        )
        estimate = self._model.estimate(request)
        self._meter.before_call(estimate.tokens, estimate.usd)
        try:
            answer = await self._model.complete(request, timeout_s=self._meter.remaining_s)
        except AnswerLate:
            raise LimitReached(LimitKind.time, self.limits.time_s) from None
        self._meter.after_call(answer.usage.total, answer.cost_usd)
        self._book(answer)
        self._recorder.add(AnswerStep(purpose=purpose, answer=answer))
        # The message the scaffold makes of this answer is in the transcript already, as the answer.
        return answer

    async def call(self, call: ToolCall, *, repairs: int = 0) -> ToolOutcome:
        """See ``RolloutContext.call``."""
        if call.name == SUBMIT.name:
            outcome = ToolOutcome(text="Submitted.", submission=str(call.arguments["answer"]))
            self._shown(self.tool_format.write_outcome(call, outcome))
            self._recorder.add(CallStep(call=call, text=outcome.text, failed=False, repairs=repairs))
            return outcome
        machine = self._machine()
        outcome = await self._tools[call.name].run(call.arguments, machine)  # tool formats refuse names that are not among them
        self._shown(self.tool_format.write_outcome(call, outcome), outcome.text)
        last = machine.results[-1] if machine.results else None
        self._recorder.add(
            CallStep(
                call=call,
                text=outcome.text,
                failed=outcome.failed,
                repairs=repairs,
                ending=last and last.ending.value,
                exit_code=last and last.exit_code,
                truncated=any(result.stdout_truncated or result.stderr_truncated for result in machine.results),
                duration_s=round(sum(result.duration_s for result in machine.results), 4),
            )
        )
        machine.record_refused(self._recorder)
        return outcome

    def problem(self, problem: FormatProblem) -> None:
        """See ``RolloutContext.problem``."""
        self._shown(self.tool_format.write_problem(problem))
        self._recorder.add(FormatProblemStep(problem=problem))

    def note(self, text: str) -> None:
        """See ``RolloutContext.note``."""
        self._recorder.add(NoteStep(text=text))

    async def snapshot(self) -> str:
        """See ``RolloutContext.snapshot``."""
        return await self._sandbox.snapshot()

    async def restore(self, snapshot: str) -> None:
        """See ``RolloutContext.restore``."""
        await self._sandbox.restore(snapshot)
        self.note("the agent's files were put back to an earlier snapshot")

    async def files_digest(self) -> str:
        """See ``RolloutContext.files_digest``. Where there is too much to be read, no two states are equal."""
        try:
            files = await self._sandbox.read_directory(WORK_DIR, max_bytes=_DIGESTED_BYTES, max_files=_DIGESTED_FILES)
        except (FileNotFoundError, ValueError) as error:
            self.note(f"the files in {WORK_DIR} could not be compared: {error}")
            return f"unread after {len(self._recorder.steps)} steps"
        total = hashlib.sha256()
        for file in files:
            total.update(f"{file.path}\0{len(file.data)}\0".encode(errors="surrogateescape") + file.data)
        return total.hexdigest()[:16]

    async def visible_score(self) -> float | None:
        """See ``RolloutContext.visible_score``."""
        assert self._oracle_access is not OracleAccess.none, "a scaffold that declares no access to an oracle asked for a score"
        if self._visible is None:
            return None
        machine = self._machine()
        score = await self._visible.score(machine)
        machine.record_refused(self._recorder)
        self.note(f"the visible score is {score:g}")
        return score

    async def read_text(self, path: str, *, max_bytes: int) -> str | None:
        """See ``ContextView.read_file``."""
        try:
            return decode(await self._sandbox.read_file(path, max_bytes=max_bytes))
        except (FileNotFoundError, ValueError):
            return None

    def outputs(self, message: Message) -> tuple[str, ...]:
        """See ``ContextView.outputs``."""
        return self._outputs.get(id(message), ())

    def _opening(self, messages: Sequence[Message]) -> int:
        """See ``ContextView.opening``. Where a prompt rewrote the instruction, its conversations are as long as it opens them."""
        for place, message in enumerate(messages, start=1):
            if message.role == "user" and self.instruction in message.content:
                return place
        return min(len(messages), len(self.prompt.open(self.instruction, self.tools, self.tool_format)))

    def _machine(self) -> CommandMachine:
        return CommandMachine(self._sandbox, self._meter)

    def _note_hidden(self, messages: Sequence[Message], fitted: Sequence[Message]) -> None:
        """Say how much less the model was shown than was said, whenever that changes."""
        sizes = [sum(len(message.content) for message in some) for some in (fitted, messages)]
        text = f"the model was shown {len(fitted)} of {len(messages)} messages, {sizes[0]} of {sizes[1]} characters"
        if text != self._hidden:
            self._hidden = text
            self.note(text)

    def _record_new(self, messages: Sequence[Message]) -> None:
        """Record messages not recorded before: not answers, and not what a call or a problem step already shows.

        What a scaffold says right after an outcome stands in one message with it, and is recorded without it.
        """
        for message in messages:
            if id(message) in self._seen:
                continue
            self._seen[id(message)] = message  # holding the message keeps its id from being used again
            if message.role in ("system", "user") and (new := self._not_shown_yet(message)):
                self._recorder.add(MessageStep(message=new))
            if message.role != "assistant":
                self._outputs[id(message)] = tuple(text for text in self._outcomes if text in message.content)
        self._asked = True

    def _shown(self, message: Message, output: str | None = None) -> None:
        """Remember a message that a step shows, and a tool's output, until the agent's next turn.

        A scaffold may ask several things before that, each with the outcome in it once more. A message of role ``tool`` never
        stands in one of the scaffold's.
        """
        if self._asked:
            self._told.clear()
            self._outcomes.clear()
            self._asked = False
        if message.role == "user":
            self._told.append(message.content)
        if output is not None:
            self._outcomes.append(output)

    def _not_shown_yet(self, message: Message) -> Message | None:
        """What of ``message`` no step shows; None for nothing."""
        rest = message.content
        for written in self._told:
            rest = rest.replace(written, "", 1)
        if rest == message.content:
            return message
        return message.model_copy(update={"content": rest.strip()}) if rest.strip() else None

    def _book(self, answer: ModelAnswer) -> None:
        self.spend += Spend(model_calls=1, usage=answer.usage, cost_usd=answer.cost_usd)
        seen = Identity(
            asked=self.identity.asked,
            answered=(answer.model,),
            fingerprints=() if answer.fingerprint is None else (answer.fingerprint,),
            # An organism may be served over HTTP: what it calls itself tells, where what was asked for does not.
            simulated=answer.model.startswith(ORGANISM_PREFIX),
        )
        self.identity = self.identity.joined(seen)


class _View:
    """``protocols.ContextView`` for one question."""

    def __init__(self, context: LiveContext, draw: int, opening: int) -> None:
        self.opening = opening
        self._context = context
        self._draw = draw

    def outputs(self, message: Message) -> tuple[str, ...]:
        """See ``ContextView.outputs``."""
        return self._context.outputs(message)

    async def ask(self, messages: Sequence[Message], *, purpose: str) -> str:
        """See ``ContextView.ask``."""
        answer = await self._context._complete(messages, purpose=purpose, with_tools=False, draw=self._draw)  # noqa: SLF001
        return answer.content

    async def read_file(self, path: str, *, max_bytes: int) -> str | None:
        """See ``ContextView.read_file``."""
        return await self._context.read_text(path, max_bytes=max_bytes)


def _instruction(task: Task, *, hints: bool) -> str:
    """The task's words, and its hints where they are given."""
    if not hints or not task.hints:
        return task.instruction
    return "\n".join([task.instruction, "", HINTS_HEADING, *(f"- {hint}" for hint in task.hints)])
