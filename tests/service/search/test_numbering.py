"""Numbers of trials in the store and in a strategy are kept apart, and never clash."""

import pytest

from service.search.numbering import NumberedStrategy
from tests.playing import TASKS, build, can_be_built, is_xml, outcome, play, problem
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind, TrialState

pytestmark = pytest.mark.parametrize("name", [name for name in installed().ids(PluginKind.strategy) if can_be_built(name)])


def test_without_retired_trials_nothing_is_changed(name):
    at = problem(rollouts=120)
    bare = play(build(name, at), is_xml)
    numbered = play(NumberedStrategy(build(name, at), at.baseline), is_xml)
    assert bare.requests == numbered.requests


def test_a_study_whose_every_trial_is_retired_begins_again_under_free_numbers(name):
    at = problem(rollouts=120)
    strategy = NumberedStrategy(build(name, at), at.baseline, taken=range(5))
    done = play(strategy, is_xml)
    numbers = sorted({r.trial for r in done.requests})
    assert numbers[0] >= 5
    of_baseline = [r for r in done.requests if r.trial == strategy.baseline]
    assert {r.configuration for r in of_baseline} == {at.baseline}
    assert {r.task for r in of_baseline} == {task.id for task in TASKS}
    assert {r.trial for r in strategy.recommend(3)} <= set(numbers)


def test_a_retired_baseline_is_run_again_on_every_task_beside_the_trials_that_still_count(name):
    at = problem(rollouts=160)
    before = play(build(name, at), is_xml, most=80)
    configuration_of = {r.trial: r.configuration for r in before.requests}
    retired = {0, max(configuration_of) - 1}
    strategy = NumberedStrategy(build(name, at), at.baseline, taken=configuration_of)
    for number in sorted(configuration_of.keys() - retired):
        strategy.adopt(number, configuration_of[number])
    strategy.adopt_baseline()
    for told in before.outcomes:
        if told.trial not in retired:
            strategy.record(told)
    after = play(strategy, is_xml)
    assert strategy.baseline == max(configuration_of) + 1
    assert not retired & {r.trial for r in after.requests}
    assert {r.task for r in after.requests if r.trial == strategy.baseline} == {task.id for task in TASKS}
    for request in after.requests:
        assert configuration_of.setdefault(request.trial, request.configuration) == request.configuration
        assert isinstance(strategy.trial_state(request.trial), TrialState)
    asked = [(r.trial, r.task, r.epoch) for r in [*before.requests, *after.requests]]
    assert len(set(asked)) == len(asked)


def test_a_baseline_that_became_another_one_keeps_the_number_of_the_old_one_for_the_old_one(name):
    at = problem(rollouts=60)
    old = next(c for c in at.space.enumerate() if c != at.baseline)
    strategy = NumberedStrategy(build(name, at), at.baseline, taken=[0, 1])
    strategy.adopt(0, old)
    strategy.adopt(1, next(c for c in at.space.enumerate() if c not in (old, at.baseline)))
    strategy.adopt_baseline()
    requests = strategy.propose(30)
    assert {r.configuration for r in requests if r.trial == 0} <= {old}
    assert {r.configuration for r in requests if r.trial == strategy.baseline} == {at.baseline}
    for request in requests:
        strategy.record(outcome(request, 1.0))
