"""A study that is played without a database is the study that would have been stored."""

import asyncio

import pytest

from service.calibration.judging import bounds_of, judge_study, search_best_of
from service.calibration.labels import LOOKED_AT
from service.calibration.played import PlayedStudy, play_study
from service.calibration.subjects import Course, Subject
from service.calibration.truths import Truths
from service.db import open_store
from service.paging import all_rollouts
from service.plan import StudyPlan
from tests.service.search.test_loop import RulePool
from tests.service.search.test_loop import run as run_study
from unhobble.analysis.report import Findings
from unhobble.models.organism.traits import Traits
from unhobble.models.organism.truth import Simulator
from unhobble.records import RolloutFilter
from unhobble.registry import installed
from unhobble.results import Identity, RolloutResult
from unhobble.spec import RolloutSpec
from unhobble.transcript import Transcript
from unhobble.vocabulary import RolloutState, Split

HALF = Traits(ability=2.0, slope=0.5, format_fluency={"xml_tags": 1.0}, default_fluency=0.5, format_confusion=1.5)
SUBJECT = Subject("half", HALF)
COURSE = Course(space="tool-formats", rollouts=240)


def set_up(seed: int = 0) -> tuple[StudyPlan, Simulator]:
    plan = COURSE.plan(SUBJECT, seed, installed())
    return plan, Simulator(HALF, plan.chosen, limits=plan.spec.limits)


@pytest.fixture(scope="module")
def played() -> PlayedStudy:
    return play_study(*set_up(), installed())


def test_it_finds_what_the_loop_finds_over_a_real_store(played, tmp_path):
    plan, simulator = set_up()
    tasks = {task.id: task for task in plan.chosen}

    def simulate(spec: RolloutSpec) -> RolloutResult:
        found = simulator.played(spec.configuration, tasks[spec.task], spec.seed)
        return RolloutResult(
            rollout_id=spec.id,
            score=found.score,
            label=found.label,
            submission=found.submission,
            identity=Identity(asked=spec.model.id, simulated=True),
            spend=found.spend,
            sandbox="fake",
            transcript=Transcript(),
        )

    with open_store(f"sqlite:///{tmp_path / 'unhobble.db'}") as store:
        study = store.create_study(plan.spec).id
        asyncio.run(run_study(store, study, RulePool(simulate), plan=plan))
        stored = Findings.model_validate(store.study(study).report)
        rollouts = list(all_rollouts(store, study, RolloutFilter(state=RolloutState.finished)))
    assert stored.confirmed == played.confirmed
    assert stored.outlook == played.outlook
    asked = [(r.trial, r.task, r.epoch, r.score) for r in rollouts]
    assert asked == [(r.trial, r.task, r.epoch, r.score) for r in played.rollouts]


def test_it_spends_its_budget_and_never_plays_a_held_out_task_in_the_search(played):
    held_out = {task.id for task in played.plan.tasks(Split.held_out)}
    assert len(played.rollouts) <= COURSE.rollouts
    assert len(played.rollouts) > COURSE.rollouts - len(held_out) * (1 + played.plan.spec.search.finalists)
    assert all((rollout.task in held_out) == (rollout.split is Split.held_out) for rollout in played.rollouts)


def test_the_highest_mean_of_the_search_is_of_a_trial_that_played_every_task(played):
    observed, configuration = search_best_of(played)
    rows = [r for r in played.rollouts if r.split is Split.search and r.configuration == configuration]
    assert {r.task for r in rows} == {task.id for task in played.plan.tasks(Split.search)}
    assert observed == pytest.approx(sum(r.score == 1.0 for r in rows) / len(rows))


def test_the_bounds_are_those_that_the_report_gives(played):
    bounds = bounds_of(played.confirmed, played.outlook)
    assert bounds.lower == played.confirmed.best.rate.low
    assert bounds.upper == played.outlook.upper_limit > bounds.lower
    assert bounds_of(played.confirmed, None).upper is None


@pytest.mark.slow
def test_a_study_is_held_against_the_truth_of_what_it_recommends():
    plan, simulator = set_up(seed=1)
    figures = judge_study(plan, simulator, installed(), Truths(simulator, plan))
    again = judge_study(plan, simulator, installed(), Truths(simulator, plan))
    assert figures.model_copy(update={"cpu_s": 0.0}) == again.model_copy(update={"cpu_s": 0.0})
    # Where every call is well-formed, success is what the aptitudes give, and that is what xml_tags has here.
    if figures.recommended["tool_format"] == "xml_tags":
        odds = [HALF.aptitude(task.id, task.family, task.human_minutes) for task in plan.chosen]
        least = sum(HALF.p_success(o, features=set(), locked=False, temperature=0, unreadable=0, tokens=0) for o in odds) / len(
            odds
        )
        assert figures.true_value.mean > least - 4 * figures.true_value.error
    assert figures.labels.looked_at == min(LOOKED_AT, figures.labels.failed)
    counted = figures.labels.mixed + figures.labels.unseen + figures.labels.code
    assert counted <= figures.labels.looked_at


@pytest.mark.slow
def test_the_truth_is_of_rollouts_that_no_study_has_seen():
    plan, simulator = set_up()
    truths = Truths(simulator, plan)
    whole = truths.value(plan.baseline)
    assert whole == truths.value(plan.baseline)
    parts = [truths.value(plan.baseline, split) for split in Split]
    sizes = [len(plan.tasks(split)) for split in Split]
    assert whole.mean == pytest.approx(sum(p.mean * n for p, n in zip(parts, sizes, strict=True)) / sum(sizes))
    assert truths.value(plan.baseline, rollouts=2_000).error < whole.error
