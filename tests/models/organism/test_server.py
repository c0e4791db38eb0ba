"""The organism server over real HTTP, asked by httpx, by OpenAI's client and by litellm."""

import asyncio
import json
import socket
import time

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.models.organism.playing import KNOWLEDGE, SURE, Spy, configuration, opening, play
from unhobble.errors import ContextOverflow, ModelError
from unhobble.models.litellm_wire import wire_request
from unhobble.models.organism import server
from unhobble.models.organism.client import OrganismClient
from unhobble.models.organism.provider import MAX_ATTEMPTS
from unhobble.models.organism.server import MAX_BODY_BYTES, OrganismApp, serving
from unhobble.models.organism.traits import organism_names
from unhobble.spec import ModelSpec

SHAKY = {"ability": 1.0, "default_fluency": 0.6, "early_stop": 0.05}
MODEL = "organism/planted"
KEY = "sk-of-this-server"
HELLO = [{"role": "user", "content": "hi"}]
FAULTS = {
    "busy": {"rate_limited": 1.0, "retry_after_s": 1.5},
    "broken": {"server_error": 1.0},
    "silent": {"timeout": 1.0},
    "cut": {"truncated": 1.0},
    "moody": {"rate_limited": 0.2, "server_error": 0.2, "truncated": 0.2},
}


def planted(name: str, **traits) -> OrganismClient:
    client = OrganismClient(ModelSpec(id="organism/compliant", params={"traits": SURE | SHAKY | traits}), KNOWLEDGE)
    client.model = name
    return client


def organisms() -> dict[str, OrganismClient]:
    others = {"small": {"context_tokens": 100}, "pensive": {"thinking_tokens": 200}, "changing": {"provider": {"changes_after": 2}}}
    others |= {name: {"provider": fault} for name, fault in FAULTS.items()}
    return {MODEL: planted(MODEL)} | {f"organism/{name}": planted(f"organism/{name}", **traits) for name, traits in others.items()}


@pytest.fixture(scope="module")
def api_base():
    with serving(organisms()) as address:
        yield address


@pytest.fixture
async def client(api_base):
    async with AsyncOpenAI(api_key="none", base_url=api_base, max_retries=0) as client:
        yield client


async def some_requests():
    """All requests of a few rollouts, native and in text, with plans and ratings."""
    client = Spy(**SURE | SHAKY)
    for tool_format, scaffold in (("native", "react"), ("react_text", "plan_execute"), ("xml_tags", "best_of_n")):
        for seed in range(3):
            await play(client, configuration(tool_format=tool_format, scaffold=scaffold, model__temperature=0.5), seed=seed)
    return client.requests


async def native_request():
    """A request with tools, which is answered by a call."""
    spy = Spy(**SURE)
    await play(spy, configuration(tool_format="native"))
    return spy.requests[0]


# --- what it serves -------------------------------------------------------------------------------------------------
async def test_models_are_listed_and_found_one_by_one(client):
    listed = {model.id async for model in client.models.list()}
    assert listed >= {f"organism/{name}" for name in organism_names()}
    found = await client.models.retrieve(MODEL)
    assert (found.id, found.object, found.owned_by) == (MODEL, "model", "unhobble")
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("organism/nobody")


def test_it_says_that_it_lives(api_base):
    assert httpx.get(f"{api_base.removesuffix('/v1')}/healthz").json() == {"status": "ok", "simulated": True}


