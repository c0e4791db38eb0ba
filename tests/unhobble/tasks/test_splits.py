from dataclasses import dataclass

import pytest

from unhobble.tasks.splits import split_tasks
from unhobble.vocabulary import Split


@dataclass
class FakeTask:
    id: str
    family: str
    human_minutes: float


def suite(families: int, each: int) -> list[FakeTask]:
    return [FakeTask(f"f{f}t{t}", f"f{f}", 2.0**t) for f in range(families) for t in range(each)]


@pytest.mark.parametrize("fraction", [0.2, 0.4, 0.5])
def test_the_share_is_kept_and_every_family_stands_on_both_sides(fraction):
    tasks = suite(8, 5)
    splits = split_tasks(tasks, fraction)
    held_out = [t for t in tasks if splits[t.id] is Split.held_out]
    assert len(held_out) == round(fraction * 40)
    assert {t.family for t in held_out} == {t.family for t in tasks}


def test_both_sides_get_easy_and_hard_tasks():
    tasks = suite(4, 8)
    splits = split_tasks(tasks, 0.4)
    for side in Split:
        minutes = [t.human_minutes for t in tasks if splits[t.id] is side]
        assert min(minutes) <= 4
        assert max(minutes) >= 64


def test_the_split_does_not_depend_on_the_order_of_the_tasks():
    tasks = suite(3, 4)
    assert split_tasks(tasks, 0.4) == split_tasks(tasks[::-1], 0.4)


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_two_tasks_are_enough_for_both_sides(fraction):
    assert set(split_tasks(suite(1, 2), fraction).values()) == set(Split)
