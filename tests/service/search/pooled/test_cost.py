"""What a rollout costs is learned from few, and success per dollar is searched for and recommended where that is asked for."""

import random
from itertools import product

import numpy as np
import pytest

from search_spaces.dimensions import Choice
from service.search.pooled.belief import Evidence, believe
from service.search.pooled.cost import Costs, promising, worth
from service.search.pooled.encoding import Encoding
from service.search.pooled.strategy import PooledStrategy
from tests.playing import TASKS
from tests.service.search.pooled.spaces import choices, evidence_of, pooled, problem, space_of, tossed
from unhobble.configuration import Configuration
from unhobble.records import Outcome
from unhobble.vocabulary import CostUnit

WIDE = choices(4, 4, 3, 2)
TWO = choices(2, 3)


def multiplied(configuration: Configuration) -> float:
    """A cent, up to 8 times that by ``a``, and 3 times by one value of ``b``."""
    return 0.01 * 2 ** int(str(configuration.root["a"])[1]) * (3 if configuration.root["b"] == "v1" else 1)


def costs_of(space, cost, *, configurations, rollouts, seed=0, known=lambda number: True, unit="cost_usd"):
    """Costs of rollouts of configurations at random, that vary by task and by chance."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    evidence = Evidence(Encoding(space), TASKS)
    costs = Costs(evidence)
    for _ in range(configurations):
        evidence.enter(space.sample(draw))
    by_task = np.exp(0.5 * np.linspace(-1, 1, len(TASKS)))
    by_task /= by_task.mean()
    for number in range(rollouts):
        row, column = number % configurations, int(rng.integers(len(TASKS)))
        one = evidence.configurations[row]
        price = cost(one) * by_task[column] * np.exp(rng.normal(-0.045, 0.3))
        costs.add(row, told(row, one, TASKS[column].id, **{unit: price if known(number) else None}))
    return costs


def told(trial, configuration, task, *, score=0.0, epoch=0, cost_usd=None, tokens=None):
    whole = None if tokens is None else round(tokens)
    return Outcome(trial=trial, configuration=configuration, task=task, epoch=epoch, score=score, cost_usd=cost_usd, tokens=whole)


def of_new(costs, space):
    """All configurations of a space as if none was tried: what is believed, its deviation, and the truth."""
    every = list(space.enumerate())
    mean, deviation = costs.believed().log_cost(costs.evidence.encoding.places(every), [-1] * len(every))
    return mean, deviation, np.log([multiplied(one) for one in every])


# --- the model ------------------------------------------------------------------------------------------------------------
def test_costs_that_multiply_are_recovered_for_configurations_that_were_not_tried():
    costs = costs_of(WIDE, multiplied, configurations=30, rollouts=300)
    mean, _, truth = of_new(costs, WIDE)
    assert np.abs(mean - truth).max() < 0.3  # of costs that are up to 24 times the cheapest
    assert np.abs(mean - truth).mean() < 0.1


@pytest.mark.parametrize("rollouts", [20, 60, 300])
def test_intervals_hold_the_truth_and_are_the_narrower_the_more_was_seen(rollouts):
    held, widths = [], []
    for seed in range(5):
        mean, deviation, truth = of_new(costs_of(WIDE, multiplied, configurations=20, rollouts=rollouts, seed=seed), WIDE)
        held.append(np.abs(mean - truth) < 1.645 * deviation)
        widths.append(deviation.mean())
    assert np.mean(held) > 0.85
    assert np.mean(widths) < {20: 1.2, 60: 0.7, 300: 0.35}[rollouts]


def test_one_rollout_is_enough_to_say_something_and_its_interval_says_how_little():
    costs = costs_of(WIDE, multiplied, configurations=1, rollouts=1)
    mean, deviation, truth = of_new(costs, WIDE)
    assert np.isfinite(mean).all()
    assert deviation.min() > 0.7
    assert (np.abs(mean - truth) < 4 * deviation).all()


def test_a_configuration_that_was_tried_is_believed_by_its_own_cost_too():
    """One that costs ten times what its dimensions say."""
    evidence = Evidence(Encoding(WIDE), TASKS)
    costs = Costs(evidence)
    every = list(WIDE.enumerate())[::4]
    for row, one in enumerate(every):
        evidence.enter(one)
        for task in TASKS:
            costs.add(row, told(row, one, task.id, cost_usd=multiplied(one) * (10 if row == 3 else 1)))
    mean, _ = costs.believed().log_cost(evidence.places[[3, 3]], [3, -1])
    assert np.exp(mean[0]) == pytest.approx(10 * multiplied(every[3]), rel=0.15)
    assert np.exp(mean[1]) < 5 * multiplied(every[3])


def test_draws_have_the_means_and_deviations_that_are_said():
    costs = costs_of(WIDE, multiplied, configurations=10, rollouts=40)
    places, rows = costs.evidence.places[:4], [0, 1, 2, -1]
    mean, deviation = costs.believed().log_cost(places, rows)
    drawn = costs.believed().draws(places, rows, 20_000, np.random.default_rng(0))
    assert drawn.mean(axis=1) == pytest.approx(mean, abs=0.03)
    assert drawn.std(axis=1) == pytest.approx(deviation, rel=0.05)


def test_what_is_not_known_is_left_out_and_is_not_nought():
    evidence = Evidence(Encoding(TWO), TASKS)
    costs = Costs(evidence)
    one = TWO.baseline
    evidence.enter(one)
    for tokens in (None, 0):
        costs.add(0, told(0, one, TASKS[0].id, tokens=tokens))
    assert costs.believed() is None
    costs.add(0, told(0, one, TASKS[0].id, cost_usd=0.5))
    alone = costs.believed().log_cost(evidence.places, [0])
    costs.add(0, told(0, one, TASKS[1].id))
    assert costs.believed().log_cost(evidence.places, [0]) == alone
    assert np.exp(alone[0][0]) == pytest.approx(0.5, rel=0.5)


def test_missing_costs_make_the_belief_weaker_and_not_cheaper():
    whole = costs_of(WIDE, multiplied, configurations=30, rollouts=300)
    half = costs_of(WIDE, multiplied, configurations=30, rollouts=300, known=lambda number: number % 2 == 0)
    mean, deviation, truth = of_new(half, WIDE)
    assert (mean - truth).mean() == pytest.approx(0, abs=0.15)
    assert deviation.mean() > of_new(whole, WIDE)[1].mean()


@pytest.mark.parametrize(("usd", "unit"), [(10, CostUnit.usd), (5, CostUnit.usd), (4, CostUnit.tokens), (0, CostUnit.tokens)])
def test_the_unit_is_dollars_where_most_prices_are_known_and_else_tokens(usd, unit):
    evidence = Evidence(Encoding(TWO), TASKS)
    costs = Costs(evidence)
    evidence.enter(TWO.baseline)
    for number, task in enumerate(TASKS):
        costs.add(0, told(0, TWO.baseline, task.id, cost_usd=0.1 if number < usd else None, tokens=1_000))
    believed = costs.believed()
    assert believed.unit is unit
    assert np.exp(believed.log_cost(evidence.places, [0])[0][0]) == pytest.approx(0.1 if usd > 4 else 1_000, rel=0.2)


def test_the_order_of_rollouts_changes_nothing():
    one, other = (costs_of(WIDE, multiplied, configurations=5, rollouts=0) for _ in range(2))
    seen = [told(row, one.evidence.configurations[row], task.id, cost_usd=0.1 + row) for row, task in product(range(5), TASKS)]
    for outcome in seen:
        one.add(outcome.trial, outcome)
    for outcome in reversed(seen):
        other.add(outcome.trial, outcome)
    assert (of_new(one, WIDE)[0] == of_new(other, WIDE)[0]).all()


# --- success per cost -----------------------------------------------------------------------------------------------------
def test_what_ranks_is_success_per_cost():
    by = worth(np.array([[0.4], [0.8], [0.8]]), np.log([[1.0], [1.5], [3.0]]), floor=0.25)[:, 0]
    assert np.exp(by) == pytest.approx([0.4, 0.8 / 1.5, 0.8 / 3])


def test_what_is_under_the_floor_ranks_below_all_others_however_cheap_and_among_its_like_by_success():
    rates = np.array([[0.1, 0.8], [0.8, 0.1], [0.0, 0.0], [0.15, 0.05]])
    log_costs = np.log([[0.001, 1.0], [1_000.0, 0.001], [1e-9, 1e-9], [5.0, 5.0]])
    by = worth(rates, log_costs, floor=0.25)
    assert np.argsort(-by, axis=0).T.tolist() == [[1, 3, 0, 2], [0, 1, 3, 2]]


def test_where_nothing_succeeds_what_is_cheapest_ranks_first():
    by = worth(np.zeros((3, 1)), np.log([[2.0], [1.0], [4.0]]), floor=0.25)[:, 0]
    assert np.isfinite(by).all()
    assert by.argmax() == 1


def test_the_floor_of_candidates_is_that_of_the_best_of_their_own_track():
    """Half as good as another track's best may be the best of this one."""
    evidence = evidence_of(TWO, better(0.1, 0.9), configurations=6, rollouts=600)
    belief, costs = believe(evidence, learn=True), Costs(evidence)
    for row, one in enumerate(evidence.configurations):
        costs.add(row, told(row, one, TASKS[0].id, cost_usd=100.0 ** (row % 2)))
    price, rows = costs.believed(), list(range(6))
    of_track = [row for row in rows if evidence.configurations[row].root["a"] == "v0"]
    f = belief.marginal(evidence.places, rows)[0]
    own, whole = (promising(belief, price, evidence, of, 0.5)(evidence.places, rows, f)[of_track] for of in (of_track, rows))
    assert (own > -100).all()
    assert (whole < -100_000).all()


