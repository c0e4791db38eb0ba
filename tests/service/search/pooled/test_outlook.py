"""What the belief says of the whole space: its best, what is missing to it, what more search gains, what matters."""

from itertools import pairwise

import numpy as np
import pytest

from search_spaces.dimensions import Choice, Real
from service.search.pooled.belief import believe
from service.search.pooled.outlook import FURTHER, effects, look_out
from tests.playing import play
from tests.service.search.pooled.spaces import choices, evidence_of, mostly_a, pooled, problem, space_of, tossed
from unhobble.configuration import Configuration

TWO = choices(4, 4)
WIDE = choices(4, 4, 4, 4, 3)


def additive(configuration: Configuration) -> float:
    """``b`` makes a large difference, ``a`` a small one, and there is nothing else."""
    large = {"v0": -1.5, "v1": -0.5, "v2": 0.5, "v3": 1.5}[configuration.root["b"]]
    small = {"v0": -0.3, "v1": 0.3, "v2": -0.3, "v3": 0.3}[configuration.root["a"]]
    return 1 / (1 + np.exp(-large - small))


def flat(_: Configuration) -> float:
    return 0.5


def played(space, rate, rollouts, seed=0):
    strategy = pooled(problem(space, rollouts=rollouts, seed=seed))
    play(strategy, tossed(rate), at_once=16)
    return strategy


@pytest.fixture(scope="module")
def searched():
    return played(WIDE, mostly_a, 200)


@pytest.fixture(scope="module")
def outlook(searched):
    return searched.outlook()


def test_shortfalls_are_sorted_and_never_below_nought(outlook):
    assert len(outlook.shortfalls) == 200
    assert list(outlook.shortfalls) == sorted(outlook.shortfalls)
    assert outlook.shortfalls[0] >= 0
    assert outlook.shortfalls[-1] > 0


def test_the_interval_of_the_maximum_holds_its_mean_and_lies_above_what_is_recommended(searched, outlook):
    best = searched.recommend()[0]
    assert outlook.maximum_low < outlook.maximum < outlook.maximum_high <= outlook.upper_limit <= 1
    assert outlook.maximum > best.mean
    assert outlook.upper_limit > best.mean
    assert outlook.maximum - best.mean == pytest.approx(np.mean(outlook.shortfalls), abs=0.02)


def test_the_upper_limit_holds_the_truth_of_the_best(outlook):
    assert 0.8 < outlook.upper_limit <= 1
    assert outlook.maximum_high <= outlook.upper_limit


def test_more_search_gains_more_and_never_more_than_what_is_missing(outlook):
    shares, gains = zip(*outlook.gains, strict=True)
    assert shares == FURTHER == (0.1, 1.0, 3.0, 9.0)
    assert gains[0] >= 0
    for less, more in pairwise(gains):
        assert more > less - 0.005
    assert gains[-1] > gains[0]
    assert gains[-1] <= np.mean(outlook.shortfalls) + 0.01


def test_shares_of_what_matters_sum_to_one_and_are_sorted(outlook):
    shares = [effect.share for effect in outlook.effects]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= effect.low <= effect.share <= effect.high <= 1 for effect in outlook.effects if effect.dimensions)
    named = [effect.dimensions for effect in outlook.effects]
    assert len(named) == len(set(named)) == 5 + 10 + 1
    assert () in named


def test_the_dimension_that_matters_has_the_largest_share():
    found = played(TWO, additive, 400).outlook().effects
    assert found[0].dimensions == ("b",)
    share = {effect.dimensions: effect.share for effect in found}
    assert share["b",] > 0.7
    assert share["a", "b"] < 0.15
    assert share["b",] > 5 * share["a",]


def test_a_pair_that_matters_only_together_has_the_largest_share():
    space = choices(2, 2, 2)
    evidence = evidence_of(space, lambda c: 0.85 if c.root["a"] == c.root["c"] else 0.15, configurations=8, rollouts=640)
    belief = believe(evidence, believe(evidence, learn=True), learn=True)
    found = effects(space, belief, np.random.default_rng(0))
    assert found[0].dimensions == ("a", "c")
    assert found[0].share > 0.6


def test_what_is_seldom_active_has_a_share_that_is_so_much_smaller():
    """The same difference, in a dimension that is always set and in one that a third of all configurations set."""
    half, options = ("v0", "v1"), ("v0", "v1", "v2")
    space = space_of(Choice("always", half), Choice("s", options), Choice("seldom", half, when={"s": ("v2",)}))
    strategy = played(
        space,
        lambda c: 0.5 + 0.2 * (2 * (c.root["always"] == "v1") - 1) + 0.2 * {None: 0, "v0": -1, "v1": 1}[c.root.get("seldom")],
        500,
    )
    share = {effect.dimensions: effect.share for effect in strategy.outlook().effects}
    assert share["always",] > 1.5 * share["seldom",]
    assert share["seldom",] > share["s",]


def test_after_many_rollouts_of_a_flat_space_it_is_unlikely_that_much_was_missed():
    found = played(TWO, flat, 400).outlook()
    assert found.probability_beaten(0.1) < 0.4
    assert found.effects[0].high - found.effects[0].low > 0.02
    assert found.upper_limit < 0.75


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [flat, mostly_a])
def test_after_few_rollouts_nothing_is_certain(rate, seed):
    found = played(WIDE, rate, 20, seed).outlook()
    assert found.probability_beaten(0.1) >= 0.05
    assert found.upper_limit > 0.6


def test_what_was_missed_becomes_less_likely_the_more_was_seen():
    beaten = [played(TWO, additive, rollouts).outlook().probability_beaten(0.1) for rollouts in (20, 100, 400)]
    assert beaten[0] > beaten[2]
    assert beaten[1] > beaten[2]


def test_a_space_that_holds_what_was_tried_and_much_more_has_a_maximum_further_away(searched, outlook):
    """Of what was tried alone the maximum is nearer to what is recommended: the rest is believed to hold something too."""
    evidence, belief = searched._evidence, searched._now()
    best = searched._trials[searched.recommend()[0].trial].row
    tried = set(evidence.configurations)
    narrow = look_out(WIDE, evidence, belief, best, seed=0, wanted=lambda configuration: configuration in tried)
    assert narrow.maximum < outlook.maximum
    assert narrow.probability_beaten(0.05) < outlook.probability_beaten(0.05)


def test_the_only_one_that_is_wanted_cannot_be_beaten(searched):
    evidence, belief = searched._evidence, searched._now()
    alone = look_out(WIDE, evidence, belief, 0, seed=0, wanted=lambda _: False)
    assert set(alone.shortfalls) == {0.0}
    assert [gain for _, gain in alone.gains] == [0.0] * 4


def test_nothing_is_said_before_anything_was_seen():
    strategy = pooled(problem(WIDE))
    assert strategy.outlook() is None
    strategy.propose(5)
    assert strategy.outlook() is None
    assert strategy.recommend() == []


def test_a_continuum_has_an_outlook_too():
    space = space_of(Choice("a", ("v0", "v1")), Real("warmth", 0.0, 1.0), Real("rate", 0.01, 1.0, log=True))
    found = played(space, lambda c: 0.1 + 0.8 * c.root["warmth"], 200).outlook()
    assert found.effects[0].dimensions == ("warmth",)
    assert found.upper_limit > 0.9
    assert found.maximum == pytest.approx(0.9, abs=0.08)
