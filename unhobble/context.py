"""The rollout context: the one door through which a scaffold reaches model and sandbox. Records, meters and limits everything."""

from collections.abc import Sequence

from unhobble.configuration import Sampling
from unhobble.errors import AnswerLate, LimitReached
from unhobble.limits import Meter
from unhobble.messages import FormatProblem, Message, ModelAnswer, ModelRequest, ToolCall, ToolOutcome, ToolSpec
from unhobble.protocols import ModelClient, Prompt, Sandbox, ToolFormat
from unhobble.results import Identity, Spend
from unhobble.spec import ORGANISM_PREFIX, draw_seed
from unhobble.tools import BASH, SUBMIT, TOOLS, run_bash
from unhobble.transcript import AnswerStep, CallStep, FormatProblemStep, MessageStep, NoteStep, Recorder
from unhobble.vocabulary import LimitKind


class LiveContext:
    """``protocols.RolloutContext`` over a real model and a real sandbox; one object a rollout."""

    tools: tuple[ToolSpec, ...] = TOOLS

    def __init__(
        self,
        *,
        instruction: str,
        prompt: Prompt,
        tool_format: ToolFormat,
        model: ModelClient,
        sandbox: Sandbox,
        sampling: Sampling,
        seed: int,
        meter: Meter,
        recorder: Recorder,
        simulated: bool,
    ) -> None:
        self.instruction = instruction
        self.prompt = prompt
        self.tool_format = tool_format
        self.limits = meter.limits
        self.seed = seed
        self.identity = Identity(asked=model.model, simulated=simulated)
        self.spend = Spend()
        self._model = model
        self._sandbox = sandbox
        self._sampling = sampling
        self._meter = meter
        self._recorder = recorder
        self._seen: dict[int, Message] = {}
        self._told: set[str] = set()

    async def ask(
        self, messages: Sequence[Message], *, purpose: str = "act", with_tools: bool = True, draw: int = 0
    ) -> ModelAnswer:
        """See ``RolloutContext.ask``."""
        self._record_new(messages)
        request = ModelRequest(
            messages=tuple(messages),
            tools=self.tools if self.tool_format.native else (),
            tool_choice="auto" if with_tools else "none",
            stop=self.tool_format.stop if with_tools else (),
            temperature=self._sampling.temperature,
            top_p=self._sampling.top_p,
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

    async def call(self, call: ToolCall) -> ToolOutcome:
        """See ``RolloutContext.call``."""
        if call.name == SUBMIT.name:
            outcome = ToolOutcome(text="Submitted.", submission=str(call.arguments["answer"]))
            self._recorder.add(CallStep(call=call, text=outcome.text, failed=False))
            return outcome
        assert call.name == BASH.name, call.name  # tool formats refuse names that are not among the tools
        self._meter.check_time()
        timeout_s = min(self.limits.command_timeout_s, self._meter.remaining_s)
        outcome, result = await run_bash(self._sandbox, call, timeout_s=timeout_s, output_bytes=self.limits.output_bytes)
        self._told.add(outcome.text)
        self._recorder.add(
            CallStep(
                call=call,
                text=outcome.text,
                failed=outcome.failed,
                ending=result.ending.value,
                exit_code=result.exit_code,
                truncated=result.stdout_truncated or result.stderr_truncated,
                duration_s=round(result.duration_s, 4),
            )
        )
        self._recorder.add_refused(result.refused)
        return outcome

    def problem(self, problem: FormatProblem) -> None:
        """See ``RolloutContext.problem``."""
        self._told.add(problem.message)
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

    def _record_new(self, messages: Sequence[Message]) -> None:
        """Record messages not recorded before: not answers, and not what a call or a problem step already shows."""
        for message in messages:
            if id(message) in self._seen:
                continue
            self._seen[id(message)] = message  # holding the message keeps its id from being used again
            shown = message.role == "tool" or any(text in message.content for text in self._told)
            if message.role != "assistant" and not shown:
                self._recorder.add(MessageStep(message=message))
        self._told.clear()

    def _book(self, answer: ModelAnswer) -> None:
        self.spend += Spend(model_calls=1, usage=answer.usage, cost_usd=answer.cost_usd)
        answered, prints = self.identity.answered, self.identity.fingerprints
        if answer.model not in answered:
            answered += (answer.model,)
        if answer.fingerprint is not None and answer.fingerprint not in prints:
            prints += (answer.fingerprint,)
        # An organism may be served over HTTP: what it calls itself tells, where what was asked for does not.
        simulated = self.identity.simulated or answer.model.startswith(ORGANISM_PREFIX)
        seen = {"answered": answered, "fingerprints": prints, "simulated": simulated}
        self.identity = self.identity.model_copy(update=seen)
