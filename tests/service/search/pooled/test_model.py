"""The posterior against the same one computed without short cuts, and in the corners where there is little or much of something."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from service.search.pooled.model import Cells, Parts, Posterior, Variances, fit, task_prior
from tests.service.search.pooled.exactly import CELL, Exact, prior_of_tasks

NINE, SIX = 9, 6
LOG_MINUTES = np.array([0.0, 1.0, 1.0, 3.5, 6.0, 2.0])
VARIANCES = replace(Variances.begin(2), task=0.7)


def kernel_of(configurations: int, seed: int = 0):
    some = np.random.default_rng(seed).standard_normal((configurations, 4))
    return 0.4 * some @ some.T + 0.2 * np.eye(configurations)


def cells_of(counts, seed: int = 0):
    rng = np.random.default_rng(seed)
    counts = np.asarray(counts, dtype=float)
    return Cells(counts, rng.binomial(counts.astype(int), rng.uniform(0.1, 0.9, counts.shape)).astype(float))


def some_once(configurations=NINE, tasks=SIX, share=0.7):
    rng = np.random.default_rng(3)
    counts = (rng.random((configurations, tasks)) < share).astype(float)
    return cells_of(counts)


def scored(cells: Cells, score: float) -> Cells:
    return Cells(cells.counts, cells.counts * score)


def without_first(cells: Cells, axis: int) -> Cells:
    rest = np.expand_dims(np.arange(cells.counts.shape[axis]) > 0, 1 - axis)
    return Cells(cells.counts * rest, cells.scores * rest)


ONCE = some_once()
SHAPES = {
    "some cells are missing": ONCE,
    "every cell": cells_of(np.ones((NINE, SIX))),
    "scores between 0 and 1": Cells(ONCE.counts, ONCE.counts * np.random.default_rng(1).random((NINE, SIX))),
    "one configuration": cells_of(np.ones((1, SIX))),
    "one task": cells_of(np.ones((NINE, 1))),
    "one rollout": cells_of([[1]]),
    "all succeed": scored(ONCE, 1),
    "all fail": scored(ONCE, 0),
    "one configuration without any": without_first(ONCE, axis=0),
    "one task without any": without_first(ONCE, axis=1),
}


def fitted(cells: Cells, start=None) -> tuple[Posterior, Exact]:
    configurations, tasks = cells.counts.shape
    kernel, minutes = kernel_of(configurations), LOG_MINUTES[:tasks]
    exact = Exact(kernel, prior_of_tasks(minutes, VARIANCES.task), cells)
    return fit(kernel, cells, VARIANCES, minutes, start), exact


def both(posterior: Posterior):
    return np.concatenate([posterior.f, posterior.tau])


def of_whole(posterior: Posterior, kernel):
    """The covariance of f and t together, put together from the parts that the posterior keeps."""
    f = kernel - kernel @ posterior.precision @ kernel
    across = -f @ posterior.task_gain.T
    return np.block([[f, across], [across.T, posterior.task_rest + posterior.task_gain @ f @ posterior.task_gain.T]])


@pytest.mark.parametrize("cells", SHAPES.values(), ids=SHAPES)
def test_the_mode_is_where_a_general_optimiser_finds_it(cells):
    posterior, exact = fitted(cells)
    assert both(posterior) == pytest.approx(exact.mode(), abs=2e-3)
    assert posterior.weights == pytest.approx(np.linalg.solve(exact.kernel, posterior.f), abs=1e-6)


@pytest.mark.parametrize("cells", [*SHAPES.values(), cells_of(np.full((4, 3), 7))], ids=[*SHAPES, "repeats"])
def test_the_covariance_is_that_of_f_and_t_in_one_gaussian(cells):
    posterior, exact = fitted(cells)
    assert of_whole(posterior, exact.kernel) == pytest.approx(np.linalg.inv(exact.precision(both(posterior))), abs=1e-7)


def test_a_configuration_without_rollouts_is_believed_the_same_whether_it_is_a_row_or_is_asked_for_later():
    cells = some_once(NINE, SIX)
    kernel = kernel_of(NINE + 2)
    without = fit(kernel[:NINE, :NINE], cells, VARIANCES, LOG_MINUTES)
    more = Cells(*(np.vstack([a, np.zeros((2, SIX))]) for a in (cells.counts, cells.scores)))
    within = fit(kernel, more, VARIANCES, LOG_MINUTES)
    cross = kernel[NINE:, :NINE]
    assert without.mean(cross) == pytest.approx(within.f[NINE:], abs=1e-3)
    said = (kernel - kernel @ within.precision @ kernel)[NINE:, NINE:]
    assert without.covariance(cross, kernel[NINE:, NINE:]) == pytest.approx(said, abs=1e-3)
    assert without.variance(cross, np.diag(kernel)[NINE:]) == pytest.approx(np.diag(said), abs=1e-3)


def test_where_a_search_begins_does_not_matter():
    at_zero, _ = fitted(ONCE)
    rng = np.random.default_rng(0)
    for width in (0.1, 1, 3):
        other, _ = fitted(ONCE, (width * rng.standard_normal(NINE), width * rng.standard_normal(SIX)))
        assert both(other) == pytest.approx(both(at_zero), abs=2e-3)
        assert other.precision == pytest.approx(at_zero.precision, abs=1e-3)


def test_success_and_failure_are_each_others_mirror():
    posterior, _ = fitted(SHAPES["scores between 0 and 1"])
    cells = SHAPES["scores between 0 and 1"]
    mirrored, _ = fitted(Cells(cells.counts, cells.counts - cells.scores))
    assert both(mirrored) == pytest.approx(-both(posterior), abs=1e-6)


def test_half_a_success_everywhere_says_that_nothing_is_better_than_anything():
    posterior, _ = fitted(scored(ONCE, 0.5))
    assert both(posterior) == pytest.approx(0, abs=1e-9)


def test_half_a_success_counts_as_half_of_one():
    halves = [
        fitted(scored(ONCE, score))[0].f.mean() + fitted(scored(ONCE, score))[0].tau.mean() for score in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert halves == sorted(halves)
    assert halves[2] == pytest.approx((halves[1] + halves[3]) / 2, abs=1e-6)
    assert halves[3] - halves[2] < halves[4] - halves[3]  # the logit's own shape


def test_more_rollouts_never_leave_more_doubt():
    kernel = kernel_of(4)
    doubts = []
    for times in (1, 2, 5, 20, 200):
        cells = scored(cells_of(np.full((4, SIX), times)), 0.5)
        doubts.append(np.diag(of_whole(fit(kernel, cells, VARIANCES, LOG_MINUTES), kernel)))
    assert (np.diff(doubts, axis=0) < 0).all()


def test_repeats_of_one_cell_say_less_than_as_many_cells():
    """Two configurations are compared on tasks that are all alike; only whether each had one of them or all eight differs."""
    alike = replace(VARIANCES, task=1e-6)
    once = np.zeros((2, 8))
    once[:, 0] = 8
    doubts = []
    for counts in (once, np.ones((2, 8))):
        posterior = fit(np.eye(2), Cells(counts, counts / 2), alike, np.zeros(8))
        covariance = np.eye(2) - posterior.precision
        doubts.append(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert doubts[1] == pytest.approx(2 / (1 + 8 / 4))
    assert doubts[0] == pytest.approx(2 / (1 + 8 / 4 / (1 + 7 / 4 * CELL)))


def test_two_thousand_rollouts_of_one_cell_leave_what_the_cell_alone_may_differ_by():
    counts, scores = np.zeros((3, SIX)), np.zeros((3, SIX))
    counts[1, 2], scores[1, 2] = 2_000, 1_000
    posterior, exact = fitted(Cells(counts, scores))
    assert np.isfinite(both(posterior)).all()
    whole = of_whole(posterior, exact.kernel)
    place = 3 + 2
    doubt = whole[1, 1] + whole[place, place] + 2 * whole[1, place]
    assert 0.2 < doubt < 0.3  # all but the prior's share of the 0.3 that a cell may differ by


def test_all_that_succeed_are_believed_good_and_not_perfect():
    posterior, _ = fitted(SHAPES["all succeed"])
    rates = expit(posterior.f[:, None] + posterior.tau[None, :])
    assert 0.75 < rates.mean() < 0.99


def test_long_tasks_are_believed_harder_before_they_were_tried_where_long_ones_failed():
    minutes = np.arange(6.0)
    counts = np.ones((8, 6))
    counts[:, 5] = 0
    cells = Cells(counts, counts * (minutes < 2.5))
    posterior = fit(kernel_of(8), cells, VARIANCES, minutes)
    assert posterior.tau[5] < posterior.tau[2] < posterior.tau[0]
    assert posterior.tau[5] < posterior.tau.mean()


def test_the_tasks_prior_is_a_constant_a_slope_and_an_effect_of_each_whatever_the_unit_of_the_minutes():
    said = prior_of_tasks(LOG_MINUTES, 0.7)
    assert task_prior(LOG_MINUTES, 0.7) == pytest.approx(said)
    assert task_prior(np.log(60) + 3 * LOG_MINUTES, 0.7) == pytest.approx(said)
    assert task_prior(np.full(4, 2.0), 0.7) == pytest.approx(4 + 0.7 * np.eye(4))


def test_tasks_that_differ_are_told_from_configurations_that_do():
    """Of two configurations with equal rates, the one that was only tried on the harder tasks is the better."""
    rng = np.random.default_rng(0)
    counts, scores = np.ones((14, 6)), np.zeros((14, 6))
    scores[:, :3] = rng.random((14, 3)) < 0.9
    scores[:, 3:] = rng.random((14, 3)) < 0.2
    for row, tasks in ((0, slice(3, 6)), (1, slice(0, 3))):
        counts[row], scores[row] = 0, 0
        counts[row, tasks], scores[row, tasks] = 1, [1, 1, 0]
    posterior = fit(0.5 * np.eye(14), Cells(counts, scores), VARIANCES, np.zeros(6))
    assert posterior.f[0] > posterior.f[1] + 0.3
    assert posterior.tau[:3].min() > posterior.tau[3:].max()


def test_the_kernel_of_the_parts_is_their_sum_each_with_its_variance():
    rng = np.random.default_rng(0)
    single, product = rng.random((3, 4, 5)), rng.random((4, 5))
    pair = np.triu(rng.random((3, 3)), 1)
    variances = Variances(np.array([0.1, 0.2, 0.3]), pair, remainder=0.5, residual=9.0)
    said = sum(variances.single[a] * single[a] for a in range(3)) + 0.5 * product
    said += sum(pair[a, b] * single[a] * single[b] for a in range(3) for b in range(a + 1, 3))
    assert Parts(single, product).kernel(variances) == pytest.approx(said)


def test_a_rate_is_believed_as_it_was_seen_where_it_was_seen_often():
    """Over many configurations and tasks, so that no prior weighs much."""
    rng = np.random.default_rng(0)
    cells = Cells(np.ones((200, 6)), (rng.random((200, 6)) < 0.3).astype(float))
    posterior = fit(0.1 * np.eye(200), cells, VARIANCES, LOG_MINUTES)
    assert expit(posterior.f[:, None] + posterior.tau).mean() == pytest.approx(cells.scores.mean(), abs=0.01)
    assert posterior.tau.mean() == pytest.approx(logit(0.3), abs=0.3)


@pytest.mark.parametrize("times", [2, 7, 50, 400, 2000])
def test_with_repeats_the_fit_ends_where_the_quasi_likelihood_has_no_slope(times):
    posterior, exact = fitted(cells_of(np.full((NINE, SIX), times), seed=times))
    assert exact.gradient(both(posterior)) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("times", [2, 7, 50, 400])
def test_where_a_search_begins_does_not_matter_with_repeats_either(times):
    cells = cells_of(np.full((NINE, SIX), times), seed=times)
    rng = np.random.default_rng(0)
    there, _ = fitted(cells, (2 * rng.standard_normal(NINE), rng.standard_normal(SIX)))
    assert both(there) == pytest.approx(both(fitted(cells)[0]), abs=5e-3)


def test_two_thousand_rollouts_of_one_cell_are_believed():
    counts, scores = np.zeros((3, SIX)), np.zeros((3, SIX))
    counts[1, 2], scores[1, 2] = 2_000, 1_400
    posterior, exact = fitted(Cells(counts, scores))
    assert exact.gradient(both(posterior)) == pytest.approx(0, abs=0.01)
