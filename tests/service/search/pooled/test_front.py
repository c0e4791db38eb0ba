"""The cost-success front: nothing on it is beaten, and nothing that is missing was not."""

from itertools import pairwise

import numpy as np
import pytest

from service.search.numbering import NumberedStrategy
from service.search.pooled.front import front
from tests.service.search.pooled.spaces import choices, pooled, problem
from tests.service.search.pooled.test_cost import better, dearer, multiplied, searched, told
from unhobble.records import FrontPoint
from unhobble.tracks import Track
from unhobble.vocabulary import CostUnit

WIDE = choices(4, 4, 3)


def point(trial, mean, cost, unit=CostUnit.usd):
    return FrontPoint(trial=trial, mean=mean, low=mean / 2, high=mean, cost=cost, cost_low=cost / 2, cost_high=cost, unit=unit)


def trials(*points):
    return [one.trial for one in front(points)]


def beats(one, other):
    return one.mean >= other.mean and one.cost <= other.cost and (one.mean, one.cost) != (other.mean, other.cost)


def rate(configuration):
    """What is dear by ``a`` succeeds more; what is dear by ``b`` does not."""
    return 0.2 + 0.2 * int(str(configuration.root["a"])[1])


@pytest.fixture(scope="module")
def search():
    return searched(WIDE, rate, multiplied, rollouts=300)[0]


def test_what_is_beaten_in_both_is_not_on_it_and_the_cheapest_comes_first():
    assert trials(point(1, 0.5, 2.0), point(2, 0.4, 3.0), point(3, 0.9, 9.0), point(4, 0.1, 0.5)) == [4, 1, 3]


def test_of_points_that_are_alike_in_one_the_better_in_the_other_stays_and_of_twins_the_first():
    assert trials(point(1, 0.5, 2.0), point(2, 0.5, 3.0)) == [1]
    assert trials(point(1, 0.5, 2.0), point(2, 0.6, 2.0)) == [2]
    assert trials(point(7, 0.5, 2.0), point(3, 0.5, 2.0)) == [3]
    assert trials() == []


def test_dollars_and_tokens_are_not_compared():
    with pytest.raises(ValueError, match="not in tokens and usd"):
        front([point(1, 0.5, 2.0), point(2, 0.5, 2.0, CostUnit.tokens)])


def test_the_front_of_a_search_rises_and_holds_no_point_that_another_beats(search):
    found = search.outlook().front
    assert len(found) >= 3
    for one, other in pairwise(found):
        assert one.cost < other.cost
        assert one.mean < other.mean
    assert not any(beats(one, other) for one in found for other in found)
    assert all(one.low <= one.mean <= one.high and one.cost_low < one.cost < one.cost_high for one in found)
    assert {one.unit for one in found} == {CostUnit.usd}


def test_everything_that_was_tried_and_is_not_on_it_is_beaten_by_one_that_is(search):
    found = search.outlook().front
    believed = search._costs.believed()
    tried = search.recommend(1_000)
    assert len(tried) > len(found)
    for one in tried:
        row = search._trials[one.trial].row
        cost = float(np.exp(believed.log_cost(search._evidence.places[[row]], [row])[0][0]))
        assert any(other.trial == one.trial or beats(other, point(one.trial, one.mean, cost)) for other in found)


def test_the_front_has_the_figures_of_the_recommendation_and_ends_with_it(search):
    last, best = search.outlook().front[-1], search.recommend()[0]
    assert (last.trial, last.mean, last.low, last.high) == (best.trial, best.mean, best.low, best.high)


def test_success_and_costs_on_the_front_are_near_the_truth(search):
    by_trial = {one.trial: one.configuration for one in search.recommend(100)}
    for one in search.outlook().front:
        assert one.cost == pytest.approx(multiplied(by_trial[one.trial]), rel=0.25)
    assert search.outlook().front[-1].mean == pytest.approx(0.8, abs=0.1)


def test_what_is_recommended_per_dollar_is_on_the_front():
    strategy, _ = searched(WIDE, rate, multiplied, rollouts=200, per_dollar=True)
    assert strategy.recommend()[0].trial in {one.trial for one in strategy.outlook().front}


def test_without_known_costs_the_front_is_empty_and_the_rest_of_the_outlook_is_as_ever():
    known, unknown = (searched(WIDE, rate, cost, rollouts=80)[0].outlook() for cost in (multiplied, lambda _: None))
    assert unknown.front == ()
    assert known.front
    assert known.model_copy(update={"front": ()}) == unknown


def test_a_track_that_nothing_was_tried_of_has_no_outlook():
    strategy, _ = searched(WIDE, rate, multiplied, rollouts=40)
    assert strategy.outlook(Track(advantage=True)) is None


def test_tokens_are_what_the_front_is_in_where_prices_are_not_known():
    strategy, _ = searched(choices(2, 2), better(0.3, 0.8), lambda c: 1e6 * dearer(3)(c), rollouts=100, unit="tokens")
    assert {one.unit for one in strategy.outlook().front} == {CostUnit.tokens}


def test_trials_on_the_front_have_their_numbers_in_the_store():
    inner = pooled(problem(choices(2, 2), rollouts=60))
    outer = NumberedStrategy(inner, inner._problem.baseline, taken=(0, 1, 2))
    numbers = set()
    while asked := outer.propose(8):
        for request in asked:
            numbers.add(request.trial)
            outer.record(told(request.trial, request.configuration, request.task, epoch=request.epoch, cost_usd=0.1))
    found = outer.outlook().front
    assert found
    assert {one.trial for one in found} <= numbers
