import math
import random

import pytest
from scipy import stats

from unhobble.analysis.capability import paired_difference, share, success_rate


def test_the_clustered_error_is_miller_s_formula_computed_by_hand():
    # Three tasks of two rollouts: residual sums 0.5*2... with mean 0.5 they are -1, 0, +1.
    scores = {"a": [0.0, 0.0], "b": [0.0, 1.0], "c": [1.0, 1.0]}
    interval = success_rate(scores, level=0.9)
    error = math.sqrt((1 + 0 + 1) / 36 * 3 / 2)
    half = stats.t.ppf(0.95, 2) * error
    assert interval.mean == 0.5
    assert interval.low == pytest.approx(max(0, 0.5 - half))
    assert interval.high == pytest.approx(min(1, 0.5 + half))


def test_repeating_the_same_tasks_does_not_pretend_to_more_evidence():
    once = success_rate({f"t{i}": [float(i % 2)] for i in range(10)})
    often = success_rate({f"t{i}": [float(i % 2)] * 20 for i in range(10)})
    assert often.high - often.low == pytest.approx(once.high - once.low)


def test_a_perfect_score_on_few_tasks_is_not_certain():
    interval = success_rate({f"t{i}": [1.0] * 5 for i in range(6)}, level=0.9)
    assert interval.high == 1.0
    assert interval.low == pytest.approx(0.05 ** (1 / 6))


def test_comparing_several_widens_every_interval():
    scores = {f"t{i}": [float(i % 3 == 0)] for i in range(12)}
    one, five = success_rate(scores), success_rate(scores, compared=5)
    assert five.low < one.low < one.high < five.high


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = random.Random(1)
    covered = 0
    for _ in range(300):
        difficulty = [rng.betavariate(2, 2) for _ in range(20)]
        scores = {str(i): [float(rng.random() < p) for _ in range(3)] for i, p in enumerate(difficulty)}
        interval = success_rate(scores, level=0.9)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.84 <= covered / 300 <= 0.96


def test_pairing_removes_the_difficulty_of_the_tasks():
    hard_and_easy = {f"t{i}": [i / 10] for i in range(10)}
    better = {task: [s[0] + 0.1 + 0.01 * (int(task[1:]) % 2)] for task, s in hard_and_easy.items()}
    difference = paired_difference(better, hard_and_easy)
    assert difference.low > 0.09
    assert difference.mean == pytest.approx(0.105)


def test_one_shared_task_claims_next_to_nothing():
    difference = paired_difference({"a": [1.0], "b": [1.0]}, {"a": [0.0], "c": [0.0]})
    assert (difference.mean, difference.high) == (1.0, 1.0)
    assert difference.low == pytest.approx(2 * 0.05 - 1)


def test_the_same_gain_on_every_task_is_clear_once_there_are_enough_tasks():
    tasks = [f"t{i}" for i in range(12)]
    assert paired_difference({t: [1.0] for t in tasks}, {t: [0.0] for t in tasks}).low > 0.5
    assert paired_difference({t: [1.0] for t in tasks}, {t: [1.0] for t in tasks}).low < 0


def test_a_share_is_exact_for_small_counts():
    interval = share(0, 10, level=0.9)
    assert (interval.mean, interval.low) == (0, 0)
    assert interval.high == pytest.approx(1 - 0.05 ** (1 / 10))


@pytest.mark.parametrize("call", [lambda: success_rate({}), lambda: share(0, 0), lambda: paired_difference({"a": [1]}, {"b": [1]})])
def test_an_estimate_from_nothing_is_refused(call):
    with pytest.raises(ValueError, match=r"needs|nothing"):
        call()
