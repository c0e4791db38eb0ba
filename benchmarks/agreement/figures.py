"""Whether two ways to find out a mean agree. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, inf, sqrt
from statistics import NormalDist, fmean, stdev

from benchmarks.agreement.played import Outcome

LEVEL = 0.01
"""How often at most, over all organisms together, a disagreement is found where there is none."""


@dataclass(frozen=True)
class Difference:
    """A mean of differences, and its standard error."""

    mean: float
    standard_error: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Difference":
        """Of differences that are independent of each other. Raises ``ValueError`` where there are fewer than two."""
        if len(values) < 2:
            raise ValueError("a standard error needs two values at least")
        return cls(fmean(values), stdev(values) / sqrt(len(values)))

    @property
    def z(self) -> float:
        """The mean in standard errors; 0 where no value differs, infinite where all differ by the same."""
        if self.standard_error:
            return self.mean / self.standard_error
        return copysign(inf, self.mean) if self.mean else 0.0


@dataclass(frozen=True)
class Row:
    """One organism.

    ``paired`` compares rollouts of the same seed, and shows whether those that come out differently lean to one side. ``unpaired``
    compares each real rollout with a simulated one of the same configuration and task and of another seed: the two are
    independent, and so are the differences, whose scatter gives the standard error.
    """

    organism: str
    rollouts: int
    invalid: int
    real: float
    simulated: float
    other: float
    paired: Difference
    unpaired: Difference
    differing: int
    parted: int
    real_cpu_s: float
    real_wall_s: float
    simulated_cpu_s: float

    @classmethod
    def of(cls, organism: str, outcomes: Sequence[Outcome]) -> "Row":
        """From all that was played. Raises ``ValueError`` where fewer than two rollouts are valid."""
        scored = [(one.real, one) for one in outcomes if one.real is not None]
        if len(scored) < 2:
            raise ValueError(f"{organism}: {len(scored)} of {len(outcomes)} rollouts are valid, and two are needed")
        return cls(
            organism=organism,
            rollouts=len(scored),
            invalid=len(outcomes) - len(scored),
            real=fmean(real for real, _ in scored),
            simulated=fmean(one.simulated for _, one in scored),
            other=fmean(one.other for _, one in scored),
            paired=Difference.of([real - one.simulated for real, one in scored]),
            unpaired=Difference.of([real - one.other for real, one in scored]),
            differing=sum(one.differs for one in outcomes),
            parted=sum(bool(one.parting) for _, one in scored),
            real_cpu_s=sum(one.real_cpu_s for one in outcomes),
            real_wall_s=sum(one.real_wall_s for one in outcomes),
            simulated_cpu_s=sum(one.simulated_cpu_s for one in outcomes),
        )


def bound(organisms: int) -> float:
    """The |z| that ``organisms`` comparisons pass at ``LEVEL`` together, by Bonferroni: two-sided, normal."""
    return NormalDist().inv_cdf(1 - LEVEL / 2 / organisms)
