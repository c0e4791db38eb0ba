"""Earlier studies as a prior: what is taken of them, what they are found to be worth, and what they do to a search."""

import math
import random
from statistics import mean

import numpy as np
import pytest

from search_spaces.dimensions import Choice, Real
from service.search.pooled.belief import Evidence, believe
from service.search.pooled.earlier import Source, seen_together, shares, sources_of
from service.search.pooled.encoding import Encoding
from service.search.pooled.model import Cells, Variances, fit, log_evidence, task_prior
from service.search.problem import Earlier
from tests.playing import TASKS, play
from tests.service.search.pooled.spaces import Rate, choices, pooled, problem, space_of
from unhobble.configuration import Configuration
from unhobble.records import Outcome, TaskInfo

SPACE = choices(4, 4, 3, 3, 3)
ELSEWHERE = tuple(TaskInfo(id=f"other{i}", family="other", human_minutes=3.0 * i + 1) for i in range(7))
SEEDS = range(6)


def surface(seed: int, sign: float = 1.0) -> Rate:
    """Effects of each dimension and of one pair, with ``sign``."""
    rng = np.random.default_rng(seed)
    single = {(name, f"v{i}"): 0.8 * rng.normal() for name in "abcde" for i in range(4)}
    pair = {(f"v{i}", f"v{j}"): 0.4 * rng.normal() for i in range(4) for j in range(4)}

    def rate(configuration: Configuration) -> float:
        root = configuration.root
        logit = sum(single[name, root[name]] for name in "abcde") + pair[root["a"], root["b"]]
        return 1 / (1 + math.exp(1 - sign * logit))

    return rate


def earlier(rate: Rate, *, rollouts: int = 200, seed: int = 0, space=SPACE, tasks=ELSEWHERE, name: str = "earlier") -> Earlier:
    """A study of random configurations on tasks of its own, all of them easier than here."""
    draw, outcomes = random.Random(f"{name} {seed}"), []
    for number in range(rollouts):
        one, task = space.sample(draw), draw.choice(tasks).id
        score = float(draw.random() < rate(one) ** 0.7)
        outcomes.append(Outcome(trial=number, configuration=one, task=task, epoch=0, score=score))
    return Earlier(name, tasks, tuple(outcomes))


def evidence(rate: Rate, *known: Earlier, rollouts: int, seed: int = 0) -> Evidence:
    encoding, draw = Encoding(SPACE), random.Random(seed)
    found = Evidence(encoding, TASKS, earlier=sources_of(known, encoding))
    for _ in range(rollouts):
        one = SPACE.sample(draw)
        found.add(found.enter(one), draw.choice(TASKS).id, float(draw.random() < rate(one)))
    return found


def likeness(seed: int, *known: Earlier, rollouts: int = 80) -> tuple[float, tuple[float, ...]]:
    """The correlation of what is believed of a part of the space with the truth, and the weights."""
    rate, draw = surface(seed), random.Random("looked at")
    belief = believe(evidence(rate, *known, rollouts=rollouts, seed=seed), learn=True)
    some = [SPACE.sample(draw) for _ in range(150)]
    believed, _ = belief.marginal(Encoding(SPACE).places(some))
    truth = [math.log(rate(one) / (1 - rate(one))) for one in some]
    return float(np.corrcoef(believed, truth)[0, 1]), belief.weights


def test_an_earlier_study_that_is_alike_is_believed_and_one_that_says_the_opposite_is_not():
    plain = [likeness(seed) for seed in SEEDS]
    right = [likeness(seed, earlier(surface(seed), seed=seed)) for seed in SEEDS]
    wrong = [likeness(seed, earlier(surface(seed, -1.0), seed=seed)) for seed in SEEDS]
    assert mean(weight for _, (weight,) in right) > 0.5
    assert mean(weight for _, (weight,) in wrong) < 0.15
    assert mean(found for found, _ in right) > mean(found for found, _ in plain) + 0.05
    assert mean(found for found, _ in wrong) > mean(found for found, _ in plain) - 0.05


def test_each_of_two_earlier_studies_has_a_weight_of_its_own():
    known = earlier(surface(3, -1.0), name="wrong"), earlier(surface(3), name="right")
    _, (wrong, right) = likeness(3, *known, rollouts=150)
    assert wrong < 0.1
    assert right > 0.5


def test_an_earlier_study_without_weight_leaves_the_belief_as_it_is_without_it():
    rate, wrong = surface(3), earlier(surface(3, -1.0))
    here = believe(evidence(rate, wrong, rollouts=150), learn=True)
    there = believe(evidence(rate, rollouts=150), learn=True)
    assert here.weights == (0.0,)
    assert here.posterior.f == pytest.approx(there.posterior.f)
    assert here.rows == there.rows


def regret(seed: int, *known: Earlier) -> float:
    rate, coin = surface(seed), random.Random(seed)
    strategy = pooled(problem(SPACE, rollouts=100, seed=seed, earlier=known))
    play(strategy, lambda one, *_: float(coin.random() < rate(one)), at_once=8)
    best = strategy.recommend()[0].configuration
    return max(rate(one) for one in SPACE.enumerate()) - rate(best)


