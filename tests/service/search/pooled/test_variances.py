"""What is learned of how much each dimension and pair matters."""

from dataclasses import replace

import numpy as np
import pytest

from service.search.pooled.belief import believe, success
from service.search.pooled.model import Cells, Parts, Variances, fit, improved
from tests.service.search.pooled.exactly import Exact, prior_of_tasks
from tests.service.search.pooled.spaces import choices, evidence_of

MINUTES = np.array([0.0, 2.0, 3.0, 5.0, 5.5])


def some_parts(axes: int, configurations: int) -> Parts:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((axes, configurations, 2)) / np.sqrt(2)
    single = vectors @ vectors.transpose(0, 2, 1)
    lengths = np.sqrt(np.einsum("iaa->ia", single))
    return Parts(single, (0.6 + 0.4 * single / lengths[:, :, None] / lengths[:, None, :]).prod(axis=0))


def some_cells(configurations: int) -> Cells:
    rng = np.random.default_rng(2)
    counts = (rng.random((configurations, len(MINUTES))) < 0.8).astype(float)
    return Cells(counts, counts * (rng.random(counts.shape) < rng.uniform(0.1, 0.9, (configurations, 1))))


def in_a_row(variances: Variances):
    """The logarithms of all variances of f."""
    upper = np.triu_indices(len(variances.single), 1)
    return np.log(np.concatenate([variances.single, variances.pair[upper], [variances.remainder, variances.residual]]))


def from_row(row) -> Variances:
    axes = int((np.sqrt(8 * (len(row) - 2) + 1) - 1) / 2)
    pair = np.zeros((axes, axes))
    pair[np.triu_indices(axes, 1)] = np.exp(row[axes:-2])
    return Variances(np.exp(row[:axes]), pair, float(np.exp(row[-2])), float(np.exp(row[-1])), 1.0)


def of_prior(row, axes: int) -> float:
    """Log density of log variances: all is of variance 16, classes with parts of their own of 1.6 squared."""
    off = row - in_a_row(Variances.begin(axes))
    found = -0.5 * (off[-2] ** 2 + off[-1] ** 2) / 16
    for some in (off[:axes], off[axes:-2]):
        found -= 0.5 * some @ np.linalg.solve(16 + 1.6**2 * np.eye(len(some)), some)
    return found


def test_variances_settle_where_laplaces_marginal_likelihood_with_its_prior_is_highest():
    """With the mode held; the marginal likelihood is the dense Gaussian's, differentiated by finite differences."""
    axes, configurations = 3, 24
    parts, cells = some_parts(axes, configurations), some_cells(configurations)
    variances = Variances.begin(axes)

    def kernel(of: Variances):
        return parts.kernel(of) + of.residual * np.eye(configurations)

    for _ in range(150):
        posterior = fit(kernel(variances), cells, variances, MINUTES)
        before, variances = variances, replace(improved(posterior, parts, MINUTES), task=1.0)
    assert in_a_row(variances) == pytest.approx(in_a_row(before), abs=1e-3)

    f, tau = posterior.f, posterior.tau
    tasks = prior_of_tasks(MINUTES, 1.0)
    at = np.concatenate([f, tau])
    held = Exact(kernel(before), tasks, cells)
    data = held.precision(at) - np.linalg.inv(held.prior)

    def objective(row) -> float:
        prior = Exact(kernel(from_row(row)), tasks, cells).prior
        whole = -np.linalg.slogdet(prior)[1] - np.linalg.slogdet(np.linalg.inv(prior) + data)[1]
        return 0.5 * float(whole - at @ np.linalg.solve(prior, at)) + of_prior(row, axes)

    here, step = in_a_row(variances), 1e-4
    slopes = [(objective(here + step * one) - objective(here - step * one)) / (2 * step) for one in np.eye(len(here))]
    assert slopes == pytest.approx(np.zeros(len(here)), abs=2e-3)
    elsewhere = [objective(here + far * one) for one in np.eye(len(here)) for far in (-0.5, 0.5)]
    assert max(elsewhere) < objective(here)


def learned(space, rate, *, configurations=150, rollouts=1_200, seed=0):
    evidence = evidence_of(space, rate, configurations=configurations, rollouts=rollouts, seed=seed)
    belief = None
    for _ in range(5):
        belief = believe(evidence, belief, learn=True)
    return evidence, belief


def test_a_dimension_that_matters_gets_a_much_larger_variance_than_those_that_do_not():
    _, belief = learned(choices(4, 4, 4, 4), lambda c: {"v0": 0.1, "v1": 0.3, "v2": 0.6, "v3": 0.9}[c.root["b"]])
    single = belief.variances.single
    assert single.argmax() == 1
    assert single[1] > 10 * np.delete(single, 1).max()
    assert single[1] > 20 * belief.variances.pair.max()


def test_a_pair_that_matters_only_together_is_found():
    _, belief = learned(choices(2, 2, 2, 2), lambda c: 0.8 if c.root["a"] == c.root["c"] else 0.2, configurations=16)
    pair = belief.variances.pair
    assert np.unravel_index(pair.argmax(), pair.shape) == (0, 2)
    assert pair[0, 2] > 4 * np.delete(pair.ravel(), 2).max()
    assert pair[0, 2] > 4 * belief.variances.single.max()


def test_variances_grow_with_the_differences_that_they_are_of():
    sizes = [
        learned(choices(4, 4, 4, 4), lambda c, size=size: 0.5 + size * (c.root["a"] in {"v0", "v1"}) - size / 2)[
            1
        ].variances.single[0]
        for size in (0.1, 0.4, 0.8)
    ]
    assert sizes[0] < sizes[1] / 2 < sizes[2] / 4


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_where_nothing_differs_little_is_believed_to_differ_and_the_best_claims_a_small_part_of_what_it_showed(rate):
    evidence, belief = learned(choices(4, 4, 4, 4), lambda _: rate)
    began = replace(belief, posterior=replace(belief.posterior, variances=Variances.begin(4)))
    assert belief.own(evidence.places).mean() < 0.4 * began.own(evidence.places).mean()
    mean, _ = belief.marginal(evidence.places, range(len(evidence.configurations)))
    assert mean.std() < 0.25
    best = int(mean.argmax())
    f, tau = belief.draws(evidence.places[[best]], [best], 1_000, np.random.default_rng(0))
    claimed, overall = success(f, tau).mean(), evidence.scores.sum() / evidence.counts.sum()
    shown = (evidence.scores.sum(axis=1) / evidence.counts.sum(axis=1)).max()
    assert claimed - overall < 0.1
    assert claimed - overall < 0.3 * (shown - overall)


def test_a_task_effect_is_learned_to_be_large_where_tasks_differ_and_small_where_they_do_not():
    def task_variance(rates) -> float:
        evidence = evidence_of(choices(4, 4), lambda _: 0.5, configurations=16, rollouts=0)
        draw = np.random.default_rng(0)
        for number in range(640):
            task = number // 16 % 10
            evidence.add(number % 16, f"task{task}", float(draw.random() < rates[task]))
        belief = None
        for _ in range(5):
            belief = believe(evidence, belief, learn=True)
        return belief.variances.task

    assert task_variance([0.5] * 10) < 0.5
    assert task_variance([0.05, 0.95, 0.5, 0.95, 0.05, 0.95, 0.05, 0.5, 0.95, 0.05]) > 2
