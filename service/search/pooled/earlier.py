"""What earlier studies have seen, as a prior of this one whose weight is learned.

f of an earlier study s is w_s f_0 + sqrt(1 - w_s²) g_s, with f_0 that of this study and g_s its own, both with the kernel of the
model: so two configurations, one of either study, have w_s of the covariance that they have within one, and those of two earlier
studies w_s w_t of it (an intrinsic coregionalisation model, Álvarez, Rosasco and Lawrence 2012, "Kernels for Vector-Valued
Functions: a Review", arXiv 1106.6251, section 4.2). Each study's tasks have effects of their own. ``belief`` learns w_s by marginal
likelihood; an earlier study whose weight comes out next to nothing is left out of the belief, and of its variances, altogether.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces.space import Space
from service.search.pooled.encoding import Encoding, Floats
from service.search.pooled.model import Numbers
from service.search.problem import Earlier
from unhobble.configuration import Configuration

GRID = (-0.8, -0.4, 0.0, 0.4, 0.8, 0.95)
"""Correlations that are compared. No weight is negative; but the negative ones show that a study says the opposite of this one, or
that nothing speaks for its being alike."""

BEGIN = sum(GRID) / len(GRID)
"""The weight before anything is seen."""

DROPPED = 0.05
"""A weight under this counts as none."""

_ROWS, _ROWS_OF_ALL = 150, 300
"""Configurations that are taken of one study and of all together: fits take the third power of their number."""


@dataclass(frozen=True)
class Source:
    """What one study has seen: ``places`` of configurations, and rollouts and sums of scores (configurations x tasks)."""

    study: str
    places: Floats
    counts: Floats
    scores: Floats
    log_minutes: Floats


@dataclass(frozen=True)
class Together:
    """Several sources below and beside one another. ``rows`` and ``columns`` number those of all but the first, from -2 down."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    places: Floats
    counts: Floats
    scores: Floats
    log_minutes: Floats
    studies: Numbers
    studies_of_tasks: Numbers
    same: Floats | None
    """Which rows are one configuration; None where there is one source only, in which no two are."""


def sources_of(earlier: Sequence[Earlier], encoding: Encoding) -> tuple[Source, ...]:
    """What earlier studies say of configurations whose values the space knows; studies that say nothing of any are left out.

    Configurations that differ only in what the space does not have are one. The most played are taken, up to 150 of a study
    and 300 of all.
    """
    most = min(_ROWS, _ROWS_OF_ALL // max(1, len(earlier)))
    found = [_source(one, encoding, most) for one in earlier]
    return tuple(source for source in found if source.counts.any())


def seen_together(own: Source, earlier: Sequence[tuple[int, Source]]) -> Together:
    """What this study has seen, and below it what earlier ones have; each comes with its number from 0."""
    sources = [own, *(source for _, source in earlier)]
    numbers = [0, *(number + 1 for number, _ in earlier)]
    rows = np.repeat(numbers, [len(source.counts) for source in sources])
    columns = np.repeat(numbers, [len(source.log_minutes) for source in sources])
    places = np.vstack([source.places for source in sources])
    same = None
    if earlier:
        elsewhere = (places[:, None, :] == places[None, :, :]).all(axis=-1) & (rows[:, None] != rows[None, :])
        same = elsewhere + np.eye(len(rows))
    return Together(
        rows=_named(earlier, [len(source.counts) for _, source in earlier]),
        columns=_named(earlier, [len(source.log_minutes) for _, source in earlier]),
        places=places,
        counts=_blocks([source.counts for source in sources]),
        scores=_blocks([source.scores for source in sources]),
        log_minutes=np.concatenate([source.log_minutes for source in sources]),
        studies=rows,
        studies_of_tasks=columns,
        same=same,
    )


def shares(studies: Numbers, weights: Sequence[float]) -> Floats:
    """How much of the covariance is left between rows of these studies, 0 being this one and 1 the first of the earlier ones."""
    bond = np.array([1.0, *weights])[studies]
    found: Floats = np.where(studies[:, None] == studies[None, :], 1.0, np.outer(bond, bond))
    return found


_MANY = 10_000
"""More rows or columns than a source has."""


def _named(earlier: Sequence[tuple[int, Source]], counts: Sequence[int]) -> tuple[int, ...]:
    """Names that stay the same whichever of the others are there."""
    return tuple(-2 - number * _MANY - i for (number, _), count in zip(earlier, counts, strict=True) for i in range(count))


def _blocks(blocks: Sequence[Floats]) -> Floats:
    found = np.zeros((sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)))
    row = column = 0
    for block in blocks:
        found[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return found


def _source(earlier: Earlier, encoding: Encoding, most: int) -> Source:
    columns = {task.id: column for column, task in enumerate(earlier.tasks)}
    known = [one for one in dict.fromkeys(outcome.configuration for outcome in earlier.outcomes) if _is_known(encoding.space, one)]
    places = encoding.places(known)
    row_of: dict[Configuration, int] = {}
    first: dict[tuple[float, ...], int] = {}
    for place, one in zip(places, known, strict=True):
        row_of[one] = first.setdefault(tuple(float(value) for value in place), len(first))
    counts, scores = np.zeros((len(first), len(columns))), np.zeros((len(first), len(columns)))
    for outcome in earlier.outcomes:
        if outcome.score is not None and 0 <= outcome.score <= 1 and outcome.configuration in row_of and outcome.task in columns:
            cell = row_of[outcome.configuration], columns[outcome.task]
            counts[cell] += 1
            scores[cell] += outcome.score
    played = counts.sum(axis=1)
    kept = [int(row) for row in np.argsort(-played, kind="stable")[:most] if played[row]]
    minutes = np.log2([max(task.human_minutes, 1 / 60) for task in earlier.tasks])
    distinct = np.array(list(first)).reshape(len(first), len(encoding.axes))
    return Source(earlier.study, distinct[kept], counts[kept], scores[kept], minutes)


def _is_known(space: Space, configuration: Configuration) -> bool:
    """Whether what the configuration sets of the space's dimensions, at least one that varies, is a value of theirs."""
    varied = False
    for dimension in space.dimensions:
        value = configuration.root.get(dimension.path)
        if value is None:
            continue
        try:
            dimension.snapped(value)
        except ValueError:
            return False
        varied |= dimension.count != 1
    return varied
