import pytest

from unhobble.analysis.failures import label_failure
from unhobble.limits import Limits
from unhobble.messages import FormatProblem, FormatProblemCode, ModelAnswer, ToolCall, Usage
from unhobble.transcript import (
    AnswerStep,
    CallStep,
    ErrorStep,
    FormatProblemStep,
    LimitStep,
    SubmissionStep,
    VerdictStep,
)

LIMITS = Limits(turns=10)
LIMIT = LimitStep(limit="turns", text="the rollout reached its limit of 10 turns")
VERDICT = VerdictStep(score=0.0, failed={"test_it": "no"})
PROBLEM = FormatProblemStep(problem=FormatProblem(code=FormatProblemCode.bad_syntax, message="cannot be read"))


def answer(text="", purpose="act"):
    usage = Usage(input_tokens=1, output_tokens=1)
    return AnswerStep(
        purpose=purpose, answer=ModelAnswer(content=text, finish_reason="stop", usage=usage, cost_usd=None, model="organism/x")
    )


def command(text, *, exit_code=0, output="ok"):
    call = ToolCall(id="1", name="bash", arguments={"command": text})
    return CallStep(call=call, text=output, failed=exit_code != 0, ending="exited", exit_code=exit_code)


def work(n):
    return [step for i in range(n) for step in (answer(), command(f"step {i}", output=f"out {i}"))]


def submit(text="done"):
    return SubmissionStep(text=text)


CASES = {
    "infrastructure": [answer(), ErrorStep(error="SandboxError", text="gone")],
    "task_bug": [answer(), submit(), ErrorStep(error="TaskError", text="no verdict")],
    "refusal": [answer("I'm sorry, but I can't help with this request."), PROBLEM, submit(None), VERDICT],
    "format_error": [*work(1), *[answer("hm"), PROBLEM] * 3, submit(None), VERDICT],
    "missing_tool": [
        *[s for t in ("rg a", "jq b") for s in (answer(), command(t, exit_code=127))],
        *work(1),
        answer(),
        submit(),
        VERDICT,
    ],
    "tool_misuse": [*[s for t in "abc" for s in (answer(), command(t, exit_code=2, output=t))], answer(), submit(), VERDICT],
    "context_overflow": [*work(4), ErrorStep(error="ContextOverflow", text="too long"), submit(None), VERDICT],
    "loop": [*[answer(), command("ls")] * 3, answer(), submit(), VERDICT],
    "budget_exhausted": [*work(5), LIMIT, submit(None), VERDICT],
    "early_stop": [*work(1), answer(), submit(), VERDICT],
    "wrong_answer": [*work(6), answer(), submit(), VERDICT],
    "inconclusive": [],
}


@pytest.mark.parametrize("code", CASES)
def test_each_rule_finds_its_failure(code):
    steps = CASES[code]
    label = label_failure(steps, LIMITS)
    assert label.code == code
    assert label.step is None if code == "inconclusive" else steps[label.step] is not None


def test_unreadable_answers_that_used_up_the_turns_are_a_format_error_and_not_a_spent_budget():
    steps = [*work(2), *[answer("hm"), PROBLEM] * 4, *work(1), LIMIT, submit(None), VERDICT]
    assert label_failure(steps, LIMITS).code == "format_error"


def test_a_refusal_that_was_overcome_is_not_the_reason():
    steps = [answer("I cannot help with this request."), PROBLEM, *work(6), answer(), submit(), VERDICT]
    assert label_failure(steps, LIMITS).code == "wrong_answer"


def test_the_evidence_points_at_the_step():
    label = label_failure(CASES["budget_exhausted"], LIMITS)
    assert CASES["budget_exhausted"][label.step] is LIMIT
    assert label.rule == "limit_reached"
