"""What single strategies promise beyond the contract."""

import importlib.util
from collections import Counter
from itertools import groupby

import pytest

from search_spaces.space import Space
from service.search.proposing import Proposer, tpe_sampler
from service.search.strategies.halving import bracket
from tests.playing import TASKS, build, is_xml, play, problem
from unhobble.errors import BadInput
from unhobble.registry import installed
from unhobble.vocabulary import TrialState


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_without_a_race_every_configuration_has_every_task_and_none_is_dropped(name):
    strategy = build(name, problem(rollouts=200), race=False)
    done = play(strategy, is_xml, at_once=1)
    passes = [[r.task for r in requests] for _, requests in groupby(done.requests, key=lambda r: (r.trial, r.epoch))]
    assert len(passes) == 20
    assert all(sorted(tasks) == sorted(task.id for task in TASKS) for tasks in passes)
    assert {strategy.trial_state(r.trial) for r in done.requests} == {TrialState.complete}


@pytest.mark.parametrize("name", ["tpe_wilcoxon", "tpe_hyperband"])
def test_a_pruner_drops_trials_before_their_last_task(name):
    strategy = build(name, problem(rollouts=300))
    done = play(strategy, is_xml, at_once=1)
    of_trial = Counter(r.trial for r in done.requests)
    pruned = [number for number in of_trial if strategy.trial_state(number) is TrialState.pruned]
    assert len(pruned) > 5
    assert any(of_trial[number] < len(TASKS) for number in pruned)
    assert strategy.trial_state(strategy.recommend()[0].trial) is TrialState.complete


@pytest.mark.parametrize("name", ["tpe_wilcoxon", "tpe_hyperband"])
def test_contenders_get_further_epochs_where_that_is_asked_for(name):
    done = play(build(name, problem(rollouts=300), contenders_fraction=0.4), is_xml, at_once=32)
    assert any(r.epoch > 0 for r in done.requests)
    assert len(done.requests) == 300


def test_tasks_of_one_trial_are_under_way_only_as_far_ahead_as_is_said():
    strategy = build("tpe_wilcoxon", problem(rollouts=300), ahead=3)
    first = strategy.propose(40)
    assert Counter(r.trial for r in first) == {0: 10} | dict.fromkeys(range(1, 11), 3)


@pytest.mark.parametrize(
    ("budget", "first", "factor", "most"), [(960, 4, 2, None), (200, 1, 3, 9720), (290, 2, 2, 16), (5, 4, 2, None)]
)
def test_a_bracket_fits_its_budget(budget, first, factor, most):
    arms, rungs = bracket(budget, first, factor, most)
    cost, left, before = 0, arms, 0
    for rung in rungs:
        cost, left, before = cost + left * (rung - before), -(-left // factor), rung
    assert arms <= (most or arms)
    assert left == 1
    assert cost <= budget or arms == 2
    assert rungs == [rungs[0] * factor**place for place in range(len(rungs))]


def test_a_grid_walks_through_the_whole_space_before_it_repeats_anything():
    space = Space.load("quick", installed())
    done = play(build("grid", problem("quick", rollouts=space.size() * len(TASKS) + 7)), is_xml, at_once=1)
    first, rest = done.requests[:-7], done.requests[-7:]
    assert {r.configuration for r in first} == set(space.enumerate())
    assert {r.epoch for r in first} == {0}
    assert {r.epoch for r in rest} == {1}


def test_a_grid_of_a_space_too_large_to_hold_does_not_hold_it():
    done = play(build("grid", problem("maximal", rollouts=60)), lambda *_: 0.0)
    assert len({r.configuration for r in done.requests}) == 6


def test_gp_is_refused_with_what_to_install_where_pytorch_is_missing():
    if importlib.util.find_spec("torch"):
        assert play(build("gp", problem(rollouts=200)), is_xml, at_once=1).requests
    else:
        with pytest.raises(BadInput, match=r"pip install 'unhobble\[gp\]'"):
            build("gp", problem())


def test_a_flat_trial_of_a_configuration_is_the_same_whatever_was_drawn_for_what_it_does_not_set():
    space = Space.load("default", installed())
    proposer = Proposer(space, 0, tpe_sampler(50), flat=True)
    drawn = [proposer.draw({}) for _ in range(40)]
    assert all(set(proposal.params) == {dimension.path for dimension in space.dimensions} for _, proposal in drawn)
    unset = {proposal.params["scaffold.attempts"] for c, proposal in drawn if "scaffold.attempts" not in c.root}
    assert unset == {3}
    assert {proposal.params["scaffold.attempts"] for c, proposal in drawn if "scaffold.attempts" in c.root} > {3}
