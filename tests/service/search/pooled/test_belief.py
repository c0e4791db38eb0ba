"""What the belief says of configurations that were tried, and of those that were not."""

import random
from dataclasses import replace

import numpy as np
import pytest

from search_spaces.dimensions import Choice, Integer, Real
from service.search.pooled.belief import Evidence, believe, root, success
from service.search.pooled.encoding import Encoding
from service.search.pooled.model import Cells
from tests.playing import TASKS
from tests.service.search.pooled.exactly import Exact, prior_of_tasks
from tests.service.search.pooled.spaces import choices, evidence_of, mostly_a, space_of
from unhobble.configuration import Configuration
from unhobble.records import TaskInfo

MIXED = space_of(
    Choice("a", ("v0", "v1", "v2")),
    Choice("b", ("v0", "v1")),
    Integer("depth", 1, 4, when={"a": ("v1", "v2")}),
    Real("warmth", 0.0, 1.0),
)


@pytest.fixture(scope="module")
def known():
    """Evidence of a few dozen configurations, and the belief by it."""
    evidence = evidence_of(MIXED, mostly_a, configurations=30, rollouts=240)
    return evidence, believe(evidence, learn=True)


def unseen(evidence: Evidence, count: int):
    """Places of configurations that were not tried."""
    draw, found = random.Random(99), {}
    while len(found) < count:
        one = MIXED.sample(draw)
        if one not in evidence.configurations:
            found[one] = None
    return evidence.encoding.places(list(found))


def some_of_both(evidence: Evidence):
    return np.vstack([evidence.places[[3, 11]], unseen(evidence, 3)]), [3, 11, -1, -1, -1]


def test_draws_have_the_mean_and_the_covariance_that_the_joint_posterior_has(known):
    evidence, belief = known
    places, rows = some_of_both(evidence)
    mean, covariance = belief.joint(places, rows)
    f, tau = belief.draws(places, rows, 40_000, np.random.default_rng(0))
    assert f.mean(axis=1) == pytest.approx(mean, abs=0.02)
    assert np.cov(f) == pytest.approx(covariance, abs=0.03)
    assert tau.mean(axis=1) == pytest.approx(belief.tau, abs=0.03)


def test_the_marginal_is_what_the_joint_has_on_its_diagonal(known):
    evidence, belief = known
    places, rows = some_of_both(evidence)
    mean, covariance = belief.joint(places, rows)
    marginal, deviation = belief.marginal(places, rows)
    assert marginal == pytest.approx(mean)
    assert deviation**2 == pytest.approx(np.diag(covariance), rel=5e-3)  # of a continuum it interpolates


def test_draws_of_f_and_of_the_tasks_hang_together_as_in_one_dense_gaussian(known):
    evidence, belief = known
    rows = list(belief.rows)[:4]
    posterior = belief.posterior
    cells = Cells(evidence.counts[list(belief.rows)], evidence.scores[list(belief.rows)])
    exact = Exact(belief.kernel, prior_of_tasks(evidence.log_minutes, belief.variances.task), cells)
    whole = np.linalg.inv(exact.precision(np.concatenate([posterior.f, posterior.tau])))
    f, tau = belief.draws(evidence.places[rows], rows, 60_000, np.random.default_rng(1))
    seen = np.cov(np.vstack([f, tau]))
    at = [*range(4), *range(len(belief.rows), len(whole))]
    assert seen == pytest.approx(whole[np.ix_(at, at)], abs=0.03)
    assert np.corrcoef(f[0], tau.mean(axis=0))[0, 1] < -0.05  # what is good about the one is not about the other


def test_success_is_the_mean_over_the_tasks_and_lies_between_0_and_1(known):
    evidence, belief = known
    places, rows = some_of_both(evidence)
    f, tau = belief.draws(places, rows, 300, np.random.default_rng(0))
    rates = success(100 * f, tau)
    assert rates.shape == (5, 300)
    assert ((rates >= 0) & (rates <= 1)).all()
    single = 1 / (1 + np.exp(-(f[2, 7] + tau[:, 7])))
    assert success(f, tau)[2, 7] == pytest.approx(single.mean())
    assert success(f.max(axis=0), tau) == pytest.approx(success(f, tau).max(axis=0))


def test_what_was_never_tried_is_believed_by_what_its_values_did_elsewhere(known):
    evidence, belief = known
    base = {"b": "v0", "warmth": 0.31}
    pair = evidence.encoding.places([Configuration(base | {"a": "v1", "depth": 2}), Configuration(base | {"a": "v0"})])
    mean, deviation = belief.marginal(pair)
    assert mean[0] > mean[1] + 0.7
    assert (deviation < 0.9 * np.sqrt(belief.own(pair))).all()


