"""What befalls attempts at an answer: drawn from the request, so that it can be foreseen and does not depend on who asks."""

import json
import math
from statistics import fmean, median, stdev

import pytest

from tests.models.organism.playing import SURE, Spy, configuration, opening, play, traits
from unhobble.errors import AnswerLate, BadInput, ModelError
from unhobble.messages import Message, NativeCall, ReasoningEffort, ToolSpec
from unhobble.models.litellm_wire import wire_request
from unhobble.models.organism import provider
from unhobble.models.organism.chat_completions import read_request
from unhobble.models.organism.client import OrganismClient
from unhobble.models.organism.provider import Attempts, Fault, befalls, digest_of, latency_s, thinking_tokens
from unhobble.models.organism.traits import Provider
from unhobble.spec import ModelSpec

DIGESTS = [f"{number:032x}" for number in range(4000)]
UNRULY = {"rate_limited": 0.15, "retry_after_s": 2.0, "server_error": 0.1, "truncated": 0.1}


def test_each_fault_befalls_as_many_attempts_as_the_traits_say():
    unruly = Provider(rate_limited=0.1, server_error=0.2, timeout=0.05, truncated=0.3)
    drawn = [befalls(unruly, digest, 0) for digest in DIGESTS]
    for fault, share in ((Fault.rate_limited, 0.1), (Fault.server_error, 0.2), (Fault.timeout, 0.05), (Fault.truncated, 0.3)):
        assert drawn.count(fault) / len(drawn) == pytest.approx(share, abs=4 * math.sqrt(share / len(drawn)))
    assert drawn.count(None) / len(drawn) == pytest.approx(0.35, abs=0.04)


def test_what_befalls_an_attempt_is_always_the_same_and_the_next_one_draws_anew():
    unruly = Provider(server_error=0.5)
    first = [befalls(unruly, digest, 0) for digest in DIGESTS]
    again = [befalls(unruly, digest, 1) for digest in DIGESTS]
    assert first == [befalls(unruly, digest, 0) for digest in DIGESTS]
    both = sum(one is not None and two is not None for one, two in zip(first, again, strict=True))
    assert both / len(DIGESTS) == pytest.approx(0.25, abs=0.04)  # independent


def test_faults_that_are_certain_leave_no_answer():
    drawn = {befalls(Provider(rate_limited=0.7, timeout=0.3), digest, 0) for digest in DIGESTS}
    assert drawn == {Fault.rate_limited, Fault.timeout}


def test_latency_is_lognormal_with_the_median_and_the_spread_of_the_traits():
    slow = traits(latency_s=2.0, latency_spread=0.5)
    drawn = [latency_s(slow, digest) for digest in DIGESTS]
    assert median(drawn) == pytest.approx(2.0, rel=0.05)
    assert stdev(map(math.log, drawn)) == pytest.approx(0.5, rel=0.05)
    assert drawn == [latency_s(slow, digest) for digest in DIGESTS]
    assert latency_s(traits(latency_s=2.0), DIGESTS[0]) == 2.0


def test_thoughts_have_the_mean_of_the_traits_and_are_not_all_alike():
    drawn = [thinking_tokens(traits(thinking_tokens=500), digest) for digest in DIGESTS]
    assert fmean(drawn) == pytest.approx(500, rel=0.07)
    assert stdev(drawn) == pytest.approx(500, rel=0.1)
    assert thinking_tokens(traits(), DIGESTS[0]) == 0


async def test_a_request_is_the_same_one_after_its_journey_over_http():
    spy = Spy(**SURE)
    for tool_format, scaffold in (("native", "react"), ("anthropic_native", "react"), ("react_text", "plan_execute")):
        await play(spy, configuration(tool_format=tool_format, scaffold=scaffold, model__temperature=1))
    assert any(tool.anthropic_type for request in spy.requests for tool in request.tools)
    full = {"top_p": 0.5, "reasoning_effort": ReasoningEffort.low, "stop": ("a", "ä"), "seed": 5, "tool_choice": "none"}
    for request in [*spy.requests, opening(**full)]:
        body = json.dumps({"model": "m"} | wire_request(request, seed=True)).encode()
        assert digest_of(read_request(body).value()) == digest_of(request)


def test_requests_that_differ_in_anything_that_is_said_are_told_apart():
    tool, call = ToolSpec(name="t", description="d", parameters={}), NativeCall(id="1", name="t", arguments="{}")
    plain = opening()
    others = [
        plain.model_copy(update=changes)
        for changes in (
            {"seed": 1},
            {"temperature": 0.0},
            {"max_tokens": 5},
            {"tools": (tool,)},
            {"tools": (tool,), "tool_choice": "none"},
            {"stop": ("x",)},
            {"messages": (*plain.messages, Message(role="assistant", content="", tool_calls=(call,)))},
            {"messages": (*plain.messages, Message(role="assistant", content=""))},
        )
    ]
    assert len({digest_of(request) for request in [plain, *others]}) == 1 + len(others)


def test_attempts_are_counted_until_there_is_an_answer_and_only_so_many_requests_are_remembered():
    attempts = Attempts(most=2)
    assert [attempts.next("a"), attempts.next("a"), attempts.next("b"), attempts.next("a")] == [0, 1, 0, 2]
    attempts.answered("a")
    assert attempts.next("a") == 0
    attempts.next("c")
    assert len(attempts) == 2
    assert attempts.next("b") == 0  # it was unasked the longest


