import random

import pytest

from unhobble.analysis.capability import paired_difference
from unhobble.analysis.power import (
    UNKNOWN,
    Variances,
    detectable,
    epochs_needed,
    plan_confirmation,
    tasks_needed,
    variances_seen,
)
from unhobble.analysis.report import LEVEL


def plan(**changes):
    given = {"effect": 0.2, "power": 0.8, "tasks": 60, "arms": 4, "attempts": 2, "most": 1_000, "otherwise": 600}
    return plan_confirmation(**(given | changes))


def test_many_tasks_are_planned_by_the_published_formula():
    """Miller 2024: (z + z)² w / d² tasks; with w = 1/9, d = 0.03, an interval of 90 % and a power of 80 % it is 764."""
    assert tasks_needed(0.03, Variances(between=1 / 9, within=0), epochs=1, power=0.8, compared=1) == 764


def test_the_epochs_that_are_needed_are_the_first_that_tell_the_effect():
    epochs = epochs_needed(0.2, UNKNOWN, tasks=60, power=0.8, compared=3)
    assert epochs is not None
    assert epochs > 1
    told = [detectable(UNKNOWN, tasks=60, epochs=n, power=0.8, compared=3) for n in (epochs - 1, epochs)]
    assert told[1] <= 0.2 < told[0]


def test_no_number_of_epochs_makes_up_for_too_few_tasks():
    assert epochs_needed(0.2, UNKNOWN, tasks=10, power=0.8, compared=1) is None
    assert detectable(UNKNOWN, tasks=10, epochs=10_000, power=0.8, compared=1) > 0.2
    assert epochs_needed(0.2, UNKNOWN, tasks=1, power=0.8, compared=1) is None


@pytest.mark.parametrize(("tasks", "epochs"), [(8, 3), (30, 2)])
def test_a_gain_that_is_said_to_be_told_with_80_percent_is_told_so_often_by_the_interval_of_the_findings(tasks, epochs):
    rng = random.Random(1)
    chances = [0.1 + 0.4 * task / (tasks - 1) for task in range(tasks)]
    gain = 0.3
    for _ in range(20):  # the variance within depends on the gain, and the gain that is told on the variance
        within = sum(p * (1 - p) + (p + gain) * (1 - p - gain) for p in chances) / tasks
        gain = detectable(Variances(between=0, within=within), tasks=tasks, epochs=epochs, power=0.8, compared=1)
    assert gain < 0.5
    told, studies = 0, 1_000
    for _ in range(studies):
        best, baseline = (
            {str(task): [float(rng.random() < p + more) for _ in range(epochs)] for task, p in enumerate(chances)}
            for more in (gain, 0.0)
        )
        told += paired_difference(best, baseline, level=LEVEL).low > 0
    assert told / studies == pytest.approx(0.8, abs=0.05)


def test_more_finalists_and_more_power_take_more():
    few, many = (detectable(UNKNOWN, tasks=30, epochs=2, power=0.8, compared=n) for n in (1, 5))
    assert few < many < detectable(UNKNOWN, tasks=30, epochs=2, power=0.95, compared=5)


def test_the_variances_of_a_search_come_near_the_true_ones_and_few_rollouts_stay_near_what_is_assumed():
    rng = random.Random(2)
    chances = [(rng.random() * 0.5, rng.random() * 0.5 + 0.5) for _ in range(3_000)]

    def scores(which: int, tasks: int):
        return {str(t): [float(rng.random() < chances[t][which]) for _ in range(3)] for t in range(tasks)}

    seen = variances_seen(scores(1, 3_000), scores(0, 3_000))
    assert seen.between == pytest.approx(2 / 48, abs=0.01)
    assert seen.within == pytest.approx(2 * (1 / 4 - 1 / 12), abs=0.01)
    assert variances_seen({"a": [1.0]}, {"a": [0.0]}).between > 0.05
    flawless = {str(t): [1.0, 1.0] for t in range(30)}, {str(t): [0.0, 0.0] for t in range(30)}
    assert 0 < variances_seen(*flawless).within < UNKNOWN.within / 10


def test_enough_is_planned_and_no_more():
    planned = plan(tasks=120)
    assert planned.tells
    assert planned.warning is None
    assert planned.epochs == planned.epochs_needed
    assert planned.rollouts == 120 * (4 * planned.epochs + max(0, 2 - planned.epochs))


def test_what_cannot_be_told_is_said_with_what_it_would_take():
    by_budget = plan(most=300, otherwise=300)
    assert not by_budget.tells
    assert by_budget.epochs_needed is not None
    assert f"{by_budget.epochs_needed} epochs" in by_budget.warning
    by_tasks = plan(tasks=10)
    assert by_tasks.epochs_needed is None
    assert f"about {by_tasks.tasks_needed} held-out tasks" in by_tasks.warning
    assert "no gain, however large" in plan(tasks=2, most=20, otherwise=20).words
    assert "no gain, however large" in plan(tasks=1, most=20, otherwise=20).words


@pytest.mark.parametrize(
    ("most", "otherwise", "arms", "rollouts"),
    [(100, 120, 2, 120), (100, 180, 3, 180), (100, 299, 4, 240), (299, 240, 4, 240), (300, 240, 4, 300)],
)
def test_the_last_finalists_go_before_an_epoch_does_and_a_second_attempt_needs_room_of_its_own(most, otherwise, arms, rollouts):
    planned = plan(most=most, otherwise=otherwise)
    assert (planned.arms, planned.rollouts, planned.epochs) == (arms, rollouts, 1)


def test_a_fixed_share_is_used_whatever_it_takes():
    assert plan(tasks=120, otherwise=5_000, fixed=True).rollouts > plan(tasks=120).rollouts
