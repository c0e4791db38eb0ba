"""The arithmetic of the measurement. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


class BadAnswer(Exception):
    """A process under measurement answered something that is no measurement."""


@dataclass(frozen=True)
class Cost:
    """Seconds: CPU of the framework's process and its children, of the engine, of what is in containers; and of the clock."""

    client_s: float
    daemon_s: float
    containers_s: float
    wall_s: float

    @property
    def framework_s(self) -> float:
        """Client and engine together: what is paid for a rollout beside the work of its own commands."""
        return self.client_s + self.daemon_s

    def minus(self, other: "Cost") -> "Cost":
        """Each part less the other's."""
        return Cost(*(mine - theirs for mine, theirs in zip(self.parts, other.parts, strict=True)))

    def over(self, count: int) -> "Cost":
        """Each part divided by ``count``."""
        return Cost(*(part / count for part in self.parts))

    @property
    def parts(self) -> tuple[float, float, float, float]:
        """All four."""
        return self.client_s, self.daemon_s, self.containers_s, self.wall_s


def cost_of_one(few: int, cost_of_few: Cost, many: int, cost_of_many: Cost) -> Cost:
    """The cost of one more rollout: the slope between a small batch and a large one, without what a batch costs by itself."""
    if few >= many:
        raise ValueError(f"a slope needs a larger batch than {few} rollouts, not {many}")
    return cost_of_many.minus(cost_of_few).over(many - few)


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some values."""

    low: float
    middle: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.middle:{spec}} ({self.low:{spec}}-{self.high:{spec}})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(min(values), median(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


@dataclass(frozen=True)
class Target:
    """A claim, the value measured for it, and the most that it may be."""

    claim: str
    measured: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the claim holds."""
        return self.measured <= self.limit


def parse_answer(line: str) -> int:
    """How many rollouts a process says it has solved. Raises ``BadAnswer``."""
    try:
        return int(json.loads(line)["solved"])
    except (ValueError, TypeError, KeyError):
        raise BadAnswer(f"not an answer: {line[:200]!r}") from None


def parse_process_cpu(stat: str, ticks_per_s: int) -> float:
    """CPU seconds of a process and of its children that it has waited for, from its ``/proc/PID/stat`` (see proc(5))."""
    # The second field is the program's name in brackets, and may hold anything.
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / ticks_per_s
