"""The organism server over real HTTP, asked by httpx, by OpenAI's client and by litellm."""

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from tests.models.organism.playing import KNOWLEDGE, SURE, Spy, configuration, opening, play
from unhobble.errors import ContextOverflow
from unhobble.models.litellm_wire import wire_request
from unhobble.models.organism.client import OrganismClient
from unhobble.models.organism.server import serving
from unhobble.models.organism.traits import organism_names
from unhobble.spec import ModelSpec

SHAKY = {"ability": 1.0, "default_fluency": 0.6, "early_stop": 0.05}
MODEL = "organism/planted"


@pytest.fixture(scope="module")
def api_base():
    spec = ModelSpec(id="organism/compliant", params={"traits": SURE | SHAKY})
    planted = OrganismClient(spec, KNOWLEDGE)
    small = OrganismClient(spec.model_copy(update={"params": {"traits": {"context_tokens": 100}}}), KNOWLEDGE)
    planted.model = MODEL
    with serving({MODEL: planted, "organism/small": small}) as address:
        yield address


@pytest.fixture
async def openai(api_base):
    async with AsyncOpenAI(api_key="none", base_url=api_base, max_retries=0) as client:
        yield client


async def some_requests():
    """All requests of a few rollouts, native and in text, with plans and ratings."""
    client = Spy(**SURE | SHAKY)
    for tool_format, scaffold in (("native", "react"), ("react_text", "plan_execute"), ("xml_tags", "best_of_n")):
        for seed in range(3):
            await play(client, configuration(tool_format=tool_format, scaffold=scaffold, model__temperature=0.5), seed=seed)
    return client.requests


def test_it_lists_its_models_and_says_that_it_lives(api_base):
    models = httpx.get(f"{api_base}/models").json()
    assert {model["id"] for model in models["data"]} >= {f"organism/{name}" for name in organism_names()}
    assert httpx.get(f"{api_base.removesuffix('/v1')}/healthz").json()["status"] == "ok"


async def test_openais_client_gets_the_same_answers_as_in_process_streamed_or_not(openai):
    local = Spy(**SURE | SHAKY)
    for request in (await some_requests())[::6]:
        expected = await local.complete(request, timeout_s=1)
        body = wire_request(request, seed=True)
        whole = await openai.chat.completions.create(model=MODEL, **body)
        message = whole.choices[0].message
        assert message.content == expected.content
        calls = [(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or ()]
        assert calls == [(c.id, c.name, c.arguments) for c in expected.tool_calls]
        assert whole.usage.total_tokens == expected.usage.total
        assert whole.system_fingerprint == expected.fingerprint
        assert whole.model_extra == {"simulated": True}
        content, arguments, finish, total = "", "", None, None
        stream = await openai.chat.completions.create(model=MODEL, stream=True, stream_options={"include_usage": True}, **body)
        async for chunk in stream:
            total = chunk.usage.total_tokens if chunk.usage else total
            for choice in chunk.choices:
                content += choice.delta.content or ""
                arguments += "".join(call.function.arguments for call in choice.delta.tool_calls or ())
                finish = choice.finish_reason or finish
        assert (content, arguments) == (expected.content, "".join(call.arguments for call in expected.tool_calls))
        assert (finish, total) == (expected.finish_reason, expected.usage.total)


async def test_faults_have_openais_shape(openai, api_base):
    messages = [{"role": "user", "content": "hi"}]
    with pytest.raises(NotFoundError, match=r"organism/nobody.*organism/compliant") as missing:
        await openai.chat.completions.create(model="organism/nobody", messages=messages)
    assert missing.value.code == "model_not_found"
    with pytest.raises(BadRequestError) as overflow:
        await openai.chat.completions.create(model="organism/small", messages=messages)
    assert overflow.value.code == "context_length_exceeded"
    with pytest.raises(BadRequestError, match="temperature"):
        await openai.chat.completions.create(model=MODEL, messages=messages, temperature=9)
    with pytest.raises(BadRequestError, match="messages"):
        await openai.chat.completions.create(model=MODEL, messages=[])


def test_a_body_that_is_no_request_and_a_path_that_is_not_there_are_said_so(api_base):
    for body in (b"", b"{", b"[]"):
        answer = httpx.post(f"{api_base}/chat/completions", content=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert httpx.get(f"{api_base}/chat/completions").status_code == 404


def test_content_may_come_in_parts_and_limits_under_either_name(api_base):
    text = opening().messages[1].content
    parts = [{"type": "text", "text": text[:20]}, {"type": "text", "text": text[20:]}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": parts}], "max_completion_tokens": 8, "some_flag": 1}
    choice = httpx.post(f"{api_base}/chat/completions", json=body).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert "simulated" not in choice["message"]["content"]  # it knows the task


@pytest.mark.slow
async def test_litellm_gets_the_same_answers_as_in_process(api_base):
    from unhobble.models.litellm_client import LitellmClient

    local, remote = Spy(**SURE | SHAKY), LitellmClient(ModelSpec(id=f"openai/{MODEL}", api_base=api_base))
    try:
        for request in (await some_requests())[::2]:
            expected = await local.complete(request, timeout_s=1)
            answer = await remote.complete(request, timeout_s=30)
            same = ("content", "tool_calls", "finish_reason", "usage", "fingerprint")
            assert [getattr(answer, name) for name in same] == [getattr(expected, name) for name in same]
            assert (answer.model, answer.cost_usd) == (MODEL, None)
            assert remote.estimate(request).tokens >= answer.usage.total
        small = LitellmClient(ModelSpec(id="openai/organism/small", api_base=api_base))
        with pytest.raises(ContextOverflow):
            await small.complete(opening(), timeout_s=30)
        await small.close()
    finally:
        await remote.close()
