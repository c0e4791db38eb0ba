"""What is looked at of a space that is too large to be looked at as a whole."""

import random

import pytest

from search_spaces.dimensions import Choice, Integer, Real
from service.search.pooled.belief import believe
from service.search.pooled.candidates import candidates, neighbours
from tests.service.search.pooled.spaces import choices, evidence_of, mostly_a, space_of
from unhobble.configuration import Configuration

CONTINUOUS = space_of(
    Choice("a", ("v0", "v1", "v2")),
    Choice("b", ("v0", "v1")),
    Integer("depth", 1, 40, when={"a": ("v1", "v2")}),
    Real("warmth", 0.0, 1.0),
    Real("rate", 0.001, 10.0, log=True),
    Choice("fixed", ("only",)),
)
SPACES = {"conditional and continuous": CONTINUOUS, "8 dimensions": choices(4, 4, 4, 4, 4, 4, 4, 4), "small": choices(3, 3)}


def offered(space, *, configurations=40, rollouts=200, seed=0):
    evidence = evidence_of(space, mostly_a, configurations=configurations, rollouts=rollouts)
    return evidence, candidates(space, evidence, believe(evidence, learn=True), random.Random(seed), lambda _: True)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_candidates_are_in_the_space_and_none_is_there_twice(space):
    evidence, found = offered(space)
    assert len(set(found.configurations)) == len(found.configurations) <= 420
    assert all(space.contains(one) == [] for one in found.configurations)
    assert found.places == pytest.approx(evidence.encoding.places(found.configurations))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_candidate_has_its_row_if_and_only_if_it_was_entered(space):
    evidence, found = offered(space)
    assert len(found.rows) == len(found.configurations)
    for one, row in zip(found.configurations, found.rows, strict=True):
        assert (row >= 0) == (one in evidence.configurations)
        assert row < 0 or evidence.configurations[row] == one


def test_a_small_space_is_offered_as_a_whole():
    _, found = offered(choices(3, 3), configurations=4)
    assert set(found.configurations) == set(choices(3, 3).enumerate())


def test_in_a_space_that_has_no_more_all_candidates_were_tried():
    evidence, found = offered(choices(2, 2), configurations=4)
    assert sorted(found.rows) == [0, 1, 2, 3]
    assert len(evidence.configurations) == 4


def test_untried_configurations_are_offered_that_have_what_is_believed_good():
    _, found = offered(choices(4, 4, 4, 4, 4, 4, 4, 4), configurations=60, rollouts=600)
    new = [one for one, row in zip(found.configurations, found.rows, strict=True) if row < 0]
    assert len(new) >= 200
    assert sum(one.root["a"] == "v1" for one in new) > 0.6 * len(new)
    assert any(one.root["a"] == one.root["b"] == "v1" for one in new)


def test_of_many_that_were_tried_the_best_are_kept():
    space = choices(4, 4, 4, 4, 4)
    evidence, found = offered(space, configurations=200, rollouts=800)
    kept = {row for row in found.rows if row >= 0}
    assert len(kept) == 120
    mean, deviation = believe(evidence, learn=True).marginal(evidence.places, range(len(evidence.configurations)))
    assert kept == set((mean + deviation).argsort()[-120:].tolist())


def test_of_a_continuum_values_are_offered_that_were_never_tried():
    evidence, found = offered(CONTINUOUS)
    tried = {one.root["warmth"] for one in evidence.configurations}
    new = {one.root["warmth"] for one, row in zip(found.configurations, found.rows, strict=True) if row < 0} - tried
    assert len(new) > 50
    assert min(new) < 0.1
    assert max(new) > 0.9
    assert len({one.root["depth"] for one in found.configurations if "depth" in one.root}) > 20


def test_the_same_draw_gives_the_same_candidates():
    first, second, other = (offered(CONTINUOUS, seed=seed)[1] for seed in (1, 1, 2))
    assert first.configurations == second.configurations != other.configurations


def test_neighbours_differ_in_one_dimension_and_in_what_depends_on_it():
    at = Configuration({"a": "v0", "b": "v0", "warmth": 0.5, "rate": 1, "fixed": "only"})
    found = list(neighbours(CONTINUOUS, at, random.Random(0)))
    changed = [tuple(at.difference(one)) for one in found]
    assert set(changed) == {("a", "depth"), ("b",), ("warmth",), ("rate",)}
    assert changed.count(("a", "depth")) == 2
    assert changed.count(("warmth",)) == 4
    back = next(one for one in neighbours(CONTINUOUS, found[0], random.Random(0)) if one.root["a"] == "v0")
    assert back == at


def test_a_space_of_a_few_hundred_is_offered_as_a_whole():
    _, found = offered(choices(4, 4, 4, 4), configurations=20, rollouts=100)
    assert len(found.configurations) == 256


def test_only_what_is_wanted_is_offered_however_rare_it_is():
    space = choices(4, 4, 4, 4, 4, 4)
    evidence = evidence_of(space, mostly_a, configurations=60, rollouts=200)
    rare = lambda one: one.root["a"] == one.root["b"] == "v3"  # noqa: E731 - 1 in 16
    found = candidates(space, evidence, believe(evidence, learn=False), random.Random(0), rare)
    assert len(found.configurations) > 100
    assert all(map(rare, found.configurations))
