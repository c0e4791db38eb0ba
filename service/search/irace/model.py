"""The distribution around an elite from which iterated racing draws new configurations (section 2.1.2 of the paper).

A choice has a probability for each option, which moves to the elite's option as the iterations go by. A number has a normal
distribution around the elite's value, cut off at the ends of its range, whose spread shrinks. A dimension that is active in a new
configuration and was not in its elite is drawn as if there were no elite.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from search_spaces.dimensions import Choice, Dimension, Integer, Real
from search_spaces.space import Space
from unhobble.configuration import Configuration, Scalar

_TRIES_FOR_A_CUT_NORMAL = 1_000


@dataclass(frozen=True)
class Model:
    """What is drawn around one elite. ``spread``: the standard deviation of numbers, in half-widths of their ranges.

    ``chances``: the probability of each option, by the path of its choice; none where all options are as likely.
    """

    spread: float = 1.0
    chances: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def moved_to(self, elite: Configuration, space: Space, *, share: float, shrink: float) -> "Model":
        """The model of the next iteration: ``share`` of each choice's probability goes to the elite's, the spread shrinks."""
        chances = {}
        for dimension in space.dimensions:
            if isinstance(dimension, Choice):
                before = self.chances.get(dimension.path, uniform(dimension))
                at = (
                    dimension.options.index(dimension.snapped(elite.root[dimension.path])) if dimension.path in elite.root else None
                )
                chances[dimension.path] = before if at is None else _moved(before, at, share)
        return Model(self.spread * shrink, chances)

    def restarted(self, shrink: float) -> "Model":
        """The model where all that it draws is known (soft restart): the spread of two iterations ago, and less sharp choices."""
        blurred = {}
        for path, chances in self.chances.items():
            raised = [0.9 * chance + 0.1 * max(chances) for chance in chances]
            blurred[path] = tuple(chance / sum(raised) for chance in raised)
        return Model(min(1.0, self.spread / shrink**2), blurred)

    def draw(self, elite: Configuration, space: Space, fixed: Mapping[str, Scalar], rng: random.Random) -> Configuration:
        """A new configuration near ``elite``, with the values ``fixed``."""

        def value(path: str, dimension: Dimension) -> Scalar:
            if path in fixed:
                return fixed[path]
            if path not in elite.root:
                return dimension.draw(rng)
            if isinstance(dimension, Choice):
                return rng.choices(dimension.options, self.chances.get(path, uniform(dimension)))[0]
            return near(dimension, elite.root[path], self.spread, rng)

        return space.from_draws(value)


def uniform(choice: Choice) -> tuple[float, ...]:
    """Each option is as likely."""
    return (1 / choice.count,) * choice.count


def near(dimension: Dimension, value: Scalar, spread: float, rng: random.Random) -> Scalar:
    """A value of a number's dimension around ``value``. Steps are drawn evenly: both ends have as much room as any other."""
    if dimension.count == 1:
        return next(dimension.values())
    assert isinstance(dimension, Integer | Real)
    if dimension.count is not None and not dimension.log:
        values = list(dimension.values())
        at = values.index(dimension.snapped(value))
        return values[min(dimension.count - 1, math.floor(_cut_normal(at + 0.5, 0, dimension.count, spread, rng)))]
    number, room = float(value), 0.5 if isinstance(dimension, Integer) else 0.0
    if not dimension.log:
        return _cut_normal(number, dimension.low, dimension.high, spread, rng)
    low, high = math.log(dimension.low - room), math.log(dimension.high + room)
    drawn = math.exp(_cut_normal(math.log(number), low, high, spread, rng))
    if isinstance(dimension, Integer):
        drawn = round(drawn)
    return min(dimension.high, max(dimension.low, drawn))


def _cut_normal(mean: float, low: float, high: float, spread: float, rng: random.Random) -> float:
    deviation = spread * (high - low) / 2
    for _ in range(_TRIES_FOR_A_CUT_NORMAL):
        if low <= (drawn := rng.gauss(mean, deviation)) <= high:
            return drawn
    return mean


def _moved(chances: tuple[float, ...], at: int, share: float) -> tuple[float, ...]:
    return tuple(chance * (1 - share) + (share if place == at else 0.0) for place, chance in enumerate(chances))
