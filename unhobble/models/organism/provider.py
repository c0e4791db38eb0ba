"""The endpoint between an organism and who asks it: what befalls an attempt at an answer, how long it takes, what is thought.

All of it is drawn from the request's digest, and what befalls an attempt from the number of the attempt as well. So the same
request is answered alike in process and over HTTP, and asking again can help.
"""

import hashlib
import json
import math
from collections import OrderedDict
from enum import StrEnum
from statistics import NormalDist

from unhobble.messages import ModelRequest, ToolSpec
from unhobble.models.organism.draws import Draws
from unhobble.models.organism.traits import Provider, Traits

MAX_ATTEMPTS = 8
ATTEMPT_TIMEOUT_S = 300.0
"""As ``litellm_client`` has them, which cannot be imported here for the seconds that litellm takes; a test compares the two."""

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0

_REMEMBERED_REQUESTS = 100_000
_SMALLEST = 2.0**-54


class Fault(StrEnum):
    """What can befall an attempt."""

    rate_limited = "rate_limited"
    server_error = "server_error"
    timeout = "timeout"
    truncated = "truncated"


STATUS = {Fault.rate_limited: 429, Fault.server_error: 500, Fault.timeout: None, Fault.truncated: 200}
"""The HTTP status that comes with each; None where nothing comes."""

SAID = {
    Fault.rate_limited: "Rate limit reached (simulated). Please ask again later.",
    Fault.server_error: "The server had an error while it processed your request (simulated).",
    Fault.timeout: "no answer",
    Fault.truncated: "the connection was cut in the middle of the answer",
}
"""What each amounts to: the first two are what the server says."""


def befalls(provider: Provider, digest: str, attempt: int) -> Fault | None:
    """What befalls attempt number ``attempt`` (0, 1, ...) at the request with ``digest``; None where it is answered. Pure.

    One uniform number decides, so each fault has exactly its probability.
    """
    left = Draws(attempt, digest).uniform("fault")
    for fault in Fault:
        left -= getattr(provider, fault.value)
        if left < 0:
            return fault
    return None


def misbehaves(provider: Provider) -> bool:
    """Whether anything can befall an attempt."""
    return any(getattr(provider, fault.value) for fault in Fault)


def latency_s(traits: Traits, digest: str) -> float:
    """Seconds that the answer to a request takes: lognormal, with the median and the spread that the traits say. Pure."""
    if not traits.latency_spread:
        return traits.latency_s
    uniform = max(_SMALLEST, Draws(0, digest).uniform("latency"))
    return traits.latency_s * math.exp(traits.latency_spread * NormalDist().inv_cdf(uniform))


def thinking_tokens(traits: Traits, digest: str) -> int:
    """Tokens of thought before the answer to a request: exponential, with the mean that the traits say, rounded. Pure."""
    return round(-traits.thinking_tokens * math.log1p(-Draws(0, digest).uniform("thinking")))


def wait_s(fault: Fault, retry_after_s: float, failed: int) -> float:
    """Seconds until the next attempt after ``failed`` of them: what the provider asks for, else exponential, as in litellm_client.

    Without that client's jitter, which keeps real clients apart.
    """
    return retry_after_s if fault is Fault.rate_limited else min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (failed - 1))


def digest_of(request: ModelRequest) -> str:
    """32 hexadecimal digits of the BLAKE2b hash of a request, of all of it that travels over HTTP (see ``litellm_wire``)."""
    said = [
        (message.role, message.content, message.tool_call_id, [(call.id, call.name, call.arguments) for call in message.tool_calls])
        for message in request.messages
    ]
    rest = (
        [_tool(tool) for tool in request.tools],
        request.tool_choice if request.tools else None,
        request.stop,
        request.temperature,
        request.top_p,
        request.reasoning_effort,
        request.max_tokens,
        request.seed,
    )
    return hashlib.blake2b(json.dumps((said, rest)).encode(), digest_size=16).hexdigest()


def _tool(tool: ToolSpec) -> tuple[str, str, object]:
    return tool.name, tool.description, tool.parameters


class Attempts:
    """Counts the attempts at each request since its last answer; forgets the requests longest unasked, when there are too many."""

    def __init__(self, most: int = _REMEMBERED_REQUESTS) -> None:
        self._most = most
        self._made: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._made)

    def next(self, digest: str) -> int:
        """The number of this attempt: 0 for the first."""
        made = self._made.pop(digest, 0)
        self._made[digest] = made + 1
        if len(self._made) > self._most:
            self._made.popitem(last=False)
        return made

    def answered(self, digest: str) -> None:
        """The next time this request comes it is a new one."""
        self._made.pop(digest, None)
