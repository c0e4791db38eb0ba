"""The confirmation: planned from power, planned anew after the search, and the baseline resampled for what the best costs."""

import random

import pytest

from service.plan import plan_study
from service.search.confirmation import Confirmation
from tests.playing import TASKS
from tests.service.search.test_loop import RulePool, finished, is_xml, run, scored, study_spec
from tests.service.search.test_loop import store as store  # noqa: PLC0414  # the fixture
from tests.service.test_advantage_door import space
from unhobble.analysis.power import plan_confirmation
from unhobble.analysis.report import Findings
from unhobble.configuration import Configuration
from unhobble.errors import BadInput
from unhobble.records import Outcome
from unhobble.registry import installed
from unhobble.tracks import PLAIN
from unhobble.vocabulary import Phase, Split

BEST, BASELINE = (1, Configuration({"a": 1})), (0, Configuration({"a": 0}))


def plan(**changes):
    return plan_study(study_spec(**changes), installed())


# --- beforehand -------------------------------------------------------------------------------------------------------------
def test_the_budget_is_split_by_what_the_declared_effect_takes():
    modest, bold = (
        plan(budget={"rollouts": 3_000}, search={"strategy": "random", "confirm": {"effect": effect}}) for effect in (0.6, 0.45)
    )
    for planned in (modest, bold):
        assert planned.confirmation.tells
        assert planned.confirm_rollouts == planned.confirmation.rollouts
        assert planned.search_rollouts + planned.confirm_rollouts == 3_000
    assert modest.confirm_rollouts < bold.confirm_rollouts


def test_what_cannot_be_told_on_these_tasks_does_not_eat_the_search():
    planned = plan(budget={"rollouts": 400})
    assert planned.confirmation.epochs_needed is None
    assert planned.confirmation.warning
    assert planned.confirm_rollouts <= 0.4 * 400


@pytest.mark.parametrize("rollouts", [45, 120, 1_000])
@pytest.mark.parametrize("effect", [0.05, 0.4, 0.9])
def test_the_search_always_keeps_about_half_and_every_task_once(rollouts, effect):
    planned = plan(budget={"rollouts": rollouts}, search={"strategy": "random", "confirm": {"effect": effect}})
    assert planned.search_rollouts >= len(planned.tasks(Split.search))
    assert planned.confirm_rollouts >= 2 * len(planned.tasks(Split.held_out))
    assert planned.confirm_rollouts <= max(rollouts / 2, 2 * len(planned.tasks(Split.held_out)))


def test_a_declared_share_is_kept_as_declared():
    planned = plan(budget={"rollouts": 400}, search={"strategy": "random", "confirm_fraction": 0.6})
    assert planned.confirm_rollouts == 240
    assert planned.confirmation.rollouts <= 240


def test_every_track_of_the_space_gets_room_for_its_finalist():
    without, with_them = (
        plan(space=space(tool_format=["native", "xml_tags"], advantage__attempts=attempts), budget={"rollouts": 3_000})
        for attempts in ([1], [1, 3])
    )
    assert with_them.confirmation.arms == without.confirmation.arms + 1


def test_a_budget_too_small_for_every_task_once_is_refused_with_the_least_that_does():
    with pytest.raises(BadInput, match=r"\d+ rollouts at least") as refused:
        plan(budget={"rollouts": 20})
    least = int(str(refused.value).split(" rollouts at least")[0].split()[-1])
    plan(budget={"rollouts": least})


# --- planned anew -----------------------------------------------------------------------------------------------------------
def confirmed(store, study):
    return Findings.model_validate(store.study(study).report).confirmed


async def test_a_search_that_saw_little_spread_lets_the_confirmation_do_with_less(store):
    budget = {"rollouts": 800}
    effect = {"effect": 0.35}
    before = plan(budget=budget, search={"strategy": "random", "confirm": effect})
    study = store.create_study(study_spec(budget=budget, search={"strategy": "random", "confirm": effect})).id
    await run(store, study, RulePool(is_xml))
    after = confirmed(store, study).plan
    assert after.from_search
    assert not before.confirmation.tells
    assert after.tells
    assert after.rollouts < before.confirmation.rollouts
    assert len(finished(store, study, split=Split.held_out)) == after.rollouts
    assert store.study(study).phase is Phase.completed


async def test_a_search_that_saw_much_spread_is_not_confirmed_beyond_what_was_kept(store):
    rng = random.Random(3)
    study = store.create_study(study_spec(budget={"rollouts": 300})).id
    await run(store, study, RulePool(lambda rollout: scored(rollout, float(rng.random() < 0.5))))
    seen = confirmed(store, study)
    assert not seen.plan.tells
    assert any(caveat.startswith("The confirmation was small") for caveat in store.study(study).report["caveats"])
    assert len(finished(store, study, split=Split.held_out)) <= plan(budget={"rollouts": 300}).confirm_rollouts