async def test_openais_client_gets_the_same_answers_as_in_process_streamed_or_not(client):
    local = Spy(**SURE | SHAKY)
    for request in (await some_requests())[::6]:
        expected = await local.complete(request, timeout_s=1)
        body = wire_request(request, seed=True)
        whole = await client.chat.completions.create(model=MODEL, **body)
        message = whole.choices[0].message
        assert message.content == (expected.content or None)
        calls = [(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or ()]
        assert calls == [(c.id, c.name, c.arguments) for c in expected.tool_calls]
        assert whole.usage.total_tokens == expected.usage.total
        assert whole.system_fingerprint == expected.fingerprint
        assert whole.model_extra == {"simulated": True}
        content, arguments, finish, total = "", "", None, None
        stream = await client.chat.completions.create(model=MODEL, stream=True, stream_options={"include_usage": True}, **body)
        async for chunk in stream:
            assert (chunk.id, chunk.system_fingerprint) == (whole.id, whole.system_fingerprint)
            assert chunk.model_extra == {"simulated": True}
            total = chunk.usage.total_tokens if chunk.usage else total
            for choice in chunk.choices:
                content += choice.delta.content or ""
                arguments += "".join(call.function.arguments for call in choice.delta.tool_calls or ())
                finish = choice.finish_reason or finish
        assert (content, arguments) == (expected.content, "".join(call.arguments for call in expected.tool_calls))
        assert (finish, total) == (expected.finish_reason, expected.usage.total)


async def test_a_streamed_call_begins_with_its_id_and_name_and_goes_on_with_pieces_of_its_arguments(client):
    body = wire_request(await native_request(), seed=True)
    whole = await client.chat.completions.create(model=MODEL, **body)
    call = whole.choices[0].message.tool_calls[0]
    stream = await client.chat.completions.create(model=MODEL, stream=True, **body)
    chunks = [chunk async for chunk in stream]
    assert (chunks[0].choices[0].delta.role, chunks[-1].choices[0].finish_reason) == ("assistant", "tool_calls")
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)
    deltas = [delta for chunk in chunks for delta in chunk.choices[0].delta.tool_calls or ()]
    assert (deltas[0].index, deltas[0].id, deltas[0].type, deltas[0].function.name) == (0, call.id, "function", call.function.name)
    assert deltas[0].function.arguments == ""
    assert all(delta.id is None and delta.function.name is None for delta in deltas[1:])
    assert "".join(delta.function.arguments for delta in deltas) == call.function.arguments


async def test_openais_own_reader_of_streams_puts_the_call_together_again(client):
    body = wire_request(await native_request(), seed=True)
    whole = await client.chat.completions.create(model=MODEL, **body)
    for tool in body["tools"]:
        tool["function"]["strict"] = True  # else that reader takes none
    async with client.chat.completions.stream(model=MODEL, **body) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds
    assert final.choices[0].message.tool_calls[0].function.arguments == whole.choices[0].message.tool_calls[0].function.arguments


def test_openais_client_without_asyncio_is_served_alike(api_base):
    with OpenAI(api_key="none", base_url=api_base, max_retries=0) as sync:
        whole = sync.chat.completions.create(model=MODEL, messages=HELLO, stop=["simulated"], max_tokens=50)
        pieces = [
            chunk.choices[0] for chunk in sync.chat.completions.create(model=MODEL, messages=HELLO, stop="simulated", stream=True)
        ]
        raw = sync.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
        with pytest.raises(openai.NotFoundError):
            sync.chat.completions.create(model="organism/nobody", messages=HELLO)
    assert whole.choices[0].message.content == "".join(piece.delta.content or "" for piece in pieces)
    assert whole.choices[0].message.content
    assert (whole.choices[0].finish_reason, pieces[-1].finish_reason) == ("stop", "stop")
    assert raw.request_id.startswith("req_")


async def test_the_parameters_of_a_request_reach_the_organism(client):
    told = planted(MODEL).answer(opening(max_tokens=8))
    body = {"model": MODEL, "messages": wire_request(opening(), seed=True)["messages"]}
    for name in ("max_tokens", "max_completion_tokens"):
        short = await client.chat.completions.create(**body, **{name: 8})
        assert (short.choices[0].finish_reason, short.choices[0].message.content) == ("length", told.content)
        assert short.usage.completion_tokens == 8
    taken = {
        "seed": 3,
        "n": 1,
        "temperature": 2,
        "top_p": 0.5,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
        "reasoning_effort": "low",
        "response_format": {"type": "text"},
        "logprobs": False,
        "parallel_tool_calls": False,
        "stop": ["1", "2", "3", "4"],
        "user": "somebody",
        "metadata": {"a": "b"},
        "store": False,
        "extra_body": {"some_flag": 1},
    }
    await client.chat.completions.create(**body, **taken)


