"""The surfaces of `make bench-search`: what a class promises holds in numbers."""

import random

import numpy as np
import pytest

from benchmarks.search.places import Places
from benchmarks.search.surfaces import DIMENSIONS, KINDS, surface
from search_spaces.space import Choice, Integer, Space
from unhobble.configuration import Configuration

SEED = 3


def drawn(space: Space, number: int, seed: int = 0) -> list[Configuration]:
    rng = random.Random(seed)
    return [space.sample(rng) for _ in range(number)]


@pytest.fixture(scope="module")
def made():
    """A surface of each class; made once, as the best of a space takes a second or two."""
    return {kind: surface(kind, SEED) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_no_random_configuration_is_better_than_the_best(made, kind):
    one = made[kind]
    assert one.successes(drawn(one.space, 2_000)).max() <= one.best
    assert one.success(one.best_configuration) == pytest.approx(one.best, abs=1e-12)
    assert one.space.contains(one.best_configuration) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_baseline_is_about_the_median(made, kind):
    one = made[kind]
    random_ones = one.successes(drawn(one.space, 2_000))
    assert one.space.contains(one.space.baseline) == []
    assert np.quantile(random_ones, 0.4) <= one.success(one.space.baseline) <= np.quantile(random_ones, 0.6)


@pytest.mark.parametrize("kind", ["additive", "interaction", "gated", "rugged"])
def test_a_random_configuration_is_mediocre_and_the_best_is_good(made, kind):
    one = made[kind]
    assert 0.15 < one.successes(drawn(one.space, 2_000)).mean() < 0.42
    assert 0.75 < one.best < 0.97


def test_on_a_flat_surface_hardly_anything_can_be_gained(made):
    one = made["flat"]
    assert 0.005 < one.best - float(np.median(one.successes(drawn(one.space, 2_000)))) < 0.05


def test_on_a_hard_surface_a_random_configuration_hardly_ever_succeeds(made):
    one = made["hard"]
    random_ones = one.successes(drawn(one.space, 2_000))
    assert random_ones.mean() < 0.05
    assert np.median(random_ones) < 0.03
    assert 0.25 < one.best < 0.65


def test_a_wrong_format_costs_at_least_half_whatever_else_is_chosen(made):
    one = made["gated"]
    formats = next(d for d in DIMENSIONS if d.path == "tool_format").options
    others = drawn(one.space, 300)

    def mean(tool_format: str) -> float:
        return float(one.successes([Configuration({**c.root, "tool_format": tool_format}) for c in others]).mean())

    means = {tool_format: mean(tool_format) for tool_format in formats}
    right = [name for name, value in means.items() if value > 0.6 * max(means.values())]
    assert 1 <= len(right) <= 2
    assert all(0.1 < means[name] / max(means.values()) < 0.6 for name in formats if name not in right)


def test_dimensions_add_up_on_an_additive_surface_and_do_not_on_one_of_interactions(made):
    """Of what an additive model of the logit leaves unexplained."""
    left = {}
    for kind in ("additive", "interaction", "rugged"):
        one = made[kind]
        rows = Places(DIMENSIONS).rows(drawn(one.space, 2_000))
        logits = one._truth.common(rows)
        columns = [rows[:, [c]] == np.arange(int(rows[:, c].max()) + 1) for c in range(rows.shape[1])]
        design = np.hstack([np.ones((len(rows), 1)), *columns]).astype(float)
        fitted = design @ np.linalg.lstsq(design, logits, rcond=None)[0]
        left[kind] = float(np.var(logits - fitted) / np.var(logits))
    assert left["additive"] < 0.01
    assert left["interaction"] > 0.5
    assert left["rugged"] > 0.15


def test_a_configuration_helps_some_families_more_than_others(made):
    one = made["additive"]
    gains = {family: [] for family in {task.family for task in one.tasks}}
    for task in one.tasks:
        gains[task.family].append(one.probability(one.best_configuration, task.id) - one.probability(one.space.baseline, task.id))
    means = [np.mean(values) for values in gains.values()]
    assert max(means) - min(means) > 0.05


def test_long_tasks_are_harder(made):
    hard = [np.corrcoef(np.log([t.human_minutes for t in one.tasks]), one._truth.ease)[0, 1] for one in made.values()]
    assert np.mean(hard) < -0.3


def test_the_same_seed_gives_the_same_surface_and_another_does_not(made):
    first, again, other = made["rugged"], surface("rugged", SEED), surface("rugged", SEED + 1)
    configurations = drawn(first.space, 50)
    assert np.array_equal(first.successes(configurations), again.successes(configurations))
    assert not np.allclose(first.successes(configurations), other.successes(configurations))
    assert first.tasks == again.tasks != other.tasks
    assert first.space.baseline == again.space.baseline


def test_success_is_the_mean_of_the_probabilities(made):
    one = made["gated"]
    for configuration in drawn(one.space, 5):
        each = [one.probability(configuration, task.id) for task in one.tasks]
        assert all(0 <= p <= 1 for p in each)
        assert one.success(configuration) == pytest.approx(np.mean(each))


def test_the_space_is_large_and_conditional(made):
    space = made["additive"].space
    assert len(space.dimensions) == 11
    assert sum(bool(d.when) for d in space.dimensions) == 3
    assert 500_000 < space.size() < 5_000_000
    assert {task.family for task in made["additive"].tasks} == {"algo", "data", "enc", "git", "log", "py", "sql", "text"}
    assert all(1 <= task.human_minutes <= 480 for task in made["additive"].tasks)


def test_every_row_is_every_configuration_of_a_space():
    dimensions = (
        Choice("scaffold", ("a", "b")),
        Integer("scaffold.n", 1, 3, when={"scaffold": ("b",)}),
        Choice("scaffold.more", (True, 1), when={"scaffold.n": (2, 3)}),
    )
    places = Places(dimensions)
    listed = [places.configuration(row) for row in places.every_row()]
    assert listed == list(Space("s", "", dimensions, Configuration({}), {}).enumerate())
    assert np.array_equal(places.rows(listed), places.every_row())


def test_what_is_not_in_the_space_has_no_truth(made):
    with pytest.raises(ValueError, match="'nothing'"):
        made["additive"].success(Configuration({**made["additive"].space.baseline.root, "prompt": "nothing"}))
    with pytest.raises(ValueError, match="no class 'smooth'"):
        surface("smooth", 0)
