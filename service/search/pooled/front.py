"""The cost-success front: what was tried and is not beaten in both."""

from collections.abc import Iterable, Sequence

import numpy as np

from service.search.pooled.belief import Belief, Evidence, success
from service.search.pooled.cost import CostBelief
from service.search.pooled.encoding import Floats
from unhobble.records import FrontPoint

_TAIL = 0.05
_DEVIATIONS = 1.6448536269514722
"""A normal distribution has 5 % above so many standard deviations."""


def front(points: Iterable[FrontPoint]) -> tuple[FrontPoint, ...]:
    """The points that no other one equals or beats in both mean success and cost, the cheapest first, which succeeds least.

    Of points alike in both, the one with the lowest trial stays. Raises ``ValueError`` where the points' units differ.
    """
    ordered = sorted(points, key=lambda point: (point.cost, -point.mean, point.trial))
    if len(units := {point.unit for point in ordered}) > 1:
        raise ValueError(f"a front has costs in one unit, not in {' and '.join(sorted(units))}")
    found: list[FrontPoint] = []
    for point in ordered:
        if not found or point.mean > found[-1].mean:
            found.append(point)
    return tuple(found)


def front_of(
    trials: Sequence[int], rates: Floats, costs: CostBelief, places: Floats, rows: Sequence[int]
) -> tuple[FrontPoint, ...]:
    """The front of some configurations, of which ``rates`` are draws of the success (configurations × draws)."""
    means, (low, high) = rates.mean(axis=1), np.quantile(rates, [_TAIL, 1 - _TAIL], axis=1)
    log_cost, deviation = costs.log_cost(places, rows)
    return front(
        FrontPoint(
            trial=trial,
            mean=float(means[i]),
            low=float(low[i]),
            high=float(high[i]),
            cost=float(np.exp(log_cost[i])),
            cost_low=float(np.exp(log_cost[i] - _DEVIATIONS * deviation[i])),
            cost_high=float(np.exp(log_cost[i] + _DEVIATIONS * deviation[i])),
            unit=costs.unit,
        )
        for i, trial in enumerate(trials)
    )


def near_front(belief: Belief, costs: CostBelief, evidence: Evidence, rows: Sequence[int], most: int) -> list[int]:
    """Up to ``most`` of ``rows``: those that the fewest others beat in both, by their expected logit and cost."""
    places = evidence.places[list(rows)]
    mean, _ = belief.marginal(places, rows)
    rate, log_cost = success(mean[:, None], belief.tau[:, None])[:, 0], costs.log_cost(places, rows)[0]
    beaten = [int(((rate > rate[i]) & (log_cost < log_cost[i])).sum()) for i in range(len(rows))]
    return [rows[i] for i in sorted(np.argsort(beaten, kind="stable")[:most].tolist())]