async def test_effort_that_is_asked_for_over_http_helps_as_in_process(api_base):
    helped = {"ability": -50.0, "slope": 0.0, "effects": [{"when": ["effort=high"], "logit": 100.0}]}
    eager = planted("organism/eager", **helped)
    request = opening(seed=4)
    answers = {effort: eager.answer(request.model_copy(update={"reasoning_effort": effort})).content for effort in (None, "high")}
    assert answers[None] != answers["high"]
    with serving({"organism/eager": eager}) as address:
        async with AsyncOpenAI(api_key="none", base_url=address) as client:
            body = wire_request(request, seed=True) | {"reasoning_effort": "high"}
            found = await client.chat.completions.create(model="organism/eager", **body)
    assert found.choices[0].message.content == answers["high"]


async def test_thoughts_are_counted_apart_and_billed_as_output(client):
    answers = [await client.chat.completions.create(model="organism/pensive", messages=HELLO, seed=seed) for seed in range(5)]
    plain = await client.chat.completions.create(model=MODEL, messages=HELLO)
    for answer in answers:
        thought = answer.usage.completion_tokens_details.reasoning_tokens
        assert answer.usage.completion_tokens == plain.usage.completion_tokens + thought
    assert len({answer.usage.completion_tokens for answer in answers}) > 1
    assert plain.usage.completion_tokens_details.reasoning_tokens == 0


async def test_content_may_come_in_parts_and_from_a_developer(client):
    system, user = opening().messages
    parts = [{"type": "text", "text": user.content[:20]}, {"type": "text", "text": user.content[20:]}]
    messages = [{"role": "developer", "content": system.content}, {"role": "user", "content": parts}]
    found = await client.chat.completions.create(model=MODEL, messages=messages, max_tokens=4096, seed=0)
    assert found.choices[0].message.content == planted(MODEL).answer(opening()).content


