"""Six classes of surfaces whose truth is known: what a space of scaffolds, formats and prompts could look like.

Every surface has the same eleven dimensions (2.5 million configurations), 40 tasks of eight families, and a success rate for each
configuration and task. All else is drawn from the surface's class and seed: which dimensions matter and how much, how the values of
a dimension differ (evenly, by one that stands out, by a few that do, along its order or not), which dimensions work together, which
families of tasks a value helps more than others, and how hard the tasks are. What is drawn is then scaled, so that a random
configuration and the best one are as good as the class says.

==============  =======================================================================================================
additive        each dimension by itself
interaction     a handful of pairs and some triples of dimensions matter; by itself a dimension matters little
gated           a wrong tool format multiplies success by 0.2 to 0.5, whatever else is chosen; one format or two are right
flat            hardly any difference: the best is less than 0.05 above the median
hard            a random configuration solves about 2 %, the best 30 to 60 %
rugged          a large part belongs to the single configuration, or to combinations of four dimensions
==============  =======================================================================================================
"""

import random
import zlib
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import combinations

import numpy as np
from scipy.optimize import brentq

from benchmarks.search.places import Places, Rows
from benchmarks.search.truth import Floats, Part, Scatter, Table, Truth
from search_spaces.space import Choice, Dimension, Integer, Real, Space
from unhobble.configuration import Configuration
from unhobble.records import TaskInfo

KINDS = ("additive", "interaction", "gated", "flat", "hard", "rugged")

_FAMILIES = ("algo", "data", "enc", "git", "log", "py", "sql", "text")
_TASKS = 40
_LONGEST_MINUTES = 480
_DRAWN = 1_200
"""Random configurations by which a surface is scaled and its baseline chosen."""
_AT_ONCE = 100_000
"""Rows whose success rates are computed at once: 16 MB for 40 tasks."""

DIMENSIONS: tuple[Dimension, ...] = (
    Choice("prompt", ("plain", "methodical", "persistent", "expert", "terse")),
    Choice("tool_format", ("native", "hermes", "json_fence", "xml_tags", "react_text", "bash_fence")),
    Choice("scaffold", ("react", "plan_execute", "best_of_n", "reflexion", "retry_self_check")),
    Choice("context", ("full", "truncate_outputs", "sliding_window", "summarise")),
    Integer("context.keep", 4, 16, 4, when={"context": ("truncate_outputs", "sliding_window")}),
    Integer("limits.turns", 10, 50, 10),
    Real("model.temperature", 0.0, 1.0, 0.125),
    Choice("prompt.few_shot", ("none", "worked", "repaired")),
    Integer("scaffold.attempts", 2, 6, when={"scaffold": ("best_of_n", "reflexion")}),
    Integer("scaffold.depth", 1, 4, when={"scaffold": ("plan_execute", "reflexion")}),
    Choice("tool_format.strict", (True, False)),
)
_FORMAT, _TURNS = 1, 5


class Surface:
    """A space, tasks, and the true success rate of each configuration on each task."""

    def __init__(self, kind: str, seed: int, space: Space, tasks: tuple[TaskInfo, ...], truth: Truth) -> None:
        self.kind, self.seed, self.space, self.tasks = kind, seed, space, tasks
        self._truth, self._places = truth, _places()
        self._column = {task.id: column for column, task in enumerate(tasks)}
        self._known: dict[tuple[tuple[str, object], ...], Floats] = {}

    def probability(self, configuration: Configuration, task: str) -> float:
        """The probability that a rollout of ``configuration`` on ``task`` succeeds."""
        return float(self._of(configuration)[self._column[task]])

    def success(self, configuration: Configuration) -> float:
        """The true success rate: the mean of ``probability`` over the tasks."""
        return float(self._of(configuration).mean())

    def successes(self, configurations: list[Configuration]) -> Floats:
        """The true success rate of each of ``configurations``."""
        return np.asarray(self._truth.probabilities(self._places.rows(configurations)).mean(axis=1))

    @property
    def best(self) -> float:
        """The true success rate of the best configuration of the space."""
        return self._best[0]

    @property
    def best_configuration(self) -> Configuration:
        """The configuration that ``best`` is of."""
        return self._best[1]

    @cached_property
    def _best(self) -> tuple[float, Configuration]:
        """All configurations in single precision, then those near the top once more in double precision."""
        rows = _every_row()
        parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
        roughly = np.concatenate([self._truth.probabilities(part, np.float32).mean(axis=1) for part in parts])
        near = rows[roughly >= roughly.max() - 1e-4]
        exactly = self._truth.probabilities(near).mean(axis=1)
        top = int(exactly.argmax())
        return float(exactly[top]), self._places.configuration(near[top])

    def _of(self, configuration: Configuration) -> Floats:
        key = tuple(configuration.root.items())
        if key not in self._known:
            self._known[key] = self._truth.probabilities(self._places.rows([configuration]))[0]
        return self._known[key]


