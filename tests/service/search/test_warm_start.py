"""Warm starts over a real store: what is refused at the door, what the search gets to know, and what the findings name."""

import random
from dataclasses import replace

import pytest

from service.plan import plan_study
from service.search.warm_start import earlier_studies
from service.studies import Studies
from tests.service.search.test_loop import RulePool, finished, is_xml, run, scored, study_spec
from tests.service.search.test_loop import store as store  # noqa: PLC0414  # the fixture
from tests.service.search.test_stopping import SMALL
from unhobble.analysis.report import Findings
from unhobble.errors import BadInput
from unhobble.registry import installed
from unhobble.spec import StudySpec
from unhobble.vocabulary import Phase, Split


def spec(*earlier: str, strategy: str = "pooled", **changes) -> StudySpec:
    search = {"strategy": strategy, "concurrency": 5, "warm_start": earlier} | changes.pop("search", {})
    return study_spec(**({"space": SMALL, "budget": {"rollouts": 120}, "search": search} | changes))


def learns_the_format() -> RulePool:
    """Success where the format is XML, in three of four rollouts."""
    rng = random.Random(0)
    return RulePool(lambda rollout: scored(rollout, float(is_xml(rollout).score == 1.0 and rng.random() < 0.75)))


async def completed(store, *earlier: str, **changes) -> str:
    study = store.create_study(spec(*earlier, **({} if earlier else {"strategy": "random"}), **changes)).id
    await run(store, study, learns_the_format())
    assert store.study(study).phase is Phase.completed
    return study


async def refused(store, document: StudySpec) -> list[str]:
    with pytest.raises(BadInput) as found:
        await Studies(store, installed()).validate(document.model_dump(mode="json"))
    return [issue.message for issue in found.value.issues if issue.path == "search.warm_start"]


async def test_a_warm_start_is_refused_at_the_door_where_there_is_nothing_to_start_from(store):
    waiting = store.create_study(spec()).id
    nothing = store.create_study(spec()).id
    store.transition(nothing, Phase.cancelled)
    unknown, queued, empty = await refused(store, spec("nowhere", waiting, nothing))
    assert "no study nowhere" in unknown
    assert f"study {waiting} is queued" in queued
    assert f"study {nothing} has no scored rollout" in empty


async def test_a_strategy_without_a_model_refuses_a_warm_start(store):
    study = await completed(store)
    (said,) = await refused(store, spec(study, strategy="random"))
    assert "random knows only what it tried" in said


@pytest.mark.parametrize("studies", [("a", "a"), tuple("abcde")])
def test_a_study_named_twice_or_a_fifth_one_is_refused(studies):
    with pytest.raises(ValueError, match="warm_start"):
        StudySpec.model_validate(spec().model_dump() | {"search": {"warm_start": studies}})


async def test_the_findings_name_what_they_rest_on_and_how_much(store):
    first = await completed(store)
    found = Findings.model_validate(store.study(await completed(store, first)).report)
    (rests_on,) = found.best_so_far.rests_on
    assert rests_on.study == first
    assert rests_on.weight > 0.3
    assert rests_on.rollouts == len(finished(store, first, split=Split.search))
    assert any(f"study {first} ({rests_on.rollouts} rollouts, weight {rests_on.weight:.2f})" in said for said in found.caveats)
    without = Findings.model_validate(store.study(first).report)
    assert without.best_so_far.rests_on == ()
    assert not any("warm-started" in said for said in without.caveats)


async def test_a_search_knows_nothing_of_the_tasks_that_it_holds_out(store):
    first = await completed(store)
    plan = plan_study(spec(first), installed())
    searched = {rollout.task for rollout in finished(store, first, split=Split.search)}
    (whole,) = earlier_studies(store, plan, installed())
    assert {outcome.task for outcome in whole.outcomes} == searched
    assert all(task.human_minutes > 0 and task.family for task in whole.tasks)
    held_out = min(searched)
    (less,) = earlier_studies(store, replace(plan, splits=plan.splits | {held_out: Split.held_out}), installed())
    assert {outcome.task for outcome in less.outcomes} == searched - {held_out}


async def test_a_killed_study_goes_on_with_its_warm_start_also_where_the_earlier_one_is_gone(store):
    first = await completed(store)
    study = store.create_study(spec(first)).id
    rng = random.Random(0)
    with pytest.raises(KeyboardInterrupt):
        await run(store, study, RulePool(lambda rollout: scored(rollout, float(rng.random() < 0.5)), die_after=30))
    before = {rollout.id for rollout in finished(store, study)}
    store.delete_study(first)
    await run(store, study, learns_the_format(), owner="another")
    assert store.study(study).phase is Phase.completed
    assert before <= {rollout.id for rollout in finished(store, study)}
    assert Findings.model_validate(store.study(study).report).best_so_far.rests_on == ()
