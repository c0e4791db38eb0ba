"""What plays say together. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import sqrt
from statistics import fmean, stdev

from scipy import stats

from benchmarks.search.play import Reading
from benchmarks.search.plays import Play

_CREDIBLE = 0.9


@dataclass(frozen=True)
class Mean:
    """A mean over seeds, with its 90 % confidence interval by Student's t; none where there is one seed."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Of independent values, at least one."""
        mean = fmean(values)
        if len(values) < 2:
            return cls(mean, None, None)
        half = float(stats.t.ppf((1 + _CREDIBLE) / 2, len(values) - 1)) * stdev(values) / sqrt(len(values))
        return cls(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Row:
    """One strategy at one budget. Shares are of plays; None where no play says anything about it."""

    strategy: str
    budget: int
    plays: int
    regret: Mean
    """Averaged over the surfaces for each seed, then over the seeds that were played on all of them."""
    by_surface: dict[str, Mean]
    covered: float | None
    """Share of the 90 % credible intervals that hold the true success rate of the recommended configuration."""
    bias: float | None
    """Claimed less true success rate, on average."""
    limit_covers: float | None
    """Share of the upper limits that are not below the best of the space."""
    limit_covers_least: float | None
    """The same on the surface where it is lowest."""
    cpu_ms: float
    """CPU milliseconds a rollout, for proposing and recording."""
    answer_cpu_s: float
    configurations: float

    @classmethod
    def of(cls, strategy: str, budget: int, readings: dict[tuple[str, int], Reading]) -> "Row":
        """From readings by surface and seed, at least one. Raises ``ValueError`` where no seed was played on all surfaces."""
        names = sorted({surface for surface, _ in readings}, key=[surface for surface, _ in readings].index)
        seeds = sorted({seed for _, seed in readings})
        complete = [seed for seed in seeds if all((name, seed) in readings for name in names)]
        if not complete:
            raise ValueError(f"{strategy}: no seed was played on all surfaces")
        regrets = {name: [readings[name, seed].regret for seed in seeds if (name, seed) in readings] for name in names}
        every = list(readings.values())
        claims = [one for one in every if one.claimed is not None]
        limits = {
            name: [
                one.success + one.regret <= one.upper_limit
                for (of, _), one in readings.items()
                if of == name and one.upper_limit is not None
            ]
            for name in names
        }
        said = [shares for shares in limits.values() if shares]
        return cls(
            strategy=strategy,
            budget=budget,
            plays=len(every),
            regret=Mean.of([fmean(readings[name, seed].regret for name in names) for seed in complete]),
            by_surface={name: Mean.of(values) for name, values in regrets.items()},
            covered=_mean(claims, lambda one: float((one.low or 0.0) <= one.success <= (one.high or 0.0))),
            bias=_mean(claims, lambda one: (one.claimed or 0.0) - one.success),
            limit_covers=fmean(held for shares in said for held in shares) if said else None,
            limit_covers_least=min(map(fmean, said)) if said else None,
            cpu_ms=1e3 * fmean(one.cpu_s / max(1, one.rollouts) for one in every),
            answer_cpu_s=fmean(one.answer_cpu_s for one in every),
            configurations=fmean(one.configurations for one in every),
        )


@dataclass(frozen=True)
class Beside:
    """The first strategy's regret as a share of that of the best other one, and on the surface where that share is largest."""

    budget: int
    other: str
    ratio: float
    worst_surface: str
    worst_ratio: float


def rows(plays: Sequence[Play], strategies: Sequence[str], budgets: Sequence[int]) -> list[Row]:
    """A row for each strategy and budget, in that order. Raises ``ValueError`` where there is no play for one."""
    found = []
    for strategy, budget in product(strategies, budgets):
        readings = {
            (one.surface, one.seed): reading
            for one in plays
            if one.strategy == strategy
            for reading in one.readings
            if reading.budget == budget
        }
        if not readings:
            raise ValueError(f"{strategy} was not played to {budget} rollouts")
        found.append(Row.of(strategy, budget, readings))
    return found


def beside(found: Sequence[Row]) -> list[Beside]:
    """How the first strategy compares with the best other one, by mean regret, at each budget; nothing where it is alone.

    On each surface it is held against the one that is best there.
    """
    comparisons = []
    for budget in sorted({row.budget for row in found}):
        first, *others = (row for row in found if row.budget == budget)
        if not others:
            continue
        best = min(others, key=lambda row: row.regret.mean)
        ratios = {
            name: mean.mean / max(1e-9, min(row.by_surface[name].mean for row in others)) for name, mean in first.by_surface.items()
        }
        worst = max(ratios, key=ratios.__getitem__)
        ratio = first.regret.mean / max(1e-9, best.regret.mean)
        comparisons.append(Beside(budget, best.strategy, ratio, worst, ratios[worst]))
    return comparisons


def _mean(readings: Sequence[Reading], value: Callable[[Reading], float]) -> float | None:
    return fmean(map(value, readings)) if readings else None
