"""What every search strategy must do. A new one is tested by being there, unless what it is computed with is not installed."""

import pytest

from search_spaces.space import Space
from service.search.problem import SearchProblem
from tests.playing import TASKS, build, can_be_built, is_xml, outcome, play, problem
from unhobble.errors import BadInput
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind, TrialState

CONTINUOUS = {
    "name": "continuous",
    "dimensions": {
        "prompt": {"choice": ["plain", "methodical"]},
        "tool_format": {"choice": ["native", "xml_tags"]},
        "scaffold": {"choice": ["react", "best_of_n"]},
        "scaffold.attempts": {"int": [2, 4], "when": {"scaffold": ["best_of_n"]}},
        "model.temperature": {"float": [0.0, 1.0]},
        "model.top_p": {"float": [0.5, 1.0]},
        "limits.turns": {"int": [10, 160], "log": True},
    },
    "baseline": {
        "prompt": "plain",
        "tool_format": "native",
        "scaffold": "react",
        "model.temperature": 0.5,
        "model.top_p": 0.9,
        "limits.turns": 40,
    },
}


pytestmark = pytest.mark.parametrize("name", [name for name in installed().ids(PluginKind.strategy) if can_be_built(name)])


def continuous(*, rollouts: int = 150) -> SearchProblem:
    space = Space.load(CONTINUOUS, installed())
    return SearchProblem(space=space, tasks=TASKS, baseline=space.baseline, seed=0, rollouts=rollouts)


def warm(configuration, task="", epoch=0):
    """A partial score, the better the warmer."""
    return 0.25 + 0.5 * configuration.root["model.temperature"]


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
    done = play(build(name, problem("quick", rollouts=300)), is_xml)  # 16 configurations on 10 tasks: they are used up
    keys = [(r.trial, r.task, r.epoch) for r in done.requests]
    assert len(set(keys)) == len(keys)
    hashes = {}
    for r in done.requests:
        assert hashes.setdefault(r.configuration.hash, r.trial) == r.trial
    assert any(r.epoch > 0 for r in done.requests)


@pytest.mark.parametrize("at_once", [1, 64])
@pytest.mark.parametrize("rollouts", [5, 10, 11, 73])
def test_a_budget_of_any_size_is_used_to_the_last_rollout(name, rollouts, at_once):
    done = play(build(name, problem(rollouts=rollouts)), is_xml, at_once=at_once)
    assert len(done.requests) == rollouts


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


def test_what_was_under_way_when_the_process_died_is_asked_for_again_and_the_budget_stays_exact(name):
    at = problem(rollouts=200)
    first, flying, outcomes = build(name, at), [], []
    while len(outcomes) < 90:
        flying += first.propose(32 - len(flying))
        request = flying.pop(len(outcomes) % 3 % len(flying))  # they do not finish in the order in which they began
        lost = len(outcomes) % 17 == 5
        outcomes.append(outcome(request, None if lost else is_xml(request.configuration)))
        first.abandon(request) if lost else first.record(outcomes[-1])
    stored = {r.trial: r.configuration for r in (*outcomes, *flying)}
    second = build(name, at)
    for number in sorted(stored):
        second.adopt(number, stored[number])
    for told in outcomes:
        second.record(told)
    scored = sum(told.score is not None for told in outcomes)
    after = play(second, is_xml, at_once=32)
    assert scored + len(after.requests) == 200
    done = {(o.trial, o.task, o.epoch) for o in outcomes}
    assert not done & {(r.trial, r.task, r.epoch) for r in after.requests}
    assert all(stored.get(r.trial, r.configuration) == r.configuration for r in after.requests)
    numbers = stored | {r.trial: r.configuration for r in after.requests}
    assert len(set(numbers.values())) == len(numbers)


def test_the_order_of_outcomes_does_not_change_what_a_rollout_costs(name):
    """With all places taken, the last to begin may be the first to finish."""
    strategy, flying, told = build(name, problem(rollouts=200)), [], 0
    while True:
        flying += strategy.propose(64 - len(flying))
        if not flying:
            break
        request = flying.pop()
        strategy.record(outcome(request, is_xml(request.configuration)))
        told += 1
    assert told == 200
    assert strategy.recommend()[0].configuration.root["tool_format"] == "xml_tags"


def test_a_continuum_is_searched_or_refused_at_the_door(name):
    at = continuous()
    if name == "grid":
        with pytest.raises(BadInput, match=r"model\.temperature, model\.top_p is a continuum"):
            build(name, at)
        return
    done = play(build(name, at), warm, at_once=8)
    assert len(done.requests) == 150
    assert all(at.space.contains(r.configuration) == [] for r in done.requests)
    assert len({r.configuration.root["model.temperature"] for r in done.requests}) > 3


def test_dimensions_are_set_only_where_their_conditions_hold_and_then_vary(name):
    done = play(build(name, problem(rollouts=300)), is_xml)
    attempts = {r.configuration.root.get("scaffold.attempts") for r in done.requests}
    assert {None} < attempts


def test_partial_scores_are_believed_as_they_are(name):
    if name == "grid":
        return
    strategy = build(name, continuous(rollouts=250))
    play(strategy, warm, at_once=8)
    best = strategy.recommend()[0]
    assert best.configuration.root["model.temperature"] > 0.6
    assert best.mean == pytest.approx(warm(best.configuration), abs=0.2)


def test_the_baseline_is_never_dropped(name):
    strategy = build(name, problem(rollouts=250))
    play(strategy, lambda configuration, task, epoch: float(configuration != problem().baseline))
    assert strategy.trial_state(0) is not TrialState.pruned


def test_a_clear_difference_is_found_and_the_claim_is_not_certain(name):
    strategy = build(name, problem(rollouts=250))
    play(strategy, is_xml)
    best = strategy.recommend(3)
    assert best[0].configuration.root["tool_format"] == "xml_tags"
    assert best[0].low < best[0].mean < best[0].high <= 1
    assert [r.mean for r in best] == sorted((r.mean for r in best), reverse=True)


def test_nothing_is_recommended_from_nothing(name):
    assert build(name, problem()).recommend() == []
