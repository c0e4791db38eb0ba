"""An organism in process: no server, no network."""

import asyncio
import time

from unhobble.errors import BadInput, ContextOverflow, Issue
from unhobble.messages import Attempt, Estimate, ModelAnswer, ModelRequest, Usage
from unhobble.models.organism.formats import CHARACTERS_PER_TOKEN, format_called, input_tokens, known_formats
from unhobble.models.organism.knowledge import Knowledge, builtin_knowledge
from unhobble.models.organism.player import Reply, answer
from unhobble.models.organism.traits import Traits, changed, load_traits
from unhobble.spec import ORGANISM_PREFIX, ModelSpec

PREFIX = ORGANISM_PREFIX


class OrganismClient:
    """``protocols.ModelClient`` of a simulated model, ``organism/<name>``. Has no state: safe to share.

    ``spec.params`` may hold ``{"traits": {...}}``, which overrides single traits. Raises ``BadInput`` for an unknown organism,
    other parameters, or an endpoint or key, which an organism in process has no use for.
    """

    def __init__(self, spec: ModelSpec, knowledge: Knowledge | None = None) -> None:
        self.model = spec.id
        self.traits = _traits(spec)
        self._given = knowledge

    @property
    def knowledge(self) -> Knowledge:
        """The tasks it knows: those it was given, else all built-in ones."""
        return self._given or builtin_knowledge()

    def estimate(self, request: ModelRequest) -> Estimate:
        """See ``ModelClient.estimate``."""
        tokens_in = input_tokens(request)
        usd = self.traits.cost_usd(tokens_in, request.max_tokens)
        return Estimate(tokens=tokens_in + request.max_tokens, usd=usd)

    async def complete(self, request: ModelRequest, *, timeout_s: float) -> ModelAnswer:  # noqa: ARG002 - it always answers
        """See ``ModelClient.complete``. Raises ``ContextOverflow`` only."""
        started_s = time.monotonic()
        result = self.answer(request)
        if self.traits.latency_s:
            await asyncio.sleep(self.traits.latency_s)
        duration_s = round(time.monotonic() - started_s, 4)
        attempt = Attempt(duration_s=duration_s, status=200)
        return result.model_copy(update={"attempts": (attempt,), "duration_s": duration_s})

    def answer(self, request: ModelRequest) -> ModelAnswer:
        """The answer without waiting for it. Raises ``ContextOverflow``."""
        tokens_in = input_tokens(request)
        if tokens_in + request.max_tokens > self.traits.context_tokens:
            # In OpenAI's words, by which clients know it.
            raise ContextOverflow(
                f"This model's maximum context length is {self.traits.context_tokens} tokens. However, your messages have "
                f"{tokens_in} tokens and you asked for up to {request.max_tokens} more."
            )
        reply = answer(request, self.traits, self.knowledge)
        tokens_out = _output_tokens(reply)
        return ModelAnswer(
            content=reply.content,
            tool_calls=reply.tool_calls,
            finish_reason=reply.finish_reason,
            usage=Usage(input_tokens=tokens_in, output_tokens=tokens_out),
            cost_usd=self.traits.cost_usd(tokens_in, tokens_out),
            model=self.model,
            fingerprint=self.traits.fingerprint,
        )

    async def close(self) -> None:
        """See ``ModelClient.close``."""


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
    own = changed(traits, changes, "model.params.traits")
    if own.speaks is not None and format_called(own.speaks) is None:
        there = ", ".join(known.id for known in known_formats())
        raise BadInput([Issue("model.params.traits.speaks", f"no tool format {own.speaks!r}; there are {there}")])
    return own


def _output_tokens(reply: Reply) -> int:
    characters = len(reply.content) + sum(len(call.name) + len(call.arguments) for call in reply.tool_calls)
    return characters // CHARACTERS_PER_TOKEN + 1