def surface(kind: str, seed: int) -> Surface:
    """The surface of a class and seed. Raises ``ValueError`` for a class that there is not."""
    if kind not in KINDS:
        raise ValueError(f"no class {kind!r}; there are {', '.join(KINDS)}")
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    tasks, space = _tasks(rng), _space(Configuration({}))
    draw = random.Random(f"{kind}-{seed}")
    drawn = [space.sample(draw) for _ in range(_DRAWN)]
    rows = _places().rows(drawn)
    truth = _scaled(_Draw(rng, rows).truth(kind, tasks), rows, *_typical_and_best(kind, rng))
    order = truth.probabilities(rows).mean(axis=1).argsort()
    return Surface(kind, seed, _space(drawn[order[_DRAWN // 2]]), tasks, truth)


@cache
def _places() -> Places:
    return Places(DIMENSIONS)


@cache
def _every_row() -> Rows:
    return _places().every_row()


def _space(baseline: Configuration) -> Space:
    return Space("surface", "A space whose truth is known.", DIMENSIONS, baseline, {})


def _tasks(rng: np.random.Generator) -> tuple[TaskInfo, ...]:
    minutes = np.exp(rng.uniform(0, np.log(_LONGEST_MINUTES), _TASKS))
    families = [_FAMILIES[number % len(_FAMILIES)] for number in range(_TASKS)]
    return tuple(
        TaskInfo(id=f"{family}_{number:02}", family=family, human_minutes=round(float(takes), 1))
        for number, (family, takes) in enumerate(zip(families, minutes, strict=True))
    )


def _typical_and_best(kind: str, rng: np.random.Generator) -> tuple[float, float]:
    """The success rates that a random configuration shall have on average, and the best one."""
    match kind:
        case "flat":
            typical = rng.uniform(0.2, 0.6)
            return typical, typical + rng.uniform(0.01, 0.04)
        case "hard":
            return rng.uniform(0.008, 0.025), rng.uniform(0.3, 0.6)
        case "gated":
            return rng.uniform(0.18, 0.26), rng.uniform(0.8, 0.94)
        case _:
            return rng.uniform(0.2, 0.36), rng.uniform(0.8, 0.94)


def _scaled(truth: Truth, rows: Rows, typical: float, best: float) -> Truth:
    """``truth`` made easier or harder, and its differences larger or smaller, until both success rates are about as asked."""
    every = _every_row()
    height = truth.common(every) + 3 * np.log(truth.gates(every))
    near = every[np.argpartition(height, -2_000)[-2_000:]]

    def as_typical(scale: float) -> Truth:
        wider = replace(truth, scale=scale)

        def off(ease: float) -> float:
            return float(replace(wider, ease=truth.ease + ease).probabilities(rows).mean()) - typical

        return replace(wider, ease=truth.ease + brentq(off, -60, 40, xtol=1e-3))

    def short(scale: float) -> float:
        return float(as_typical(scale).probabilities(near).mean(axis=1).max()) - best

    least, most = 1e-3, 12.0
    if short(most) < 0:  # the tasks' ceilings are lower than what was asked for
        return as_typical(most)
    return as_typical(brentq(short, least, most, xtol=1e-3))


@dataclass(frozen=True)
class _Draw:
    """Draws the parts of a truth. ``rows`` are random configurations, by which the parts are made equally large."""

    rng: np.random.Generator
    rows: Rows

    def truth(self, kind: str, tasks: tuple[TaskInfo, ...]) -> Truth:
        """The truth of a surface of class ``kind``, before it is scaled."""
        parts = [(weight * share**0.5, part) for share, own in self._shares(kind) for weight, part in own]
        log_minutes = np.log([task.human_minutes for task in tasks])
        length = (log_minutes - log_minutes.mean()) / log_minutes.std()
        families = np.array([[float(task.family == family) for task in tasks] for family in _FAMILIES])
        own = self.rng.normal(0, 0.8, _TASKS) + np.where(self.rng.random(_TASKS) < 0.1, self.rng.normal(0, 2.0, _TASKS), 0)
        return Truth(
            parts=parts,
            leanings=self._leanings(self.rng.uniform(0.2, 0.45)),
            traits=np.vstack([families, length]),
            gate=self._gate() if kind == "gated" else None,
            ease=own - self.rng.uniform(0.6, 1.4) * length,
            low=np.where(self.rng.random(_TASKS) < 0.3, self.rng.uniform(0, 0.03, _TASKS), 0) * (kind != "hard"),
            high=self.rng.uniform(0.93, 1.0, _TASKS),
        )

    def _shares(self, kind: str) -> list[tuple[float, list[tuple[float, Part]]]]:
        """How much of the variance of what helps all tasks alike is whose; each part has a variance of 1."""
        rng = self.rng
        match kind:
            case "interaction":
                main = rng.uniform(0.1, 0.25)
                triples = rng.uniform(0.15, 0.35)
                return [(main, self._main()), (triples, self._joint(3, 3)), (1 - main - triples, self._joint(2, 6))]
            case "rugged":
                own = rng.uniform(0.2, 0.4)
                return [(0.9 - own, self._main()), (0.1, self._joint(2, 3)), (own, self._ruggedness())]
            case "flat" | "hard":
                pairs = rng.uniform(0.1, 0.4)
                return [(1 - pairs, self._main()), (pairs, self._joint(2, 4))]
            case "gated":
                pairs = rng.uniform(0.0, 0.25)
                return [(1 - pairs, self._main()), (pairs, self._joint(2, 3))]
            case _:
                return [(1.0, self._main())]

    def _main(self) -> list[tuple[float, Part]]:
        """Each dimension by itself; about a quarter of them do not matter."""
        places = _places()
        matters = np.zeros(len(places.counts))
        while (matters > 0).sum() < 4:
            matters = np.exp(self.rng.normal(0, 0.7, len(matters))) * (self.rng.random(len(matters)) > 0.25)
        tables = []
        for column, (dimension, count) in enumerate(zip(places.dimensions, places.counts, strict=True)):
            effects = matters[column] * self._values(count, ordered=not isinstance(dimension, Choice))
            tables.append(Table((column,), np.append(effects, 0.0)))
        return self._unit(tables)

    def _values(self, count: int, *, ordered: bool) -> Floats:
        """How the values of a dimension differ: along their order (rising, best somewhere, better from some value on) or not."""
        along = np.linspace(0, 1, count)
        match self.rng.choice(["rise", "peak", "step", "free"], p=[0.3, 0.3, 0.15, 0.25]) if ordered else "free":
            case "rise":
                effects = self.rng.choice([-1, 1]) * (1 - np.exp(-self.rng.uniform(0.5, 5) * along))
            case "peak":
                effects = -((along - self.rng.uniform(0, 1)) ** 2)
            case "step":
                effects = self.rng.choice([-1, 1]) * (along > self.rng.uniform(0.05, 0.95))
            case _:
                return self._tailed((count,))
        effects = effects.astype(float) - effects.mean()
        return np.asarray(effects / max(float(effects.std()), 1e-6))

    def _tailed(self, shape: tuple[int, ...]) -> Floats:
        """Numbers of variance about 1, from a distribution with light or heavy tails; their mean is 0."""
        match self.rng.choice(["normal", "uniform", "laplace", "student", "spike"]):
            case "normal":
                effects = self.rng.normal(size=shape)
            case "uniform":
                effects = self.rng.uniform(-(3**0.5), 3**0.5, shape)
            case "laplace":
                effects = self.rng.laplace(scale=0.5**0.5, size=shape)
            case "student":
                effects = self.rng.standard_t(3, shape) / 3**0.5
            case _:
                effects = np.zeros(shape)
                effects.flat[self.rng.integers(effects.size)] = self.rng.choice([-1, 1, 1]) * effects.size**0.5
                effects += self.rng.normal(0, 0.2, shape)
        return np.asarray(effects - effects.mean())

    def _joint(self, size: int, number: int) -> list[tuple[float, Part]]:
        """``number`` effects of ``size`` dimensions together: on all their combinations, or on a quarter of them."""
        counts = _places().counts
        every = list(combinations(range(len(counts)), size))
        tables = []
        for chosen in self.rng.choice(len(every), number, replace=False):
            columns = every[chosen]
            shape = tuple(counts[column] for column in columns)
            effects = self._tailed(shape) * self.rng.uniform(0.5, 1.5)
            if self.rng.random() < 0.5:
                effects = np.where(self.rng.random(shape) < 0.25, 2 * effects, 0.0)
            tables.append(Table(columns, np.pad(effects, [(0, 1)] * size)))  # nothing where one of them is not set
        return self._unit(tables)

    def _ruggedness(self) -> list[tuple[float, Part]]:
        counts = _places().counts
        if self.rng.random() < 0.5:
            return [(1.0, Scatter(tuple(counts), int(self.rng.integers(2**62))))]
        tables = []
        for _ in range(3):
            columns = tuple(sorted(int(column) for column in self.rng.choice(len(counts), 4, replace=False)))
            tables.append(Table(columns, self.rng.normal(size=tuple(counts[column] + 1 for column in columns))))
        return self._unit(tables)

    def _leanings(self, size: float) -> list[tuple[int, Floats]]:
        """Values that help some families more than others; turns, and one more dimension, help long tasks more than short ones."""
        counts = _places().counts
        lengths = {_TURNS, int(self.rng.integers(len(counts)))}
        found: list[tuple[int, Floats]] = []
        for column, count in enumerate(counts):
            effects = np.zeros((count + 1, len(_FAMILIES) + 1))
            if self.rng.random() < 0.5:
                effects[:count, :-1] = self.rng.normal(size=(count, len(_FAMILIES)))
            if column in lengths:
                effects[:count, -1] = self._values(count, ordered=True) * self.rng.uniform(0.3, 1.2)
            if effects.any():
                found.append((column, effects))
        total = sum(effects[self.rows[:, column]] for column, effects in found)
        spread = max(float(np.std(np.asarray(total), axis=0).mean()), 1e-6)
        return [(column, effects * size / spread) for column, effects in found]

    def _gate(self) -> Table:
        count = _places().counts[_FORMAT]
        gate = self.rng.uniform(0.2, 0.5, count)
        gate[self.rng.choice(count, int(self.rng.integers(1, 3)), replace=False)] = 1.0
        return Table((_FORMAT,), np.append(gate, 1.0))

    def _unit(self, tables: list[Table]) -> list[tuple[float, Part]]:
        """``tables`` with the weight that makes the variance of their sum 1."""
        spread = float(np.std(sum((table.of(self.rows) for table in tables), np.zeros(len(self.rows)))))
        return [(1 / max(spread, 1e-6), table) for table in tables]