# --- the search -----------------------------------------------------------------------------------------------------------
def searched(space, rate, cost, *, rollouts=250, seed=0, unit="cost_usd", score=None, **options):
    """A strategy after a search, and its requests; ``cost`` gives what a rollout of a configuration costs, or None."""
    strategy, requests = pooled(problem(space, rollouts=rollouts, seed=seed), **options), []
    toss = score or tossed(rate)
    while asked := strategy.propose(8):
        for request in asked:
            requests.append(request)
            price = cost(request.configuration)
            value = toss(request.configuration, request.task, request.epoch)
            strategy.record(
                told(request.trial, request.configuration, request.task, score=value, epoch=request.epoch, **{unit: price})
            )
    return strategy, requests


def better(low, high):
    return lambda configuration: high if configuration.root["a"] == "v1" else low


def dearer(by):
    return lambda configuration: 0.02 * (by if configuration.root["a"] == "v1" else 1)


def picked(strategy: PooledStrategy):
    return strategy.recommend()[0].configuration.root["a"]


@pytest.mark.parametrize("seed", range(2))
def test_of_two_that_succeed_alike_the_cheaper_one_is_recommended_and_tried_most(seed):
    strategy, requests = searched(TWO, better(0.6, 0.6), dearer(4), seed=seed, per_dollar=True)
    assert picked(strategy) == "v0"
    late = [r.configuration.root["a"] for r in requests[150:]]
    assert late.count("v0") > 0.8 * len(late)


