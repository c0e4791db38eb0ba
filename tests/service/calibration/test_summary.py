"""What the studies of a calibration say together."""

import pytest

from service.calibration.figures import Bounds, Labels, Reported, Value
from service.calibration.summary import summarise
from tests.service.calibration.making import calibration, organism, study


def test_the_share_recovered_is_of_what_lies_between_baseline_and_best():
    halfway, all_of_it = study(0, true=0.6), study(1, true=1.0)
    row, _ = summarise(calibration(organism("a", halfway, all_of_it, baseline=0.2, best=1.0)))
    assert row.recovered is not None
    assert row.recovered.mean == pytest.approx(0.75)
    assert row.recovered.low < 0.75 < row.recovered.high
    # A t interval of two values: half their difference, times the quantile with one degree of freedom.
    assert row.recovered.high - 0.75 == pytest.approx(6.3138 * 0.25, rel=1e-3)


def test_a_study_that_made_it_worse_recovers_less_than_nothing():
    row, _ = summarise(calibration(organism("a", study(true=0.1), baseline=0.2, best=1.0)))
    assert row.recovered.mean == pytest.approx(-0.125)


@pytest.mark.parametrize(("baseline", "best"), [(0.5, 0.5), (0.5, 0.52), (0.9, 0.925)])
def test_nothing_is_recovered_where_nothing_worth_finding_is_locked(baseline, best):
    row, everything = summarise(calibration(organism("flat", study(true=0.5), baseline=baseline, best=best)))
    assert not row.locked
    assert row.recovered is None
    assert everything.recovered is None


def test_an_interval_is_held_against_the_suite_and_against_the_held_out_tasks():
    inside, outside = study(0, true=0.7, reported=(0.8, 0.6, 1.0)), study(1, true=0.5, reported=(0.8, 0.6, 1.0))
    row, _ = summarise(calibration(organism("a", inside, outside)))
    assert (row.covered.hits, row.covered.of) == (1, 2)
    assert row.covered.interval.low == pytest.approx(0.0253, abs=1e-4)  # Clopper and Pearson's for 1 of 2
    off = inside.model_copy(update={"true_held_out": inside.true_held_out.model_copy(update={"mean": 0.5})})
    row, _ = summarise(calibration(organism("a", off)))
    assert (row.covered.hits, row.covered_held_out.hits) == (1, 0)


def test_a_lower_bound_above_the_true_best_does_not_hold():
    low, high = study(0, reported=(0.8, 0.6, 1.0)), study(1, reported=(0.95, 0.9, 1.0))
    row, _ = summarise(calibration(organism("a", low, high, best=0.85)))
    assert (row.lower_holds.hits, row.lower_holds.of) == (1, 2)


def test_upper_bounds_are_counted_where_they_are_claimed_and_nowhere_else():
    claims = [study(0, bounds=Bounds(lower=0.1, upper=0.9)), study(1, bounds=Bounds(lower=0.1, upper=0.7)), study(2)]
    row, _ = summarise(calibration(organism("a", *claims, best=0.8)))
    assert (row.upper_holds.hits, row.upper_holds.of) == (1, 2)
    row, _ = summarise(calibration(organism("a", study(0))))
    assert (row.upper_holds.of, row.upper_holds.interval) == (0, None)


def test_an_upper_bound_is_of_the_search_tasks_and_held_against_the_best_on_them():
    claim = study(0, bounds=Bounds(lower=0.1, upper=0.85))
    easier = organism("a", claim, best=0.9).model_copy(update={"best_on_search": Value(mean=0.8, error=0.01)})
    row, _ = summarise(calibration(easier))
    assert (row.upper_holds.hits, row.upper_holds.of) == (1, 1)
    row, _ = summarise(calibration(organism("a", claim, best=0.9)))  # as it was kept before: there is only the suite
    assert (row.upper_holds.hits, row.upper_holds.of) == (0, 1)


def test_every_clear_gain_is_false_where_there_is_nothing_to_find():
    claims = [study(0, true=0.51), study(1, true=0.49), study(2, true=0.5, gain_is_clear=False)]
    row, _ = summarise(calibration(organism("flat", *claims, baseline=0.5, best=0.51)))
    assert (row.clear_gains.hits, row.clear_gains.of) == (2, 3)
    assert (row.false_gains.hits, row.false_gains.of) == (2, 2)


def test_a_clear_gain_that_is_true_is_not_false():
    row, _ = summarise(calibration(organism("a", study(true=0.9), baseline=0.2)))
    assert (row.false_gains.hits, row.false_gains.of) == (0, 1)


def test_inflation_is_what_was_seen_less_what_is_true():
    one = study(true=0.7, reported=(0.75, 0.6, 0.9), search_best=0.95)
    row, _ = summarise(calibration(organism("a", one)))
    assert row.inflation_search.mean == pytest.approx(0.15)
    assert row.inflation_held_out.mean == pytest.approx(0.05)


def test_failures_without_a_trace_count_as_wrong_among_all_and_mixed_ones_nowhere():
    labels = Labels(failed=50, looked_at=20, mixed=4, unseen=6, code=5, code_class=8, by_cause={})
    row, _ = summarise(calibration(organism("a", study(labels=labels))))
    assert (row.labels.code_seen.hits, row.labels.code_seen.of) == (5, 10)
    assert (row.labels.class_seen.hits, row.labels.class_seen.of) == (8, 10)
    assert (row.labels.code_everything.hits, row.labels.code_everything.of) == (5, 16)


def test_over_all_every_organism_has_the_same_weight_in_a_mean_and_every_study_in_a_share():
    bad = Reported(mean=0.1, low=0.0, high=0.2)
    many = organism("many", *(study(seed, true=1.0) for seed in range(3)))
    few = organism("few", study(0, true=0.2).model_copy(update={"reported": bad}))
    *_, everything = summarise(calibration(many, few))
    assert everything.recovered.mean == pytest.approx(0.5)
    assert (everything.covered.hits, everything.covered.of) == (4, 4)


def test_an_unknown_price_makes_the_cost_unknown():
    row, _ = summarise(calibration(organism("a", study(0), study(1, usd=None))))
    assert row.cost.usd is None
