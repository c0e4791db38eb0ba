from dataclasses import dataclass, field
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from tests.models.scripted_provider import good_body, with_choice
from unhobble.messages import Message, ModelRequest, NativeCall
from unhobble.models.litellm_wire import UnusableAnswer, check_raw, classify, most_input_tokens, read_answer, wire_request
from unhobble.tools import TOOLS


@dataclass
class FakeError(Exception):
    status_code: Any = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def response(self) -> SimpleNamespace:
        return SimpleNamespace(headers=self.headers)


def response(content: str | None = "Hello.", finish_reason: str = "stop", tokens=(10, 2), **message: Any) -> SimpleNamespace:
    said = SimpleNamespace(content=content, tool_calls=message.pop("tool_calls", None), provider_specific_fields=message)
    return SimpleNamespace(
        choices=[SimpleNamespace(message=said, finish_reason=finish_reason)],
        usage=SimpleNamespace(prompt_tokens=tokens[0], completion_tokens=tokens[1]),
        model="m",
        system_fingerprint="fp",
    )


@pytest.mark.parametrize(
    ("status", "retryable"), [(429, True), (500, True), (503, True), (408, True), (None, True), (400, False), (401, False)]
)
def test_what_may_pass_is_retried_and_what_cannot_is_not(status, retryable):
    assert classify(FakeError(status), now_s=0).retryable is retryable


@pytest.mark.parametrize("status", [403, 404, 422, 307])
def test_refusals_and_redirects_are_final(status):
    assert not classify(FakeError(status), now_s=0).retryable


def test_a_spent_quota_is_final_although_its_status_is_that_of_a_rate_limit():
    assert not classify(FakeError(429, body={"code": "insufficient_quota"}), now_s=0).retryable


def test_a_conversation_that_is_too_long_is_an_overflow_by_the_providers_code():
    assert classify(FakeError(400, body={"code": "context_length_exceeded"}), now_s=0).overflow
    assert not classify(FakeError(500, body={"code": "context_length_exceeded"}), now_s=0).overflow


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": formatdate(1030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(900, usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_milliseconds_or_a_date(headers, wait_s):
    assert classify(FakeError(429, headers=headers), now_s=1000.0).wait_s == wait_s


@pytest.mark.parametrize(
    "body", [with_choice(finish_reason=None), good_body(usage=None), good_body(choices=[]), good_body(choices=None)]
)
def test_what_litellm_would_fill_in_silently_makes_an_answer_unusable(body):
    check_raw(good_body())
    with pytest.raises(UnusableAnswer):
        check_raw(body)


@pytest.mark.parametrize("raw", [None, "not json", '{"content": [], "stop_reason": null}', 3, "[]"])
def test_bodies_of_other_shapes_pass(raw):
    check_raw(raw)


@pytest.mark.parametrize("tokens", [(-10, 2), (10, -2), (0, 0), (None, 2), ("10", 2)])
def test_an_impossible_usage_is_refused(tokens):
    with pytest.raises(UnusableAnswer, match="usage"):
        read_answer(response(tokens=tokens), cost_usd=None)


@pytest.mark.parametrize("content", ["", None])
def test_silence_is_no_answer_unless_its_own_limit_or_a_filter_silenced_it(content):
    with pytest.raises(UnusableAnswer, match="empty"):
        read_answer(response(content), cost_usd=None)
    assert read_answer(response(content, "length"), cost_usd=None).truncated
    assert read_answer(response(content, "content_filter"), cost_usd=None).content == ""


def test_a_refusal_in_its_own_field_is_the_answers_text():
    assert read_answer(response(None, refusal="I cannot."), cost_usd=None).content == "I cannot."


def test_calls_are_read_as_they_are_even_when_their_arguments_are_broken():
    call = SimpleNamespace(id="c1", function=SimpleNamespace(name="bash", arguments='{"command": '))
    read = read_answer(response(None, "tool_calls", tool_calls=[call]), cost_usd=None)
    assert read.tool_calls == (NativeCall(id="c1", name="bash", arguments='{"command": '),)


def test_a_request_is_sent_with_all_that_was_set_and_nothing_that_was_not():
    bare = wire_request(ModelRequest(messages=(Message(role="user", content="hi"),)), seed=False)
    assert bare == {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4096}
    call = NativeCall(id="c", name="bash", arguments="{}")
    messages = (
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="ok", tool_call_id="c"),
    )
    full = wire_request(
        ModelRequest(messages=messages, tools=TOOLS, tool_choice="none", stop=("x",), temperature=0.0, top_p=0.5, seed=3),
        seed=True,
    )
    assert full["messages"][0]["tool_calls"][0]["function"] == {"name": "bash", "arguments": "{}"}
    assert full["messages"][1]["tool_call_id"] == "c"
    assert [tool["function"]["name"] for tool in full["tools"]] == ["bash", "submit"]
    expected = {"tool_choice": "none", "stop": ["x"], "temperature": 0.0, "top_p": 0.5, "seed": 3}
    assert {name: full[name] for name in expected} == expected


def test_the_bound_on_tokens_counts_bytes_so_that_other_scripts_are_not_underrated():
    def bound(text: str) -> int:
        return most_input_tokens(ModelRequest(messages=(Message(role="user", content=text),)))

    assert bound("語" * 300) >= 300
    assert bound("a" * 900) >= 300
