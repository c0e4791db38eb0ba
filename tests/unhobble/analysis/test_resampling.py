import itertools

import pytest

from unhobble.analysis.resampling import MOST_ATTEMPTS, Cost, Match, best_of, match, resample


def costs(*usd: float | None, tokens: int | None = 10):
    return [Cost(usd=amount, tokens=tokens) for amount in usd]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_the_best_of_n_is_the_mean_over_all_ways_to_draw_n(n):
    scores = [0.0, 0.0, 0.25, 1.0, 0.0]
    ways = [max(drawn) for drawn in itertools.combinations(scores, n)]
    assert best_of(scores, n) == pytest.approx(sum(ways) / len(ways))


def test_the_best_of_more_attempts_than_there_are_is_no_figure():
    with pytest.raises(ValueError, match="best of 3 attempts"):
        best_of([1.0, 0.0], 3)


@pytest.mark.parametrize(
    ("best", "baseline", "unit", "attempts"),
    [
        (costs(0.3, 0.3), costs(0.1, 0.1), "usd", 3),
        (costs(0.31), costs(0.1), "usd", 4),
        (costs(0.1), costs(0.1), "usd", 1),
        (costs(0.01), costs(0.1), "usd", 1),
        (costs(9.0), costs(0.01), "usd", MOST_ATTEMPTS),
        (costs(0.3, None, tokens=50), costs(0.1), "tokens", 5),
        (costs(0.0, tokens=21), costs(0.0), "tokens", 3),
    ],
)
def test_the_same_spend_buys_so_many_attempts_in_dollars_or_else_in_tokens(best, baseline, unit, attempts):
    matched = match(best, baseline)
    assert (matched.unit, matched.attempts) == (unit, attempts)


def test_nothing_is_matched_where_no_cost_is_known():
    assert match(costs(None, tokens=None), costs(0.1)) is None
    assert match([], costs(0.1)) is None


def test_the_best_beats_resampling_only_if_it_is_above_the_best_of_as_many_attempts():
    tasks = [f"t{i}" for i in range(20)]
    best = {task: [1.0] for task in tasks}
    half = {task: [1.0, 0.0, 0.0] if i % 2 else [0.0, 0.0, 0.0] for i, task in enumerate(tasks)}
    one, three = (resample(best, half, Match(ratio=ratio, unit="usd"), compared=1) for ratio in (1.0, 3.0))
    assert one.rate.mean == pytest.approx(1 / 6)
    assert (three.attempts, three.rate.mean, three.difference.mean) == (3, 0.5, 0.5)
    assert (one.verdict, three.verdict) == ("yes", "yes")
    same = resample(half, half, Match(ratio=3.0, unit="usd"), compared=1)
    assert same.difference.mean == pytest.approx(1 / 6 - 1 / 2)
    assert same.verdict == "no"


def test_what_the_budget_did_not_reach_for_is_of_fewer_attempts():
    tasks = [f"t{i}" for i in range(20)]
    best, baseline = {task: [1.0] for task in tasks}, {task: [0.0, 1.0] for task in tasks}
    found = resample(best, baseline, Match(ratio=6.0, unit="tokens"), compared=1)
    assert (found.matched, found.attempts) == (6, 2)


def test_a_task_that_lost_an_attempt_is_left_out_and_does_not_lower_all_others():
    tasks = [f"t{i}" for i in range(20)]
    best = {task: [1.0] for task in tasks}
    baseline = {task: [0.0] * 3 for task in tasks} | {"t0": [0.0]}
    found = resample(best, baseline, Match(ratio=3.0, unit="usd"), compared=1)
    assert (found.attempts, found.rate.tasks) == (3, 19)
    assert resample({}, baseline, Match(ratio=3.0, unit="usd"), compared=1) is None
