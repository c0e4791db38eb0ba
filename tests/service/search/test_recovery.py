"""The positive control of the search: an organism whose only handicap is the tool format.

The space is a part of the preset ``default``, as that was when the control was set up: 3,600 configurations, four formats. On the
whole preset (9,720 configurations, five formats) the same search, with as many rollouts, recovered it in 8 of the 10 seeds.

Ten fixed seeds are a regression test and no estimate. A first rung of 8 tasks missed three of them, and the default became 4
with that known, after trying seven settings on seeds 100-119. Over seeds 0-9 and 200-229 together the two miss three each.
"""

import math

import pytest

from search_spaces.space import Space
from service.search.problem import SearchProblem
from tests.playing import EVERYDAY, build, play
from unhobble.models.organism.traits import Traits
from unhobble.models.organism.truth import Simulator
from unhobble.records import TaskInfo
from unhobble.registry import installed
from unhobble.tasks.splits import split_tasks
from unhobble.vocabulary import PluginKind, Split

ROLLOUTS = 400
CONFIRMATION = 0.3  # the default share, which the search does not get
SEEDS = range(10)
SPACE = {
    "extends": "default",
    "without": {"tool_format": ["hermes"], "scaffold": ["reflexion", "retry_self_check"]},
    "fix": {"context": "full"},
    "dimensions": {"model.temperature": {"float": [0.0, 1.0], "step": 0.25}},
}
PLANTED = Traits(
    ability=4.0,
    slope=0.45,
    format_fluency={"xml_tags": 1.0, "json_fence": 0.6, "react_text": 0.55, "native": 0.35},
    default_fluency=0.5,
    format_confusion=1.5,
    rating_skill=0.0,
)


@pytest.mark.slow
def test_the_search_recovers_what_a_wrong_tool_format_locks_in_nine_of_ten_seeds():
    registry = installed()
    tasks = {task.id: task for task in registry.build(PluginKind.suite, "builtin/shell").tasks if task.id in EVERYDAY}
    simulator = Simulator(PLANTED, list(tasks.values()))
    splits = split_tasks(list(tasks.values()), 0.4)
    infos = [TaskInfo(id=t.id, family=t.family, human_minutes=t.human_minutes) for t in tasks.values()]
    space = Space.load(SPACE, registry)
    assert space.size() == 3_600

    # No configuration can do better than never to slip, because nothing but the format holds this organism back.
    odds = [PLANTED.aptitude(task.id, task.family, task.human_minutes) for task in tasks.values()]
    best = sum(1 / (1 + math.exp(-logit)) for logit in odds) / len(odds)
    assert simulator.true_success(space.baseline, epochs=10).mean < best - 0.3

    missed = []
    for seed in SEEDS:
        problem = SearchProblem(
            space=space,
            tasks=tuple(info for info in infos if splits[info.id] is Split.search),
            baseline=space.baseline,
            seed=seed,
            rollouts=round(ROLLOUTS * (1 - CONFIRMATION)),
        )
        strategy = build("tpe", problem)
        play(strategy, lambda c, t, e, seed=seed: simulator.simulate(c, tasks[t], epoch=e, seed=seed))
        truth = simulator.true_success(strategy.recommend()[0].configuration, epochs=40, seed=seed + 1000)
        if truth.mean < best - 0.05:
            missed.append((seed, truth.mean, dict(strategy.recommend()[0].configuration.root)))
    assert len(missed) <= 1, (best, missed)
