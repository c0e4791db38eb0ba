"""An organism in process: no server, no network."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from unhobble.cues import ADVISE_REQUEST, REFLECT_REQUEST
from unhobble.errors import AnswerLate, BadInput, ContextOverflow, Issue, ModelError
from unhobble.messages import Attempt, Estimate, ModelAnswer, ModelRequest, ToolSpec, Usage
from unhobble.models.organism import provider
from unhobble.models.organism.formats import CHARACTERS_PER_TOKEN, format_called, input_tokens, known_formats
from unhobble.models.organism.knowledge import Knowledge, builtin_knowledge
from unhobble.models.organism.player import Reply, answer
from unhobble.models.organism.provider import Attempts, Fault
from unhobble.models.organism.traits import Traits, changed, load_traits
from unhobble.spec import ORGANISM_PREFIX, ModelSpec

PREFIX = ORGANISM_PREFIX

_WORDS_WANTED = (REFLECT_REQUEST, ADVISE_REQUEST)


@dataclass(frozen=True)
class Attempted:
    """What came of one attempt: an answer that takes ``latency_s`` seconds, and a fault, or neither answer nor latency.

    A ``truncated`` answer is there and does not arrive whole; the other faults have none. ``retry_after_s`` goes with a refusal.
    """

    answer: ModelAnswer | None = None
    latency_s: float = 0.0
    fault: Fault | None = None
    retry_after_s: float = 0.0


class OrganismClient:
    """``protocols.ModelClient`` of a simulated model, ``organism/<name>``.

    ``spec.params`` may hold ``{"traits": {...}}``, which overrides single traits. Raises ``BadInput`` for an unknown organism,
    other parameters, or an endpoint or key, which an organism in process has no use for.

    Its answers are pure functions of the requests, with one exception: where ``provider.changes_after`` is set, another checkpoint
    answers after so many answers of this very object, so there the order of the requests matters. It also counts the attempts at
    requests that are not answered yet. Belongs to one event loop; safe for concurrent calls on it.
    """

    def __init__(self, spec: ModelSpec, knowledge: Knowledge | None = None) -> None:
        self.model = spec.id
        self.traits = _traits(spec)
        self._given = knowledge
        self._checkpoints = _checkpoints(self.traits)
        self._attempts = Attempts()
        self._answers = 0

    @property
    def knowledge(self) -> Knowledge:
        """The tasks it knows: those it was given, else all built-in ones."""
        return self._given or builtin_knowledge()

    @property
    def checkpoint(self) -> Traits:
        """Who answers next: ``traits``, until the provider puts another one in its place."""
        return next(traits for start, traits in reversed(self._checkpoints) if start <= self._answers)

    def estimate(self, request: ModelRequest) -> Estimate:
        """See ``ModelClient.estimate``. The price is that of the dearest checkpoint."""
        tokens_in = input_tokens(request)
        prices = [traits.cost_usd(tokens_in, request.max_tokens) for _, traits in self._checkpoints]
        known = [usd for usd in prices if usd is not None]
        return Estimate(tokens=tokens_in + request.max_tokens, usd=max(known) if len(known) == len(prices) else None)

    async def complete(self, request: ModelRequest, *, timeout_s: float) -> ModelAnswer:
        """See ``ModelClient.complete``. Asks again as ``LitellmClient`` does: as often, and until the same deadline.

        The seconds that a refusal, a wait or an attempt without an answer would take count towards the deadline, but nobody waits
        for them; the latency of an answer passes for real.
        """
        started_s = time.monotonic()
        attempts: list[Attempt] = []
        gone_s = 0.0
        while True:
            left_s = timeout_s - gone_s
            patience_s = min(provider.ATTEMPT_TIMEOUT_S, left_s)
            found = self.attempt(request)
            if found.latency_s > patience_s:  # it comes after whoever asked has left
                found = Attempted(fault=Fault.timeout)
            if found.answer is not None and found.fault is None:
                asked_s = time.monotonic()
                if found.latency_s:
                    await asyncio.sleep(found.latency_s)
                attempts.append(Attempt(duration_s=_since(asked_s), status=200))
                return found.answer.model_copy(update={"attempts": tuple(attempts), "duration_s": _since(started_s)})
            fault = found.fault or Fault.timeout
            if fault is Fault.timeout:
                gone_s += patience_s
                if not attempts and left_s < provider.ATTEMPT_TIMEOUT_S:
                    raise AnswerLate(f"{self.model} had not answered after {timeout_s:.4g} s")
            attempts.append(Attempt(duration_s=0.0, error=provider.SAID[fault], status=provider.STATUS[fault]))
            gone_s += provider.wait_s(fault, found.retry_after_s, len(attempts))
            if len(attempts) == provider.MAX_ATTEMPTS or gone_s >= timeout_s:
                count = f"{len(attempts)} attempt{'s' if len(attempts) > 1 else ''}"
                raise ModelError(f"{self.model} gave no usable answer in {count}; the last: {provider.SAID[fault]}")

    def attempt(self, request: ModelRequest) -> Attempted:
        """What comes of asking once more, without waiting for it. Raises ``ContextOverflow``."""
        traits, endpoint = self.checkpoint, self.checkpoint.provider
        unruly = provider.misbehaves(endpoint)
        digest = provider.digest_of(request) if unruly or traits.latency_spread else ""
        fault = provider.befalls(endpoint, digest, self._attempts.next(digest)) if unruly else None
        if fault not in (None, Fault.truncated):
            return Attempted(fault=fault, retry_after_s=endpoint.retry_after_s)
        given = self.answer(request)
        if fault is None:
            self._attempts.answered(digest)
            self._answers += 1
        return Attempted(given, provider.latency_s(traits, digest), fault)

    def answer(self, request: ModelRequest) -> ModelAnswer:
        """The answer of whoever answers next, without waiting for it. Raises ``ContextOverflow``."""
        traits, tokens_in = self.checkpoint, input_tokens(request)
        if tokens_in + request.max_tokens > traits.context_tokens:
            # In OpenAI's words, by which clients know it.
            raise ContextOverflow(
                f"This model's maximum context length is {traits.context_tokens} tokens. However, your messages have "
                f"{tokens_in} tokens and you asked for up to {request.max_tokens} more."
            )
        reply = answer(_as_heard(request), traits, self.knowledge)
        tokens_out = _output_tokens(reply, request, traits)
        return ModelAnswer(
            content=reply.content,
            tool_calls=reply.tool_calls,
            finish_reason=reply.finish_reason,
            usage=Usage(input_tokens=tokens_in, output_tokens=tokens_out),
            cost_usd=traits.cost_usd(tokens_in, tokens_out),
            model=self.model,
            fingerprint=traits.fingerprint,
        )

    async def close(self) -> None:
        """See ``ModelClient.close``."""


def said_tokens(reply: Reply | ModelAnswer) -> int:
    """Tokens of what is seen of an answer."""
    characters = len(reply.content) + sum(len(call.name) + len(call.arguments) for call in reply.tool_calls)
    return characters // CHARACTERS_PER_TOKEN + 1


def _output_tokens(reply: Reply, request: ModelRequest, traits: Traits) -> int:
    """What is seen and what was thought. Thoughts take what room the answer leaves them: a limit on tokens holds for both."""
    thought = provider.thinking_tokens(traits, provider.digest_of(request)) if traits.thinking_tokens else 0
    return min(request.max_tokens, said_tokens(reply) + thought)


def _as_heard(request: ModelRequest) -> ModelRequest:
    """``request`` as it arrives over HTTP, so that an organism answers alike in process.

    OpenAI's shape has no name for Anthropic's own tools, which are ordinary functions there; so ``anthropic_native`` looks like
    ``native`` to an organism. And it has no ``tool_choice`` without tools: then the words must say that words are wanted.
    """
    if any(tool.anthropic_type for tool in request.tools):
        return request.model_copy(update={"tools": tuple(_plain(tool) for tool in request.tools)})
    if request.tools:
        return request
    last = request.messages[-1].content if request.messages else ""
    choice = "none" if any(sentence in last for sentence in _WORDS_WANTED) else "auto"
    return request if request.tool_choice == choice else request.model_copy(update={"tool_choice": choice})


def _plain(tool: ToolSpec) -> ToolSpec:
    return tool.model_copy(update={"anthropic_type": None})


def _traits(spec: ModelSpec) -> Traits:
    traits = load_traits(spec.id.removeprefix(PREFIX))
    issues = [
        Issue(f"model.{name}", f"an organism in process has none, so it must be null, not {value!r}")
        for name, value in (("api_base", spec.api_base), ("api_key_env", spec.api_key_env))
        if value is not None
    ]
    issues += [
        Issue(f"model.params.{name}", "an organism has no such parameter; only traits can be set")
        for name in spec.params
        if name != "traits"
    ]
    changes = spec.params.get("traits", {})
    if not isinstance(changes, dict):
        issues.append(Issue("model.params.traits", f"must be a mapping of traits, not {changes!r}"))
    if issues:
        raise BadInput(issues)
    return _able_to_speak(changed(traits, changes, "model.params.traits"), "model.params.traits")


def _checkpoints(traits: Traits) -> tuple[tuple[int, Traits], ...]:
    """Who answers from which answer on. A later checkpoint has the provider of the one before it, unless it says otherwise."""
    found, start, path = [(0, traits)], 0, "model.params.traits"
    while (after := traits.provider.changes_after) is not None:
        start, path = start + after, f"{path}.provider.then"
        settled: dict[str, Any] = {"provider": traits.provider.model_copy(update={"changes_after": None, "then": {}})}
        traits = _able_to_speak(changed(traits, settled | traits.provider.then, path), path)
        found.append((start, traits))
    return tuple(found)


def _able_to_speak(traits: Traits, at: str) -> Traits:
    if traits.speaks is not None and format_called(traits.speaks) is None:
        there = ", ".join(known.id for known in known_formats())
        raise BadInput([Issue(f"{at}.speaks", f"no tool format {traits.speaks!r}; there are {there}")])
    return traits


def _since(start_s: float) -> float:
    return round(time.monotonic() - start_s, 4)
