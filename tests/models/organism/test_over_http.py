"""Rollouts of every ORGANISM (a simulated model) in process and over HTTP: the same transcripts."""

from typing import Any

import pytest

from tests.models.organism.playing import configuration, play
from unhobble.configuration import Configuration
from unhobble.models.organism.client import OrganismClient
from unhobble.models.organism.server import serving
from unhobble.models.organism.traits import organism_names
from unhobble.registry import installed
from unhobble.spec import ModelSpec
from unhobble.transcript import AnswerStep
from unhobble.vocabulary import PluginKind

pytestmark = pytest.mark.slow  # litellm

TASKS = installed().build(PluginKind.suite, "builtin/shell").tasks
PLAYED = (
    ("native", "react", {}),
    ("native", "plan_execute", {"model__temperature": 0.7}),
    ("xml_tags", "best_of_n", {"model__temperature": 1.0}),
    ("json_fence", "react", {"prompt": "methodical"}),
    ("react_text", "reflexion", {}),
    ("bash_fence", "plan_execute", {}),
    ("hermes", "react", {"model__temperature": 0.3}),
    ("anthropic_native", "react", {}),
)
"""Eight rollouts: tool format, scaffold, and what else is set."""

UNRULY = {
    "ability": 2.0,
    "default_fluency": 0.7,
    "thinking_tokens": 40,
    "provider": {"rate_limited": 0.15, "retry_after_s": 0.01, "server_error": 0.1, "truncated": 0.1},
}
CHANGING = {"provider": {"changes_after": 20, "then": {"default_fluency": 0.3, "early_stop": 0.3}}}


def chosen(tool_format: str, scaffold: str, others: dict[str, Any]) -> Configuration:
    return configuration(tool_format=tool_format, scaffold=scaffold, **others)


async def transcripts(client: Any) -> list[list[dict[str, Any]]]:
    """The eight rollouts, one after the other."""
    client.requests = []  # where a rollout notes what a client was asked, if it does
    found = []
    for number, (tool_format, scaffold, others) in enumerate(PLAYED):
        played = await play(client, chosen(tool_format, scaffold, others), task=TASKS[number % len(TASKS)], seed=number)
        found.append([comparable(step) for step in played.steps])
    return found


def comparable(step: Any) -> dict[str, Any]:
    """A step without times, what is said of failed attempts, the name of the model, and the price, which no endpoint tells."""
    shown = step.model_dump(mode="json", exclude={"at_s", "duration_s"})
    if isinstance(step, AnswerStep):
        for name in ("duration_s", "model", "cost_usd"):
            del shown["answer"][name]
        shown["answer"]["attempts"] = len(step.answer.attempts)
    return shown


async def both_ways(name: str, **traits: Any) -> tuple[list[list[dict[str, Any]]], list[list[dict[str, Any]]]]:
    from unhobble.models.litellm_client import LitellmClient

    spec = ModelSpec(id=f"organism/{name}", params={"traits": {"latency_s": 0.0} | traits})
    here = await transcripts(OrganismClient(spec))
    with serving({"organism/served": OrganismClient(spec)}) as address:
        there = ModelSpec(id="openai/organism/served", api_base=address)
        remote = LitellmClient(there, first_wait_s=0.001)
        try:
            return here, await transcripts(remote)
        finally:
            await remote.close()


@pytest.mark.parametrize("name", organism_names())
async def test_an_organism_does_the_same_in_process_and_over_http(name):
    here, there = await both_ways(name)
    assert here == there
    assert sum(step["answer"]["attempts"] for steps in here for step in steps if "answer" in step) > len(PLAYED)


async def test_an_endpoint_that_misbehaves_changes_nothing_but_the_number_of_attempts():
    here, there = await both_ways("compliant", **UNRULY)
    calm, _ = await both_ways("compliant", **UNRULY | {"provider": {}})
    assert here == there
    attempts = [step["answer"]["attempts"] for steps in here for step in steps if "answer" in step]
    assert max(attempts) > 1
    for steps in (*here, *calm):
        for step in steps:
            if "answer" in step:
                del step["answer"]["attempts"], step["answer"]["fingerprint"]
    assert here == calm


async def test_a_checkpoint_that_changes_half_way_changes_at_the_same_answer():
    here, there = await both_ways("compliant", **CHANGING)
    assert here == there
    prints = [step["answer"]["fingerprint"] for steps in here for step in steps if "answer" in step]
    assert len(set(prints[:20])) == len(set(prints[20:])) == 1
    assert prints[0] != prints[-1]