# --- what it refuses ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "param", "said"),
    [
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": [{"role": "bot", "content": "hi"}]}, "messages[0].role", "'assistant'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type", "'text'"),
        ({"n": 2}, "n", "only 1"),
        ({"temperature": 9}, "temperature", "equal to 2, not 9"),
        ({"temperature": -1}, "temperature", "equal to 0, not -1"),
        ({"top_p": 1.5}, "top_p", "not 1.5"),
        ({"presence_penalty": 3}, "presence_penalty", "not 3"),
        ({"max_tokens": 0}, "max_tokens", "not 0"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_completion_tokens", "together with max_tokens"),
        ({"stop": ["1", "2", "3", "4", "5"]}, "stop", "at most 4"),
        ({"stop": ""}, "stop", "at least 1"),
        ({"seed": "x"}, "seed", "integer"),
        ({"logprobs": True}, "logprobs", "no probabilities"),
        ({"top_logprobs": 3}, "top_logprobs", "not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format", '"text"'),
        ({"reasoning_effort": "xhigh"}, "reasoning_effort", "none, minimal, low, medium, high"),
        ({"tool_choice": "required"}, "tool_choice", "'auto' and 'none'"),
        ({"tool_choice": {"type": "function", "function": {"name": "bash"}}}, "tool_choice", "'auto' and 'none'"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type", "'function'"),
        ({"functions": [{"name": "old"}]}, "functions", "not supported"),
        ({"modalities": ["text", "audio"]}, "modalities", "only text"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "stream is true"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_what_cannot_be_answered_is_refused_with_the_parameter_that_asks_for_it(client, changes, param, said):
    body = {"messages": HELLO} | changes
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model=MODEL, **body)
    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
    assert said in refused.value.body["message"]
    assert refused.value.request_id.startswith("req_")


def test_a_body_that_is_no_request_is_said_so(api_base):
    for body in (b"", b"{", b"[]", b"\xff"):
        answer = httpx.post(f"{api_base}/chat/completions", content=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    missing = httpx.post(f"{api_base}/chat/completions", json={"messages": HELLO}).json()["error"]
    assert (missing["param"], missing["code"]) == ("model", "missing_required_parameter")


async def test_an_unknown_model_and_a_conversation_that_is_too_long_have_openais_codes(client):
    with pytest.raises(openai.NotFoundError, match=r"organism/nobody.*organism/compliant") as missing:
        await client.chat.completions.create(model="organism/nobody", messages=HELLO)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError, match="100 tokens") as overflow:
        await client.chat.completions.create(model="organism/small", messages=HELLO)
    assert (overflow.value.code, overflow.value.param) == ("context_length_exceeded", "messages")


def test_a_path_that_is_not_there_and_a_method_that_is_not_allowed_are_told_apart(api_base):
    nowhere = httpx.post(f"{api_base}/embeddings", json={})
    assert (nowhere.status_code, nowhere.json()["error"]["type"]) == (404, "invalid_request_error")
    for method, path, allowed in (
        ("GET", "/chat/completions", "POST"),
        ("POST", "/models", "GET"),
        ("DELETE", f"/models/{MODEL}", "GET"),
    ):
        wrong = httpx.request(method, api_base + path)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, allowed)
        assert wrong.json()["error"]["code"] == "method_not_supported"
        assert wrong.headers["x-request-id"] != nowhere.headers["x-request-id"]


def test_a_body_that_is_too_long_is_refused_whether_or_not_its_length_is_said_first(api_base):
    def drip():
        yield from (b" " * 2**20 for _ in range(MAX_BODY_BYTES // 2**20 + 1))

    said_first = socket.create_connection(("127.0.0.1", int(api_base.rsplit(":", 1)[1].removesuffix("/v1"))))
    with said_first:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\ncontent-length: {MAX_BODY_BYTES + 1}\r\n\r\n"
        said_first.sendall(head.encode())
        assert said_first.recv(100).startswith(b"HTTP/1.1 413")
    unsaid = httpx.post(f"{api_base}/chat/completions", content=drip())
    assert (unsaid.status_code, unsaid.json()["error"]["type"]) == (413, "invalid_request_error")


def test_a_server_with_a_key_answers_only_who_brings_it():
    with serving({MODEL: planted(MODEL)}, key=KEY) as address:
        with OpenAI(api_key="sk-of-another", base_url=address, max_retries=0) as stranger:
            for call in (stranger.models.list, lambda: stranger.chat.completions.create(model=MODEL, messages=HELLO)):
                with pytest.raises(openai.AuthenticationError) as refused:
                    call()
                assert refused.value.code == "invalid_api_key"
                assert KEY not in str(refused.value)
        without = httpx.post(f"{address}/chat/completions", json={"model": MODEL, "messages": HELLO})
        assert (without.status_code, without.json()["error"]["type"]) == (401, "invalid_request_error")
        with OpenAI(api_key=KEY, base_url=address, max_retries=0) as known:
            assert known.chat.completions.create(model=MODEL, messages=HELLO).choices
        assert httpx.get(f"{address.removesuffix('/v1')}/healthz").status_code == 200


async def test_a_failure_of_the_server_itself_has_openais_shape(client, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(OrganismClient, "attempt", fail)
    with pytest.raises(openai.InternalServerError) as failed:
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert failed.value.type == "server_error"
    assert "luck" not in str(failed.value)
    assert "no such luck" in caplog.text


# --- an endpoint that misbehaves ------------------------------------------------------------------------------------
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "raised"),
    [
        ("busy", openai.RateLimitError),
        ("broken", openai.InternalServerError),
        ("silent", openai.APITimeoutError),
        ("cut", (openai.APIConnectionError, httpx.RemoteProtocolError)),
    ],
)
async def test_a_planted_fault_is_what_openais_client_takes_it_for(client, model, raised, stream):
    async def ask():
        found = await client.chat.completions.create(model=f"organism/{model}", messages=HELLO, stream=stream, timeout=0.5)
        return [chunk async for chunk in found] if stream else found

    with pytest.raises(raised):
        await ask()


async def test_a_refusal_says_how_long_to_wait_in_whole_seconds_and_exactly(client):
    with pytest.raises(openai.RateLimitError) as refused:
        await client.chat.completions.create(model="organism/busy", messages=HELLO)
    headers = refused.value.response.headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1500")
    assert refused.value.code == "rate_limit_exceeded"


def test_a_stream_that_is_cut_has_begun(api_base):
    pieces = []

    def read(answer):
        pieces.extend(answer.iter_raw())

    with (
        httpx.stream(
            "POST", f"{api_base}/chat/completions", json={"model": "organism/cut", "messages": HELLO, "stream": True}
        ) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        read(answer)
    assert answer.status_code == 200
    assert pieces[0].startswith(b"data: {")
    assert b"[DONE]" not in b"".join(pieces)


@pytest.mark.slow
async def test_asking_again_gives_the_answer_of_an_endpoint_that_behaves(api_base):
    async with AsyncOpenAI(api_key="none", base_url=api_base, max_retries=MAX_ATTEMPTS) as patient:
        for seed in range(6):
            body = wire_request(opening(seed=seed), seed=True)
            found = await patient.chat.completions.create(model="organism/moody", **body)
            assert found.choices[0].message.content == planted(MODEL).answer(opening(seed=seed)).content


async def test_the_checkpoint_changes_half_way_and_keeps_its_name(client):
    answers = [await client.chat.completions.create(model="organism/changing", messages=HELLO) for _ in range(4)]
    prints = [answer.system_fingerprint for answer in answers]
    assert prints[0] == prints[1] != prints[2] == prints[3]
    assert {answer.model for answer in answers} == {"organism/changing"}


async def ask_silent(events):
    """What the application sends for a request that is never answered, while the client does what ``events`` say."""
    sent, waiting = [], iter(events)

    async def receive():
        event = next(waiting, None)
        return event if event is not None else await asyncio.Event().wait()

    async def send(event):
        sent.append(event)

    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
    await OrganismApp(organisms())(scope, receive, send)
    return sent


async def test_a_request_that_is_never_answered_ends_when_its_client_leaves_or_the_time_is_over(monkeypatch):
    body = json.dumps({"model": "organism/silent", "messages": HELLO}).encode()
    asked = {"type": "http.request", "body": body}
    assert await ask_silent([asked, {"type": "http.disconnect"}]) == []
    monkeypatch.setattr(server, "HUNG_S", 0.01)
    assert (await ask_silent([asked]))[0]["status"] == 503


def test_a_server_stops_although_a_request_is_never_answered():
    with serving(organisms()) as address:
        host, port = address.removeprefix("http://").removesuffix("/v1").split(":")
        body = json.dumps({"model": "organism/silent", "messages": HELLO})
        waiting = socket.create_connection((host, int(port)))
        waiting.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        assert httpx.get(f"{address}/models").status_code == 200  # it has come so far that the other request is being waited for
    with waiting:
        assert waiting.recv(100).startswith(b"HTTP/1.1 503")  # the block was left


async def test_an_answer_takes_its_latency_however_many_are_asked_for_at_once():
    with serving({"organism/slow": planted("organism/slow", latency_s=0.5)}) as address:
        async with AsyncOpenAI(api_key="none", base_url=address, max_retries=0) as client:
            started_s = time.monotonic()
            await asyncio.gather(*(client.chat.completions.create(model="organism/slow", messages=HELLO) for _ in range(20)))
            taken_s = time.monotonic() - started_s
    assert 0.5 <= taken_s < 20 * 0.5  # they wait side by side


# --- through litellm ------------------------------------------------------------------------------------------------
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


@pytest.mark.slow
async def test_litellm_asks_a_moody_endpoint_as_often_as_it_is_asked_in_process(api_base):
    from unhobble.models.litellm_client import LitellmClient

    local = planted("organism/moody", provider=FAULTS["moody"])
    remote = LitellmClient(ModelSpec(id="openai/organism/moody", api_base=api_base), first_wait_s=0.001)
    try:
        for request in (await some_requests())[::3]:
            expected = await local.complete(request, timeout_s=600)
            answer = await remote.complete(request, timeout_s=60)
            assert (answer.content, answer.tool_calls) == (expected.content, expected.tool_calls)
            assert len(answer.attempts) == len(expected.attempts)
            told = [(one.status, two.status) for one, two in zip(answer.attempts, expected.attempts, strict=True)]
            assert all(mine == theirs for mine, theirs in told if theirs in (429,))
    finally:
        await remote.close()


@pytest.mark.slow
async def test_litellm_takes_each_planted_fault_for_what_may_pass(api_base):
    from unhobble.models.litellm_client import LitellmClient

    for name, status in (("broken", 500), ("cut", None), ("silent", None)):
        params = {"timeout": 0.5} if name == "silent" else {}
        spec = ModelSpec(id=f"openai/organism/{name}", api_base=api_base, params=params)
        remote = LitellmClient(spec, first_wait_s=0.001)
        with pytest.raises(ModelError, match=f"in {MAX_ATTEMPTS} attempts") as caught:
            await remote.complete(opening(), timeout_s=60)
        assert caught.value.retryable
        assert status is None or "had an error" in str(caught.value)
        await remote.close()
