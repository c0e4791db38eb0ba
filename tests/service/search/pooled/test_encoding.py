"""What the model takes two values of a dimension to have in common."""

import random

import numpy as np
import pytest

from search_spaces.dimensions import Choice, Integer, Real
from service.search.pooled.encoding import Encoding
from tests.service.search.pooled.spaces import space_of
from unhobble.configuration import Configuration

VARIED = {
    "words": Choice("x", ("a", "b", "c", "d")),
    "two words": Choice("x", ("a", "b")),
    "true and false": Choice("x", (True, False)),
    "numbers": Choice("x", (24, 12, 40)),
    "whole numbers": Integer("x", 2, 6),
    "whole numbers in steps that miss the end": Integer("x", 10, 55, 10),
    "whole numbers in their logarithm": Integer("x", 10, 160, log=True),
    "many whole numbers": Integer("x", 1, 1000),
    "steps": Real("x", 0.0, 1.0, 0.125),
    "many steps": Real("x", 0.0, 1.0, 0.01),
    "a continuum": Real("x", -1.0, 3.0),
    "a continuum in its logarithm": Real("x", 0.001, 10.0, log=True),
}
CONDITIONAL = space_of(
    Choice("s", ("plain", "deep", "wide")),
    Choice("fixed", ("only",)),
    Integer("depth", 1, 4, when={"s": ("deep",)}),
    Real("warmth", 0.0, 1.0),
    Integer("turns", 10, 160, log=True),
    Choice("strict", (True, False), when={"s": ("deep", "wide")}),
    Choice("few", (8, 2, 4)),
)


def of(dimension) -> Encoding:
    return Encoding(space_of(dimension))


def places(encoding: Encoding, *values):
    return encoding.places([Configuration({"x": value}) for value in values])


def inner(encoding: Encoding, a, b) -> float:
    """The inner product of the vectors of two values of x."""
    return float(encoding.kernels(places(encoding, a), places(encoding, b))[0, 0, 0])


def alike(encoding: Encoding, a, b) -> float:
    return float(encoding.alike(places(encoding, a), places(encoding, b))[0, 0, 0])


@pytest.mark.parametrize("dimension", VARIED.values(), ids=VARIED)
def test_vectors_sum_to_zero_over_a_dimension_and_have_length_one_on_average(dimension):
    encoding = of(dimension)
    among, _ = encoding.grid(0, np.zeros((0, 1)))
    assert among.sum(axis=0) == pytest.approx(0, abs=1e-9)
    assert np.trace(among) / len(among) == pytest.approx(1)


@pytest.mark.parametrize("dimension", [d for d in VARIED.values() if d.count and d.count <= 17], ids=str)
def test_where_values_are_few_the_centre_is_that_of_the_values_themselves(dimension):
    encoding = of(dimension)
    every = places(encoding, *dimension.values())
    assert encoding.kernels(every, every)[0].sum(axis=0) == pytest.approx(0, abs=1e-9)
    assert encoding.squares(every)[0].mean() == pytest.approx(1)
    assert encoding.squares(every)[0] == pytest.approx(np.diag(encoding.kernels(every, every)[0]))


def test_words_have_all_equally_little_in_common():
    encoding = of(VARIED["words"])
    every = places(encoding, "a", "b", "c", "d")
    among = encoding.kernels(every, every)[0]
    assert np.diag(among) == pytest.approx(1)
    assert among[~np.eye(4, dtype=bool)] == pytest.approx(-1 / 3)
    assert encoding.alike(every, every)[0] == pytest.approx(np.eye(4))


@pytest.mark.parametrize("options", [(12, 24, 40), (24, 12, 40), (40, 24, 12), (40.0, 12, 24)])
def test_numbers_to_choose_from_are_ordered_however_they_are_listed(options):
    encoding = of(Choice("x", options))
    assert inner(encoding, 12, 24) == pytest.approx(inner(encoding, 24, 40))
    assert inner(encoding, 12, 24) > inner(encoding, 12, 40)
    assert alike(encoding, 12, 24) > alike(encoding, 12, 40) > 0
    assert inner(encoding, 12, 40) == pytest.approx(inner(of(Choice("x", (12, 24, 40))), 12, 40))


def test_true_is_not_one_and_false_is_not_zero():
    switch, number = of(Choice("x", (True, False))), of(Choice("x", (0, 1, 2)))
    assert (places(switch, 1, 0, 1.0) < 0).all()
    assert (places(number, True, False) < 0).all()
    assert (places(switch, True, False) >= 0).all()
    assert places(number, 1.0) == places(number, 1)


