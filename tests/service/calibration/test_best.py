"""The best of a space is found where it is known, and its value is that of fresh rollouts."""

import math

import pytest

from search_spaces.space import Space
from service.calibration.best import CLIMBING, FEW, distinguishable, find_best, measured
from service.calibration.simulations import Simulations, draws
from tests.models.organism.playing import OTHER, TASK, traits
from unhobble.registry import installed
from unhobble.tracks import PLAIN, Track
from unhobble.vocabulary import OracleAccess

TASKS = (TASK, OTHER)
BOUND = traits(ability=2.0, slope=0.0, format_fluency={"xml_tags": 1.0}, default_fluency=0.3, format_confusion=2.0)
BEST = 1 / (1 + math.exp(-2.0))


def space(document: object = "quick") -> Space:
    return Space.load(document, installed())


def test_where_there_are_few_configurations_all_are_played_out():
    found = find_best(BOUND, TASKS, space(), rollouts=1_500)
    assert found.configuration.root["tool_format"] == "xml_tags"
    assert abs(found.truth.mean - BEST) < 4 * found.truth.standard_error + 0.05
    assert (found.exhaustive, found.finalists) == (True, found.distinct)
    assert found.distinct == 16 <= FEW


@pytest.mark.slow
def test_in_a_large_space_the_best_is_found_by_halving():
    found = find_best(BOUND, TASKS, space("default"), rollouts=3_000)
    assert found.configuration.root["tool_format"] == "xml_tags"
    assert found.truth.mean > BEST - 0.1
    assert not found.exhaustive
    assert found.rollouts < 4_000


@pytest.mark.slow
def test_in_an_endless_space_it_climbs_and_says_that_others_may_be_better():
    endless = {
        "extends": "quick",
        "dimensions": {"model.temperature": {"float": [0.0, 1.0]}, "scaffold": {"choice": ["react", "plan_execute"]}},
        "baseline": {"model.temperature": 0.0},
    }
    found = find_best(BOUND, TASKS, space(endless), rollouts=1_500)
    assert found.configuration.root["tool_format"] == "xml_tags"
    assert (found.distinct, found.exhaustive) == (None, False)
    assert "others may be better" in found.how
    assert found.rollouts < CLIMBING * 1_500 + 1_000


def test_equal_seeds_find_the_same_and_processes_change_nothing():
    few = {"extends": "quick", "only": {"tool_format": ["native", "xml_tags"]}, "fix": {"prompt": "plain"}}
    one = find_best(BOUND, TASKS, space(few), rollouts=200, seed=3)
    assert find_best(BOUND, TASKS, space(few), rollouts=200, seed=3) == one
    assert find_best(BOUND, TASKS, space(few), rollouts=200, seed=3, jobs=2) == one


def test_settings_that_an_organism_reads_nowhere_make_no_other_configuration():
    cold = {
        "extends": "quick",
        "dimensions": {"model.temperature": {"choice": [0.0, 0.5, 1.0]}},
        "baseline": {"model.temperature": 0.0},
    }
    assert len(distinguishable(list(space(cold).enumerate()), traits())) == 16
    assert len(distinguishable(list(space(cold).enumerate()), traits(temperature_penalty=1.0))) == 48


def test_where_no_configuration_is_of_the_track_that_is_said():
    with pytest.raises(ValueError, match="no configuration of the space is"):
        find_best(BOUND, TASKS, space(), rollouts=200, track=Track(oracle_access=OracleAccess.visible_score))
    assert find_best(BOUND, TASKS, space(), rollouts=200, track=PLAIN).truth.rollouts > 0


def test_scores_come_in_the_order_that_they_were_asked_in_whoever_played_them():
    baseline = space().baseline
    rollouts = tuple(draws(TASKS, range(2), 40, seed=1, purpose="a test"))
    told: list[int] = []
    with Simulations(BOUND, TASKS, advance=told.append) as here, Simulations(BOUND, TASKS, jobs=2) as elsewhere:
        wanted = [(baseline, rollouts), (baseline, rollouts[:3])]
        scores = here.scores(wanted)
        assert scores == elsewhere.scores(wanted)
        assert scores[1] == scores[0][:3]
        assert sum(told) == here.played == 83
        fresh = measured(here, baseline, epochs=5)
    assert fresh.rollouts == 10