# --- resampling -------------------------------------------------------------------------------------------------------------
def dear(ratio: float, chance: float = 0.5):
    """xml_tags solves everything and costs ``ratio`` times as much as the rest, which solves every task now and then."""
    rng = random.Random(1)

    def rule(rollout):
        if rollout.configuration.root["tool_format"] == "xml_tags":
            return scored(rollout, 1.0, usd=0.01 * ratio)
        return scored(rollout, float(rng.random() < chance), usd=0.01)

    return rule


async def test_the_baseline_gets_as_many_attempts_as_the_best_one_s_spend_buys(store):
    study = store.create_study(study_spec(budget={"rollouts": 300})).id
    await run(store, study, RulePool(dear(1.5)))
    seen = confirmed(store, study)
    assert (seen.resampled.matched, seen.resampled.attempts, seen.resampled.unit) == (2, 2, "usd")
    assert seen.resampled.cost_ratio == pytest.approx(1.5)
    rows = [r for r in finished(store, study, split=Split.held_out) if r.trial == seen.baseline.trial]
    assert len(rows) == 2 * seen.tasks
    assert {r.epoch for r in rows} == {0, 1}
    # The further attempts serve this comparison alone.
    assert seen.baseline.rate.rollouts == seen.best.rate.rollouts == seen.epochs * seen.tasks
    assert seen.baseline.rate.mean < seen.resampled.rate.mean <= 1
    assert seen.resampled.difference.mean == pytest.approx(1 - seen.resampled.rate.mean)
    assert store.study(study).progress.rollouts_finished <= 300


async def test_a_scaffold_that_resampling_matches_is_not_said_to_beat_it(store):
    study = store.create_study(study_spec(budget={"rollouts": 400})).id
    await run(store, study, RulePool(dear(8, chance=0.7)))
    seen = confirmed(store, study)
    assert seen.gain_is_clear
    assert seen.resampled.verdict != "yes"
    assert any("not shown to beat plain resampling" in caveat for caveat in store.study(study).report["caveats"])


async def test_a_best_that_costs_no_more_needs_no_further_attempts(store):
    study = store.create_study(study_spec(budget={"rollouts": 300})).id
    await run(store, study, RulePool(dear(0.5)))
    seen = confirmed(store, study)
    assert (seen.resampled.matched, seen.resampled.attempts) == (1, 1)
    assert seen.resampled.rate.mean == pytest.approx(seen.baseline.rate.mean)
    assert len(finished(store, study, split=Split.held_out)) == seen.plan.rollouts


async def test_a_budget_that_does_not_reach_for_all_attempts_says_so(store):
    study = store.create_study(study_spec(budget={"rollouts": 120})).id
    await run(store, study, RulePool(dear(20)))
    seen = confirmed(store, study)
    assert seen.resampled.matched == 20
    assert 1 <= seen.resampled.attempts < 20
    assert any("was given less than" in caveat for caveat in store.study(study).report["caveats"])
    assert store.study(study).progress.rollouts_finished <= 120


async def test_a_study_killed_while_the_baseline_is_resampled_goes_on_with_it(store):
    study, whole = (store.create_study(study_spec(budget={"rollouts": 300})).id for _ in range(2))
    await run(store, whole, RulePool(dear(6, chance=0.0)))
    done = len(finished(store, whole))
    with pytest.raises(KeyboardInterrupt):
        await run(store, study, RulePool(dear(6, chance=0.0), die_after=done - 5))
    second = RulePool(dear(6, chance=0.0))
    await run(store, study, second)
    assert len(second.submitted) == 5
    assert confirmed(store, study) == confirmed(store, whole)


def test_further_attempts_wait_for_everything_else_and_count_an_abandoned_rollout_as_settled():
    planned = plan_confirmation(effect=0.2, power=0.8, tasks=len(TASKS), arms=2, attempts=3, most=1_000, otherwise=40, fixed=True)
    made = Confirmation(BASELINE, {PLAIN: [BEST]}, TASKS, planned, rollouts=60, seed=0)
    first = made.propose(1_000)
    assert len(first) == 2 * len(TASKS) * planned.epochs
    assert made.propose(1_000) == []
    for request in first[:-1]:
        cost = 0.03 if request.trial == 1 else 0.01
        made.record(Outcome(**dict(request), score=float(request.trial), cost_usd=cost, tokens=10))
        assert made.propose(1_000) == []
    made.abandon(first[-1])
    further = made.propose(1_000)
    assert {request.trial for request in further} == {0}
    assert {request.epoch for request in further} == set(range(planned.epochs, 3))
    assert made.propose(1_000) == []
