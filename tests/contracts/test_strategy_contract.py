"""What every search strategy must do. A new one is tested by being there."""

import pytest

from tests.playing import TASKS, build, is_xml, outcome, play, problem
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind

pytestmark = pytest.mark.parametrize("name", installed().ids(PluginKind.strategy))


def test_the_first_trial_is_the_baseline_on_every_task(name):
    at = problem()
    done = play(build(name, at), is_xml, at_once=1)
    first = [r for r in done.requests if r.trial == 0][: len(TASKS)]
    assert all(r.configuration == at.baseline for r in first)
    assert {r.task for r in first} == {task.id for task in TASKS}


def test_the_budget_is_used_and_never_passed(name):
    done = play(build(name, problem(rollouts=150)), is_xml, at_once=7)
    assert len(done.requests) == 150


def test_no_rollout_is_asked_for_twice_and_a_repeat_is_another_epoch_of_the_same_trial(name):
    done = play(build(name, problem("tool-formats", rollouts=300)), is_xml)
    keys = [(r.trial, r.task, r.epoch) for r in done.requests]
    assert len(set(keys)) == len(keys)
    hashes = {}
    for r in done.requests:
        assert hashes.setdefault(r.configuration.hash, r.trial) == r.trial
    assert any(r.epoch > 0 for r in done.requests)


def test_a_strategy_that_says_so_forecasts_and_any_other_does_not(name):
    strategy = build(name, problem("tool-formats", rollouts=150))
    play(strategy, is_xml)
    assert strategy.forecasts == (strategy.outlook() is not None)


def test_every_configuration_is_in_the_space(name):
    at = problem()
    done = play(build(name, at), is_xml)
    assert all(at.space.contains(r.configuration) == [] for r in done.requests)


def test_the_same_seed_and_outcomes_give_the_same_proposals_and_another_seed_does_not(name):
    keys = [
        [(r.configuration.hash, r.task, r.epoch) for r in play(build(name, problem(seed=seed)), is_xml).requests]
        for seed in (1, 1, 2)
    ]
    assert keys[0] == keys[1] != keys[2]


def test_a_rollout_without_a_score_neither_counts_nor_blocks(name):
    strategy = build(name, problem(rollouts=100))
    requests, scored = strategy.propose(5), 0
    while requests:
        for place, request in enumerate(requests):
            if place == 0 and request.epoch == 0 and request.trial % 3 == 0:
                strategy.abandon(request)
            else:
                strategy.record(outcome(request, is_xml(request.configuration)))
                scored += 1
        requests = strategy.propose(5)
    assert scored == 100
    assert strategy.recommend()[0].rollouts > 0


def test_a_replayed_search_goes_on_without_repeating_anything(name):
    at = problem(rollouts=160)
    before = play(build(name, at), is_xml, most=80)
    resumed = build(name, at)
    for trial in sorted({r.trial for r in before.requests}):
        resumed.adopt(trial, next(r.configuration for r in before.requests if r.trial == trial))
    for told in before.outcomes:
        resumed.record(told)
    after = play(resumed, is_xml)
    first = {(r.trial, r.task, r.epoch) for r in before.requests}
    assert not first & {(r.trial, r.task, r.epoch) for r in after.requests}
    assert len(after.requests) == 80
    of_trial = {r.trial: r.configuration for r in before.requests}
    assert all(of_trial.get(r.trial, r.configuration) == r.configuration for r in after.requests)


def test_a_clear_difference_is_found_and_the_claim_is_not_certain(name):
    strategy = build(name, problem(rollouts=250))
    play(strategy, is_xml)
    best = strategy.recommend(3)
    assert best[0].configuration.root["tool_format"] == "xml_tags"
    assert best[0].low < best[0].mean < best[0].high <= 1
    assert [r.mean for r in best] == sorted((r.mean for r in best), reverse=True)


def test_nothing_is_recommended_from_nothing(name):
    assert build(name, problem()).recommend() == []
