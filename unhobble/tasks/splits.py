"""Divides a suite into what the search sees and what is held out."""

from collections import defaultdict
from collections.abc import Sequence

from unhobble.protocols import Task
from unhobble.vocabulary import Split


def split_tasks(tasks: Sequence[Task], held_out_fraction: float) -> dict[str, Split]:
    """Assign each task id a split, stratified by family and difficulty, the same way every time.

    Within a family the tasks are ordered by human minutes and held out systematically along that order; the remainder is
    carried from family to family, so that the share over the whole suite is ``held_out_fraction``, rounded.
    With two tasks or more both splits get at least one.
    """
    families: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        families[task.family].append(task)
    splits: dict[str, Split] = {}
    carried = 0.5
    for family in sorted(families):
        for task in sorted(families[family], key=lambda task: (task.human_minutes, task.id)):
            carried += held_out_fraction
            splits[task.id] = Split.held_out if carried >= 1 else Split.search
            carried -= carried >= 1
    if len(tasks) >= 2 and len(set(splits.values())) == 1:
        only = next(iter(splits.values()))
        last = max(tasks, key=lambda task: (task.human_minutes, task.id)).id
        splits[last] = Split.search if only is Split.held_out else Split.held_out
    return splits