def test_what_one_configuration_alone_does_is_its_own():
    """Its neighbours get only what the dimensions share: the residual counts for the same row and for no other."""
    evidence = evidence_of(choices(3, 3), lambda _: 0.5, configurations=9, rollouts=0)
    for _ in range(4):
        for task in TASKS:
            evidence.add(4, task.id, 1.0)
            evidence.add(0, task.id, 0.0)
    belief = believe(evidence, learn=False)
    cross = belief.cross(evidence.places, range(9))
    plain = belief.cross(evidence.places)
    own = cross - plain
    assert own[4, list(belief.rows).index(4)] == pytest.approx(belief.variances.residual)
    assert np.count_nonzero(own) == 2
    as_new, _ = belief.marginal(evidence.places[[4]], [-1])
    as_itself, deviation = belief.marginal(evidence.places[[4]], [4])
    assert as_itself[0] > as_new[0] > 0
    assert belief.marginal(evidence.places[[4]], [-1])[1][0] > deviation[0]


def test_rollouts_of_neighbours_leave_less_doubt_of_a_configuration_than_those_of_strangers():
    """Of 25 configurations, ten share a value with v0v0 in the one case, and none in the other."""
    space, doubts = choices(6, 6), {}
    at = space.baseline
    for neighbours in (10, 0):
        evidence = evidence_of(space, lambda _: 0.5, configurations=36, rollouts=0)
        apart = [len(at.difference(one)) for one in evidence.configurations]
        near, far = ([row for row, differing in enumerate(apart) if differing == n] for n in (1, 2))
        for row in near[:neighbours] + far[: 25 - neighbours]:
            for number, task in enumerate(TASKS):
                evidence.add(row, task.id, float(number % 2))
        doubts[neighbours] = float(believe(evidence, learn=False).marginal(evidence.encoding.places([at]))[1][0])
    assert doubts[10] < 0.95 * doubts[0]


def test_a_configuration_without_rollouts_is_no_part_of_what_was_seen():
    evidence = evidence_of(choices(3, 3), mostly_a, configurations=9, rollouts=0)
    evidence.add(5, "task3", 1.0)
    belief = believe(evidence, learn=False)
    assert belief.rows == (5,)
    assert belief.posterior.f.shape == (1,)
    mean, deviation = belief.marginal(evidence.places, range(9))
    assert mean.argmax() == 5
    assert deviation.argmin() == 5


def test_the_belief_before_is_only_where_the_next_begins():
    """Each cell has one rollout at the most."""
    evidence = evidence_of(MIXED, mostly_a, configurations=30, rollouts=0)
    draw = np.random.default_rng(0)
    for row in range(30):
        for task in TASKS[row % 3 : 8]:
            evidence.add(row, task.id, float(draw.random() < mostly_a(evidence.configurations[row])))
    belief = believe(evidence, learn=False)
    assert believe(evidence, belief, learn=False).posterior.f == pytest.approx(belief.posterior.f, abs=2e-3)
    far = replace(belief, posterior=replace(belief.posterior, f=-belief.posterior.f, tau=belief.tau + 2))
    assert believe(evidence, far, learn=False).posterior.f == pytest.approx(belief.posterior.f, abs=2e-3)


def test_the_order_in_which_configurations_were_entered_does_not_matter():
    evidence = evidence_of(MIXED, mostly_a, configurations=25, rollouts=200)
    other = Evidence(evidence.encoding, evidence.tasks)
    order = np.random.default_rng(5).permutation(len(evidence.configurations))
    for place in order:
        row = other.enter(evidence.configurations[place])
        other.counts[row], other.scores[row] = evidence.counts[place], evidence.scores[place]
    there = believe(other, learn=True).marginal(other.places, range(len(order)))
    here = believe(evidence, learn=True).marginal(evidence.places, range(len(order)))
    for a, b in zip(here, there, strict=True):
        assert b == pytest.approx(a[order], abs=2e-3)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_tasks_that_take_no_time_have_a_logarithm_all_the_same():
    tasks = tuple(TaskInfo(id=f"t{minutes}", family="f", human_minutes=minutes) for minutes in (0.0, 0.001, 1.0, 8.0))
    evidence = Evidence(Encoding(choices(2, 2)), tasks)
    assert evidence.log_minutes == pytest.approx([np.log2(1 / 60)] * 2 + [0, 3])


def test_a_root_of_a_covariance_is_one_even_where_rounding_made_it_indefinite():
    rng = np.random.default_rng(0)
    thin = rng.standard_normal((30, 3))
    covariance = thin @ thin.T - 1e-9 * np.eye(30)
    found = root(covariance)
    assert found @ found.T == pytest.approx(covariance, abs=1e-4)
    with pytest.raises(np.linalg.LinAlgError, match="has no root"):
        root(np.array([[1.0, 30.0], [30.0, 1.0]]))


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.1])
def test_a_score_that_is_none_is_refused_because_it_would_spoil_all_that_is_believed(score):
    evidence = evidence_of(choices(3, 3), lambda _: 0.5, configurations=2, rollouts=0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        evidence.add(0, TASKS[0].id, score)
