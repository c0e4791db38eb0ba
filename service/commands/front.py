"""The cost-success front as text."""

from collections.abc import Sequence

from service.commands.figures import count, dollars
from unhobble.records import FrontPoint
from unhobble.vocabulary import CostUnit

_HEADINGS = ("trial", "success", "90 %", "cost of a rollout", "90 %")


def front_table(points: Sequence[FrontPoint]) -> str:
    """A line of headings and one a point, in columns, with no end of line after the last; "" where there are no points."""
    if not points:
        return ""
    rows = [_HEADINGS, *map(_row, points)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(point: FrontPoint) -> tuple[str, ...]:
    low, high = _figure(point.cost_low, point.unit), _figure(point.cost_high, point.unit)
    unit = " tokens" if point.unit is CostUnit.tokens else ""
    return (
        str(point.trial),
        f"{point.mean:.2f}",
        f"{point.low:.2f} to {point.high:.2f}",
        _figure(point.cost, point.unit) + unit,
        f"{low} to {high}",
    )


def _figure(cost: float, unit: CostUnit) -> str:
    return count(round(cost)) if unit is CostUnit.tokens else dollars(cost)