async def test_an_unruly_endpoint_is_asked_again_and_changes_no_answer():
    unruly, tame = Spy(provider=UNRULY, **SURE), Spy(**SURE)
    seen = []
    for seed in range(60):
        answer = await unruly.complete(opening(seed=seed), timeout_s=600)
        again = await unruly.complete(opening(seed=seed), timeout_s=600)
        expected = await tame.complete(opening(seed=seed), timeout_s=600)
        assert (answer.content, answer.usage) == (expected.content, expected.usage)
        assert [a.status for a in again.attempts] == [a.status for a in answer.attempts]
        assert [a.error is None for a in answer.attempts] == [False] * (len(answer.attempts) - 1) + [True]
        seen += [a.status for a in answer.attempts]
    assert set(seen) == {429, 500, 200}
    assert seen.count(200) > 60  # some were cut off


def test_nobody_waits_for_an_endpoint_that_is_in_this_process():
    unruly = Spy(provider=UNRULY | {"retry_after_s": 20.0}, **SURE)
    for seed in range(20):
        asked = unruly.complete(opening(seed=seed), timeout_s=10_000)
        with pytest.raises(StopIteration):
            asked.send(None)  # it ends without having given way to anyone


async def test_an_endpoint_that_never_recovers_is_given_up_after_as_many_attempts_as_a_real_one():
    from unhobble.models import litellm_client

    broken = Spy(provider={"server_error": 1.0})
    with pytest.raises(ModelError, match=rf"in {litellm_client.MAX_ATTEMPTS} attempts.*had an error") as caught:
        await broken.complete(opening(), timeout_s=600)
    assert caught.value.retryable
    assert (provider.MAX_ATTEMPTS, provider.ATTEMPT_TIMEOUT_S) == (litellm_client.MAX_ATTEMPTS, litellm_client.ATTEMPT_TIMEOUT_S)


async def test_a_wait_that_is_asked_for_counts_towards_the_deadline():
    busy = Spy(provider={"rate_limited": 1.0, "retry_after_s": 100.0})
    with pytest.raises(ModelError, match=r"in 2 attempts.*Rate limit"):
        await busy.complete(opening(), timeout_s=150)


@pytest.mark.parametrize("traits", [{"provider": {"timeout": 1.0}}, {"latency_s": 5000.0}], ids=["never", "too late"])
async def test_what_does_not_come_in_time_is_late_where_it_was_asked_once_and_else_the_endpoints_fault(traits):
    silent = Spy(**traits)
    with pytest.raises(AnswerLate):
        await silent.complete(opening(), timeout_s=200)
    with pytest.raises(ModelError, match="in 4 attempts; the last: no answer") as caught:
        await silent.complete(opening(), timeout_s=1000)
    assert not isinstance(caught.value, AnswerLate)


async def test_another_checkpoint_takes_over_under_the_same_name_and_with_another_fingerprint():
    then = {"usd_per_million_output_tokens": 40.0, "refusal": 1.0}
    changing = Spy(provider={"changes_after": 3, "then": then}, **SURE)
    answers = [await changing.complete(opening(seed=seed), timeout_s=1) for seed in range(6)]
    assert [answer.fingerprint == changing.traits.fingerprint for answer in answers] == [True] * 3 + [False] * 3
    assert len({answer.fingerprint for answer in answers}) == 2
    assert {answer.model for answer in answers} == {"organism/compliant"}
    assert answers[0].content != answers[-1].content
    assert all(answer.cost_usd <= changing.estimate(opening()).usd for answer in answers)


async def test_a_checkpoint_that_differs_in_nothing_is_still_another_one():
    changing = Spy(provider={"changes_after": 1}, **SURE)
    first, second = [await changing.complete(opening(), timeout_s=1) for _ in range(2)]
    assert first.content == second.content
    assert first.fingerprint != second.fingerprint


async def test_checkpoints_may_follow_each_other():
    then = {"summary": "b", "provider": {"changes_after": 2, "then": {"summary": "c"}}}
    changing = Spy(provider={"changes_after": 1, "then": then}, **SURE)
    prints = [(await changing.complete(opening(), timeout_s=1)).fingerprint for _ in range(5)]
    assert [prints.index(one) for one in prints] == [0, 1, 1, 3, 3]


@pytest.mark.parametrize("then", [{"charm": 1}, {"speaks": "klingon"}], ids=["no trait", "no format"])
def test_a_checkpoint_that_cannot_be_is_refused_with_its_path(then):
    planted = ModelSpec(id="organism/compliant", params={"traits": {"provider": {"changes_after": 1, "then": then}}})
    with pytest.raises(BadInput) as caught:
        OrganismClient(planted)
    assert [issue.path for issue in caught.value.issues] == [f"model.params.traits.provider.then.{next(iter(then))}"]


async def test_thoughts_are_billed_and_not_shown_and_stay_below_the_estimate():
    thinking, silent = Spy(thinking_tokens=300, **SURE), Spy(**SURE)
    thoughts = []
    for seed in range(40):
        request = opening(seed=seed, max_tokens=600)
        one, other = await thinking.complete(request, timeout_s=1), await silent.complete(request, timeout_s=1)
        assert one.content == other.content
        assert one.cost_usd == pytest.approx(thinking.traits.cost_usd(one.usage.input_tokens, one.usage.output_tokens))
        assert one.usage.total <= thinking.estimate(request).tokens
        thoughts.append(one.usage.output_tokens - other.usage.output_tokens)
    assert len(set(thoughts)) > 20
    assert max(thoughts) + silent.answer(opening()).usage.output_tokens >= 600  # some had no more room
    assert 0 < fmean(thoughts) < 300


def test_an_answer_without_tools_does_not_depend_on_what_http_does_not_carry():
    spy = Spy(**SURE)
    said = {spy.answer(opening(tool_choice=choice)).content for choice in ("auto", "none")}
    assert len(said) == 1
