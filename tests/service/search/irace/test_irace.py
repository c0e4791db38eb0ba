"""Iterated racing does what its paper says."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from search_spaces.dimensions import Choice, Integer, Real
from search_spaces.space import Space
from service.search.irace.elimination import order, survivors
from service.search.irace.model import Model, near, uniform
from tests.contracts.test_strategy_contract import CONTINUOUS
from tests.playing import TASKS, build, is_xml, play, problem
from unhobble.configuration import Configuration
from unhobble.registry import installed
from unhobble.vocabulary import TrialState

SCORES = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]], dtype=float)


@pytest.mark.parametrize("test", ["friedman", "t-test"])
def test_only_what_is_clearly_worse_is_dropped(test):
    assert survivors(SCORES, test, 0.05) == [True, True, False]
    assert survivors(SCORES[:2], test, 0.05)[1]
    assert list(order(SCORES, test)) == [0, 1, 2]


@pytest.mark.parametrize("test", ["friedman", "t-test"])
def test_equal_configurations_all_stay(test):
    assert survivors(np.ones((6, 4)), test, 0.05) == [True] * 4
    assert survivors(np.zeros((0, 3)), test, 0.05) == [True] * 3


def test_the_paired_t_test_is_scipys():
    rng = np.random.default_rng(0)
    scores = rng.random((9, 2)) + np.array([0.1, 0.0])
    best = int(order(scores, "t-test")[0])
    p = stats.ttest_rel(scores[:, best], scores[:, 1 - best], alternative="greater").pvalue
    assert survivors(scores, "t-test", p * 1.01)[1 - best] is False
    assert survivors(scores, "t-test", p * 0.99)[1 - best] is True


def test_friedman_agrees_with_scipy_on_whether_anything_differs():
    rng = np.random.default_rng(1)
    scores = (rng.random((12, 4)) < np.array([0.9, 0.5, 0.5, 0.1])).astype(float)
    p = stats.friedmanchisquare(*scores.T).pvalue
    assert all(survivors(scores, "friedman", p * 0.99))
    assert not all(survivors(scores, "friedman", p * 1.01))


def test_two_configurations_are_told_apart_by_their_ranks():
    clear = np.column_stack([np.ones(10), np.zeros(10)])
    assert survivors(clear, "friedman", 0.05) == [True, False]
    assert survivors(clear[:3], "friedman", 0.05) == [True, True]


def test_the_model_moves_to_its_elite_and_a_restart_takes_some_of_it_back():
    space = Space.load(CONTINUOUS, installed())
    elite = space.baseline
    model = Model().moved_to(elite, space, share=0.5, shrink=0.5)
    assert model.spread == 0.5
    assert model.chances["prompt"] == (0.75, 0.25)
    again = model.restarted(0.5)
    assert again.spread == 1.0
    assert 0.5 < again.chances["prompt"][0] < 0.75
    assert sum(again.chances["prompt"]) == pytest.approx(1)


def test_what_the_elite_does_not_set_is_drawn_as_if_there_were_none():
    space = Space.load(CONTINUOUS, installed())
    model = Model().moved_to(space.baseline, space, share=0.5, shrink=0.1)
    rng = random.Random(0)
    drawn = [model.draw(space.baseline, space, {}, rng) for _ in range(300)]
    assert all(space.contains(configuration) == [] for configuration in drawn)
    attempts = Counter(c.root["scaffold.attempts"] for c in drawn if "scaffold.attempts" in c.root)
    assert set(attempts) == {2, 3, 4}
    assert 0.65 < np.mean([c.root["prompt"] == "plain" for c in drawn]) < 0.85
    assert np.std([c.root["model.temperature"] for c in drawn]) < 0.1


@pytest.mark.parametrize(
    ("dimension", "value"),
    [
        (Integer("a", 1, 100, log=True), 1),
        (Integer("a", 0, 100, step=10), 100),
        (Real("a", 0.0, 1.0, step=0.25), 1.0),
        (Real("a", 0.01, 10.0, log=True), 10.0),
        (Real("a", 2.0, 2.0), 2.0),
    ],
)
def test_numbers_near_an_end_stay_in_their_range(dimension, value):
    rng = random.Random(0)
    drawn = [near(dimension, value, 0.3, rng) for _ in range(200)]
    assert [dimension.snapped(number) for number in drawn] == drawn
    assert dimension.count == 1 or len(set(drawn)) > 2


def test_a_choice_without_a_model_is_uniform():
    assert uniform(Choice("a", ("x", "y"))) == (0.5, 0.5)


def test_elites_are_kept_between_races_and_get_cells_that_are_new():
    strategy = build("irace", problem(rollouts=600))
    done = play(strategy, is_xml, at_once=16)
    of_trial = Counter(r.trial for r in done.requests)
    best = strategy.recommend()[0].trial
    assert of_trial[best] > 2 * np.median(list(of_trial.values()))
    states = Counter(strategy.trial_state(number) for number in of_trial)
    assert states[TrialState.pruned] > states[TrialState.complete] > 0


def test_a_search_that_was_interrupted_goes_on_as_if_it_had_not_been():
    at = problem(rollouts=300)

    def chance(configuration: Configuration, task, epoch):
        return float(random.Random(f"{configuration.hash}{task}{epoch}").random() < 0.3 + 0.4 * is_xml(configuration))

    for name in ("irace", "halving", "grid"):
        whole = play(build(name, at), chance, at_once=1)
        resumed = build(name, at)
        for number in sorted({r.trial for r in whole.requests[:130]}):
            resumed.adopt(number, next(r.configuration for r in whole.requests if r.trial == number))
        for told in whole.outcomes[:130]:
            resumed.record(told)
        assert play(resumed, chance, at_once=1).requests == whole.requests[130:]


def test_the_first_race_is_over_configurations_from_the_whole_space():
    done = play(build("irace", problem(rollouts=400)), is_xml)
    first = {r.configuration.root["tool_format"] for r in done.requests[len(TASKS) : 3 * len(TASKS)]}
    assert len(first) > 2