@pytest.mark.parametrize(
    ("dimension", "low", "middle", "high"),
    [
        (Integer("x", 10, 160, log=True), 10, 40, 160),
        (Real("x", 0.01, 1.0, log=True), 0.01, 0.1, 1.0),
        (Integer("x", 1, 1001), 1, 501, 1001),
        (Integer("x", 2, 6), 2, 4, 6),
        (Real("x", -1.0, 3.0), -1.0, 1.0, 3.0),
    ],
    ids=str,
)
def test_the_middle_of_a_range_is_as_far_from_one_end_as_from_the_other(dimension, low, middle, high):
    encoding = of(dimension)
    assert inner(encoding, low, middle) == pytest.approx(inner(encoding, middle, high))
    assert alike(encoding, low, middle) == pytest.approx(alike(encoding, middle, high))
    assert alike(encoding, low, high) < alike(encoding, low, middle) < alike(encoding, low, low)


@pytest.mark.parametrize("dimension", [VARIED["a continuum"], VARIED["many whole numbers"], VARIED["many steps"]], ids=str)
def test_between_its_points_a_continuum_is_what_the_kernel_says_up_to_a_hundredth(dimension):
    encoding, draw = of(dimension), random.Random(0)
    values = [dimension.draw(draw) for _ in range(40)]
    at = places(encoding, *values)
    share = (np.array(values, dtype=float) - dimension.low) / (dimension.high - dimension.low)
    said = np.exp(-0.5 * ((share[:, None] - share[None, :]) / 0.5) ** 2)
    assert encoding.alike(at, at)[0] == pytest.approx(said, abs=0.01)


def test_a_value_between_two_points_lies_between_their_vectors():
    encoding = of(VARIED["a continuum"])
    points = np.array([[3.0], [4.0], [3.25]])
    low, high, between = encoding.kernels(points, places(encoding, -0.7, 0.4, 2.9))[0]
    assert between == pytest.approx(0.75 * low + 0.25 * high)


def test_a_dimension_of_one_value_has_no_axis():
    assert CONDITIONAL.dimensions[1].path == "fixed"
    assert Encoding(CONDITIONAL).paths == ("s", "depth", "warmth", "turns", "strict", "few")


def test_a_dimension_has_no_effect_where_it_is_not_active_and_is_only_like_itself_there():
    encoding = Encoding(CONDITIONAL)
    base = {"s": "plain", "warmth": 0.3, "turns": 20, "few": 2}
    both = encoding.places([Configuration(base), Configuration(base | {"s": "deep", "depth": 3, "strict": True})])
    depth, strict = encoding.paths.index("depth"), encoding.paths.index("strict")
    kernels, common = encoding.kernels(both, both), encoding.alike(both, both)
    for axis in (depth, strict):
        assert kernels[axis][0] == pytest.approx(0)
        assert encoding.squares(both)[axis][0] == 0
        assert kernels[axis][1, 1] > 0.2
        assert common[axis] == pytest.approx(np.eye(2))


def test_what_is_no_option_of_the_space_has_no_effect():
    encoding = of(VARIED["words"])
    at = places(encoding, "nowhere else", "a")
    assert encoding.kernels(at, at)[0] == pytest.approx(np.diag([0.0, 1.0]))
    assert places(of(VARIED["whole numbers"]), "many")[0, 0] < 0


def test_a_number_beyond_its_range_is_taken_for_the_nearest_that_is_in_it():
    encoding = of(VARIED["whole numbers in their logarithm"])
    assert (places(encoding, 1, 0, 1000) == places(encoding, 10, 10, 160)).all()


def test_kernels_are_positive_semidefinite_over_all_kinds_of_dimensions_and_what_is_foreign():
    encoding, draw = Encoding(CONDITIONAL), random.Random(0)
    at = encoding.places([CONDITIONAL.sample(draw) for _ in range(80)] + [Configuration({"s": "other", "few": 3})])
    for matrices in (encoding.kernels(at, at), encoding.alike(at, at)):
        for matrix in (*matrices, matrices.prod(axis=0)):
            assert matrix == pytest.approx(matrix.T)
            assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_the_kernel_of_two_lists_is_the_part_of_the_whole_that_belongs_to_them():
    encoding, draw = Encoding(CONDITIONAL), random.Random(1)
    at = encoding.places([CONDITIONAL.sample(draw) for _ in range(9)])
    assert encoding.kernels(at[:4], at[4:]) == pytest.approx(encoding.kernels(at, at)[:, :4, 4:])
    assert encoding.alike(at[:4], at[4:]) == pytest.approx(encoding.alike(at, at)[:, :4, 4:])
    _, with_seen = encoding.grid(2, at)
    assert with_seen.shape[1] == 9
    assert with_seen[0] == pytest.approx(encoding.kernels(_at_warmth(encoding, 0.0), at)[2][0])


def _at_warmth(encoding: Encoding, value: float):
    return encoding.places([Configuration({"warmth": value})])
