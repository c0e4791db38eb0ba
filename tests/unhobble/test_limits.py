import pytest

from unhobble.errors import LimitReached
from unhobble.limits import Limits, Meter
from unhobble.vocabulary import LimitKind


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def refused(meter: Meter, tokens: int = 0, usd: float | None = None) -> LimitKind | None:
    try:
        meter.before_call(tokens, usd)
    except LimitReached as reached:
        return reached.kind
    return None


def test_a_call_that_would_pass_the_turns_is_refused_before_it_is_made():
    meter = Meter(Limits(turns=1))
    assert refused(meter) is None
    meter.after_call(10, None)
    assert refused(meter) is LimitKind.turns


@pytest.mark.parametrize(("estimate", "kind"), [(60, LimitKind.tokens), (40, None)])
def test_tokens_are_refused_by_what_the_call_may_use_at_the_most(estimate, kind):
    meter = Meter(Limits(tokens=100))
    meter.after_call(50, None)
    assert refused(meter, estimate) is kind


def test_dollars_are_refused_by_estimate_and_an_unknown_price_is_not_taken_for_nothing():
    meter = Meter(Limits(usd=1.0))
    meter.after_call(0, 0.9)
    assert refused(meter, 0, 0.2) is LimitKind.usd
    assert refused(meter, 0, 0.05) is None


def test_time_runs_out_by_the_clock_and_never_below_zero():
    clock = Clock()
    meter = Meter(Limits(time_s=10), clock)
    clock.now_s += 4
    assert meter.remaining_s == 6
    clock.now_s += 100
    assert meter.remaining_s == 0
    assert refused(meter) is LimitKind.time