@pytest.mark.parametrize(("by", "value"), [(1.3, "v1"), (3.5, "v0")])
def test_twice_the_success_is_paid_for_where_it_costs_less_than_twice_as_much(by, value):
    per_dollar, _ = searched(TWO, better(0.4, 0.8), dearer(by), per_dollar=True)
    assert picked(per_dollar) == value
    by_success, _ = searched(TWO, better(0.4, 0.8), dearer(by))
    assert picked(by_success) == "v1"


def test_what_is_cheap_and_useless_does_not_win_over_what_is_capable():
    strategy, _ = searched(TWO, better(0.04, 0.8), dearer(100), per_dollar=True)
    assert picked(strategy) == "v1"
    best = strategy.recommend(6)
    assert [one.configuration.root["a"] for one in best] == ["v1"] * 3 + ["v0"] * 3


def test_a_recommendation_says_what_it_is_the_best_of():
    def units(**options):
        return {one.per_cost for one in searched(TWO, better(0.4, 0.8), rollouts=60, **options)[0].recommend(3)}

    assert units(cost=dearer(2)) == {None}
    assert units(cost=dearer(2), per_dollar=True) == {CostUnit.usd}
    assert units(cost=lambda _: 900, per_dollar=True, unit="tokens") == {CostUnit.tokens}
    assert units(cost=lambda _: None, per_dollar=True) == {None}


def test_without_known_costs_it_is_a_search_for_success_to_the_last_rollout():
    by_success, asked = searched(TWO, better(0.4, 0.8), lambda _: None, rollouts=120)
    per_dollar, asked_too = searched(TWO, better(0.4, 0.8), lambda _: None, rollouts=120, per_dollar=True)
    assert asked_too == asked
    assert per_dollar.recommend(5) == by_success.recommend(5)


def test_costs_change_nothing_where_success_is_searched_for():
    _, asked = searched(TWO, better(0.4, 0.8), lambda _: None, rollouts=120)
    _, asked_too = searched(TWO, better(0.4, 0.8), dearer(5), rollouts=120)
    assert asked_too == asked


def test_the_same_seed_and_costs_give_the_same_search():
    one, other = (searched(WIDE, better(0.3, 0.6), multiplied, rollouts=120, per_dollar=True) for _ in range(2))
    assert one[1] == other[1]
    assert one[0].recommend(5) == other[0].recommend(5)
    assert one[0].outlook() == other[0].outlook()


def test_partial_scores_count_as_that_share_of_a_success():
    strategy, _ = searched(
        TWO, None, dearer(1.3), per_dollar=True, score=lambda c, _task, _epoch: 0.8 if c.root["a"] == "v1" else 0.4
    )
    best = strategy.recommend()[0]
    assert picked(strategy) == "v1"
    assert best.mean == pytest.approx(0.8, abs=0.08)


def test_in_a_space_of_thousands_what_is_cheap_is_found_where_it_succeeds_alike():
    space = space_of(*(Choice(name, ("v0", "v1", "v2", "v3", "v4")) for name in "abcdef"))

    def cost(configuration):
        return 0.01 * (1 if configuration.root["c"] == "v3" else 4) * (1 if configuration.root["d"] == "v2" else 3)

    strategy, _ = searched(space, lambda _: 0.6, cost, rollouts=200, per_dollar=True)
    best = strategy.recommend()[0].configuration
    assert cost(best) == 0.01