def test_a_right_prior_makes_a_search_better_and_a_wrong_one_costs_little():
    plain = mean(regret(seed) for seed in SEEDS)
    right = mean(regret(seed, earlier(surface(seed), rollouts=300, seed=seed)) for seed in SEEDS)
    wrong = mean(regret(seed, earlier(surface(seed, -1.0), rollouts=300, seed=seed)) for seed in SEEDS)
    assert right < plain
    assert wrong < plain + 0.03


def test_the_same_seed_and_outcomes_give_the_same_proposals_and_what_is_recommended_names_what_it_rests_on():
    known, rate = earlier(surface(1)), surface(1)
    plays = []
    for _ in range(2):
        strategy = pooled(problem(SPACE, rollouts=70, earlier=(known,)))
        done = play(strategy, lambda one, _task, epoch: float(random.Random(f"{one.hash}{epoch}").random() < rate(one)), at_once=8)
        plays.append((done.requests, strategy.recommend(3), strategy.outlook()))
    assert plays[0] == plays[1]
    (rests_on,) = plays[0][1][0].rests_on
    assert rests_on.study == "earlier"
    assert 0 <= rests_on.weight <= 1
    assert 0 < rests_on.rollouts <= 200


def outcomes(*told: tuple[dict, float | None]) -> Earlier:
    made = [
        Outcome(trial=i, configuration=Configuration(root), task="other0", epoch=0, score=score)
        for i, (root, score) in enumerate(told)
    ]
    return Earlier("earlier", ELSEWHERE, tuple(made))


def test_a_study_of_other_dimensions_counts_by_those_that_both_have():
    space = space_of(Choice("a", ("v0", "v1")), Real("warmth", 0.0, 1.0))
    known = outcomes(
        ({"a": "v0", "elsewhere": 1}, 1.0),
        ({"a": "v0", "elsewhere": 2}, 0.0),  # the same as far as the space goes
        ({"a": "v0", "warmth": 0.5}, 1.0),
        ({"a": "v2", "warmth": 0.5}, 1.0),  # a value that the space does not know
        ({"a": "v1", "warmth": 1.5}, 1.0),
        ({"elsewhere": 1}, 1.0),  # nothing that the space has
        ({"a": "v1"}, None),
    )
    (source,) = sources_of([known], Encoding(space))
    assert sorted(zip(source.counts.sum(axis=1), source.scores.sum(axis=1), strict=True)) == [(1, 1), (2, 1)]
    assert sources_of([outcomes(({"elsewhere": 1}, 1.0))], Encoding(space)) == ()


def test_of_a_large_study_the_most_played_configurations_are_taken():
    known = earlier(surface(0), rollouts=400)
    again = tuple(known.outcomes[-1].model_copy(update={"epoch": epoch}) for epoch in range(1, 5))
    (source,) = sources_of([Earlier("earlier", ELSEWHERE, known.outcomes + again)], Encoding(SPACE))
    assert len(source.counts) == 150
    assert source.counts.sum(axis=1).max() >= 5
    assert [len(one.counts) for one in sources_of([known] * 3, Encoding(SPACE))] == [100] * 3


def test_the_shares_of_any_weights_leave_a_covariance_a_covariance():
    found = shares(np.array([0, 0, 1, 1, 2]), (0.4, 0.95))
    assert found[0] == pytest.approx([1, 1, 0.4, 0.4, 0.95])
    assert found[2, 4] == pytest.approx(0.38)
    assert np.linalg.eigvalsh(found).min() > -1e-12


def test_tasks_of_two_studies_have_nothing_in_common_and_one_configuration_in_both_is_one():
    source = Source("x", np.array([[0.0], [1.0]]), np.ones((2, 3)), np.ones((2, 3)), np.array([0.0, 1.0, 2.0]))
    together = seen_together(source, [(0, source)])
    assert together.counts.tolist() == np.kron(np.eye(2), np.ones((2, 3))).tolist()
    assert together.same.tolist() == np.kron(np.ones((2, 2)), np.eye(2)).tolist()
    prior = task_prior(together.log_minutes, 0.5, together.studies_of_tasks)
    assert prior == pytest.approx(np.kron(np.eye(2), task_prior(source.log_minutes, 0.5)))


def test_the_evidence_is_the_probability_of_what_was_seen():
    """Of one rollout of one configuration on one task: an integral over their sum, a normal variable."""
    variances = Variances(np.zeros(0), np.zeros((0, 0)), 0.3, 0.1, 0.2)
    kernel, minutes = np.array([[0.4]]), np.zeros(1)
    found = []
    for score in (0.0, 1.0):
        cells = Cells(np.ones((1, 1)), np.full((1, 1), score))
        found.append(log_evidence(kernel, cells, fit(kernel, cells, variances, minutes), minutes))
    assert found[0] == pytest.approx(found[1])
    assert math.exp(found[0]) == pytest.approx(0.5, abs=0.1)  # Laplace's approximation, at its worst
