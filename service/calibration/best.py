"""The best configuration of a space for an organism, and what it is worth: what a search could have found at the most.

Every configuration is played with the same luck (common random numbers), so that two of them differ by what they do and not by
what they drew. Configurations that the organism cannot tell apart are played once.

- Few configurations: all are played out.
- A finite space: some thousand rollouts, spread over all configurations, of which a regression makes an estimate for each
  (``screening``), then successive halving (Karnin, Koren and Somekh 2013, "Almost Optimal Exploration in Multi-Armed Bandits"): the
  best estimates get many more rollouts, and again, and after each round every configuration is ranked anew.
- An endless space, or one too large to walk: coordinate ascent from several starts. What it ends with is the best that was found.

The winner was chosen for how it did, and so did better than it is. Its value is therefore measured again, with fresh luck.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist, fmean

from search_spaces.dimensions import Dimension
from search_spaces.space import Space
from service.calibration.screening import Screen
from service.calibration.simulations import Draw, Simulations, draws
from unhobble.configuration import Configuration, Scalar
from unhobble.limits import Limits
from unhobble.models.organism.traits import Traits
from unhobble.models.organism.truth import Truth, stratified
from unhobble.protocols import Task
from unhobble.registry import installed
from unhobble.tasks.rehearsal import Rehearsal
from unhobble.tracks import Track, track_of
from unhobble.vocabulary import Objective

FEW = 24
"""Configurations that are all played out."""

WALKED = 20_000
"""Configurations of the largest space of which each is looked at."""

ROLLOUTS = 14_000
"""Rollouts for finding the best, by default."""

CLIMBING = 4
"""How many times as many they may become in an endless space, where each step of a climb compares anew."""

CONFIDENCE = 0.95

_SCREENING_SHARE = 0.3
_SCREENING_MOST = 8
_LADDER = (48, 12, 4)
"""Configurations that are left for each round after the screening; each round has as many rollouts as the others."""

_FRESH_EPOCHS = 20
_STARTS, _SWEEPS, _SAMPLED = 4, 2, 1_500
_GRID, _MANY = 5, 20


@dataclass(frozen=True)
class TrueBest:
    """The best configuration, and its value by rollouts that had no part in choosing it, whose ``scores`` are by task.

    ``above`` is how far the best of the last round's ``finalists`` may truly lie above it, with 95 % confidence over all of them;
    it says nothing of what was dropped before. ``exhaustive``: whether nothing was dropped on a guess: every configuration that
    the organism can tell from others was among the finalists.
    """

    configuration: Configuration
    truth: Truth
    scores: tuple[tuple[float, ...], ...]
    above: float
    finalists: int
    distinct: int | None
    exhaustive: bool
    rollouts: int
    how: str


@dataclass(frozen=True)
class _Hunt:
    """What one search for the best goes by."""

    simulations: Simulations
    space: Space
    objective: Objective
    seed: int
    rollouts: int
    wanted: Callable[[Configuration], bool]

    @property
    def tasks(self) -> int:
        return len(self.simulations.tasks)

    def draws(self, epochs: int, purpose: str, places: Sequence[int] | None = None) -> tuple[Draw, ...]:
        all_places = range(self.tasks) if places is None else places
        return tuple(draws(self.simulations.tasks, all_places, epochs, seed=self.seed, purpose=purpose))

    def values(self, works: Sequence[tuple[Configuration, tuple[Draw, ...]]]) -> list[list[float]]:
        """What each rollout contributes to the objective."""
        return [[self.objective.contribution(score) for score in scores] for scores in self.simulations.scores(works)]


def find_best(
    traits: Traits,
    tasks: Sequence[Task],
    space: Space,
    *,
    rehearsals: Mapping[str, Rehearsal] | None = None,
    limits: Limits | None = None,
    objective: Objective = Objective.success_rate,
    seed: int = 0,
    rollouts: int = ROLLOUTS,
    jobs: int = 1,
    track: Track | None = None,
) -> TrueBest:
    """The best configuration of ``space`` on ``tasks``; with more than one job in processes of their own.

    It takes about ``rollouts``, beside the fresh ones of the winner; in an endless space up to ``CLIMBING`` times as many. Only
    configurations of ``track`` are looked at, by default of the baseline's (see ``unhobble.tracks``). Raises ``ValueError`` where
    there are none of it, or no tasks.
    """
    with Simulations(traits, tasks, rehearsals or {}, limits or Limits(), jobs) as simulations:
        return best_of(simulations, space, objective=objective, seed=seed, rollouts=rollouts, track=track)


def best_of(
    simulations: Simulations,
    space: Space,
    *,
    objective: Objective = Objective.success_rate,
    seed: int = 0,
    rollouts: int = ROLLOUTS,
    track: Track | None = None,
) -> TrueBest:
    """``find_best`` where rollouts are simulated already."""
    registry = installed()
    of = track or track_of(space.baseline, registry)
    hunt = _Hunt(simulations, space, objective, seed, rollouts, lambda configuration: track_of(configuration, registry) == of)
    if not simulations.tasks:
        raise ValueError("there are no tasks, and nothing is best on none")
    size = space.size()
    before = simulations.played
    if size is None or size > WALKED:
        found = _climbed(hunt)
        distinct, how = None, f"coordinate ascent from {found.entrants} starts: the best that was found, others may be better"
    else:
        candidates = distinguishable(filter(hunt.wanted, space.enumerate()), simulations.traits)
        if not candidates:
            raise ValueError(f"no configuration of the space is {of.words}")
        distinct = len(candidates)
        found = _halved(hunt, candidates)
        how = f"{distinct:,} configurations that the organism can tell apart, of {size:,}, "
        how += "each played out" if found.entrants == distinct else "halved by common random numbers"
    scores = fresh_scores(simulations, found.best, seed=seed)
    return TrueBest(
        configuration=found.best,
        truth=Truth.of(scores),
        scores=tuple(map(tuple, scores)),
        above=found.above,
        finalists=found.finalists,
        distinct=distinct,
        exhaustive=found.finalists == distinct,
        rollouts=simulations.played - before,
        how=how,
    )


def measured(simulations: Simulations, configuration: Configuration, *, seed: int = 0, epochs: int = _FRESH_EPOCHS) -> Truth:
    """The success of ``configuration`` on all tasks, by rollouts with a luck that is used for nothing else."""
    return Truth.of(fresh_scores(simulations, configuration, seed=seed, epochs=epochs))


def fresh_scores(
    simulations: Simulations, configuration: Configuration, *, seed: int = 0, epochs: int = _FRESH_EPOCHS
) -> list[list[float]]:
    """The scores of the same rollouts, by task."""
    places = range(len(simulations.tasks))
    rollouts = tuple(draws(simulations.tasks, places, epochs, seed=seed, purpose="fresh"))
    return _by_task(simulations.scores([(configuration, rollouts)])[0], epochs)


def distinguishable(configurations: "filter[Configuration] | Sequence[Configuration]", traits: Traits) -> list[Configuration]:
    """One configuration for each class that ``traits`` give the same conversations, whatever the luck.

    Only settings that the organism reads nowhere are left out, so that equal truth is certain and not a guess.
    """
    unread = {"model.top_p", "limits.command_timeout_s", "limits.time_s"}
    if not traits.temperature_penalty and not traits.looping:
        unread.add("model.temperature")
    classes: dict[frozenset[tuple[str, str]], Configuration] = {}
    for configuration in configurations:
        read = frozenset((path, repr(value)) for path, value in configuration.root.items() if path not in unread)
        classes.setdefault(read, configuration)
    return list(classes.values())


# --- a finite space -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Found:
    """The winner of the last round; ``entrants`` are what its first round began with."""

    best: Configuration
    above: float
    finalists: int
    entrants: int


@dataclass
class _Field:
    """Configurations, and all that was seen of each: values by task, in the order of the draws, which all of them share."""

    hunt: _Hunt
    seen: dict[Configuration, list[list[float]]] = field(default_factory=dict)

    def play(self, configurations: Sequence[Configuration], epochs: int, purpose: str) -> None:
        """Give each of ``configurations`` the same further rollouts, ``epochs`` of every task."""
        rollouts = self.hunt.draws(epochs, purpose)
        for configuration, values in zip(
            configurations, self.hunt.values([(configuration, rollouts) for configuration in configurations]), strict=True
        ):
            before = self.seen.get(configuration, [[] for _ in range(self.hunt.tasks)])
            self.seen[configuration] = [a + b for a, b in zip(before, _by_task(values, epochs), strict=True)]

    def mean(self, configuration: Configuration) -> float:
        """The mean of the tasks' means."""
        return fmean(fmean(task) for task in self.seen[configuration])

    def found(self, finalists: Sequence[Configuration], entrants: int) -> _Found:
        """The best of the ``finalists``, which have had the same rollouts, and how far another may lie above it."""
        best = max(finalists, key=self.mean)  # the first of equals
        others = [other for other in finalists if other is not best]
        z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / max(1, len(others)))
        above = max((self._ahead(other, best, z) for other in others), default=0.0)
        return _Found(best, max(0.0, above), len(finalists), entrants)

    def _ahead(self, one: Configuration, other: Configuration, z: float) -> float:
        """The upper end of how far ``one`` is ahead, by the differences of rollouts with the same luck."""
        differences = [[a - b for a, b in zip(*pair, strict=True)] for pair in zip(self.seen[one], self.seen[other], strict=True)]
        mean, error = stratified(differences)
        return mean + z * error


def _by_task(values: Sequence[float], epochs: int) -> list[list[float]]:
    return [list(values[start : start + epochs]) for start in range(0, len(values), epochs)]


def _halved(hunt: _Hunt, candidates: Sequence[Configuration]) -> _Found:
    """Screening, and the rounds after it."""
    arena = _Field(hunt)
    if len(candidates) <= FEW:
        arena.play(candidates, _epochs(hunt.rollouts, len(candidates), hunt.tasks), "round 0")
        return arena.found(candidates, len(candidates))
    screen = _screened(hunt, candidates)
    places = {configuration: place for place, configuration in enumerate(candidates)}
    left: list[Configuration] = list(candidates)
    share = hunt.rollouts * (1 - _SCREENING_SHARE) / len(_LADDER)
    for number, size in enumerate(_LADDER, start=1):
        # All are ranked anew: what the last round has taught of some may speak for others that it left out.
        estimates = screen.estimates()
        left = sorted(candidates, key=lambda one: -estimates[places[one]])[: min(size, max(2, int(share / hunt.tasks)))]
        rollouts = hunt.draws(_epochs(share, len(left), hunt.tasks), f"round {number}")
        for configuration, values in zip(left, hunt.values([(one, rollouts) for one in left]), strict=True):
            for draw, value in zip(rollouts, values, strict=True):
                screen.add(places[configuration], draw.task, value)
            arena.seen[configuration] = _by_task(values, len(rollouts) // hunt.tasks)
    return arena.found(left, len(left))


def _epochs(rollouts: float, configurations: int, tasks: int) -> int:
    return max(1, int(rollouts / (configurations * tasks)))


def _screened(hunt: _Hunt, candidates: Sequence[Configuration]) -> Screen:
    """A few rollouts of each candidate, or of some where there are too many; each with a luck of its own.

    Shared luck would not help here: what the regression learns is the better the more different luck it has seen.
    """
    affordable = int(hunt.rollouts * _SCREENING_SHARE)
    each = max(1, min(_SCREENING_MOST, hunt.tasks, affordable // len(candidates)))
    rng = random.Random(f"screening {hunt.seed}")
    chosen = rng.sample(range(len(candidates)), min(len(candidates), affordable))
    works = []
    for number, place in enumerate(chosen):
        tasks = rng.sample(range(hunt.tasks), each)
        works.append((candidates[place], hunt.draws(1, f"screening {number}", tasks)))
    screen = Screen(candidates, hunt.tasks)
    for place, work, values in zip(chosen, works, hunt.values(works), strict=True):
        for draw, value in zip(work[1], values, strict=True):
            screen.add(place, draw.task, value)
    return screen


# --- an endless space ---------------------------------------------------------------------------------------------------
def _climbed(hunt: _Hunt) -> _Found:
    """The end that is highest of those that the climbs from the baseline and from the best of a sample come to."""
    rng = random.Random(f"climbing {hunt.seed}")
    sampled = {hunt.space.baseline: None} | dict.fromkeys(hunt.space.sample(rng) for _ in range(_SAMPLED))
    candidates = [one for one in sampled if hunt.wanted(one)]
    if not candidates:
        raise ValueError(f"none of {_SAMPLED} configurations of the space is of the track that is asked for")
    estimates = _screened(hunt, candidates).estimates()
    ranked = sorted(range(len(candidates)), key=lambda place: -estimates[place])
    starts = dict.fromkeys([candidates[0], *(candidates[place] for place in ranked[:_STARTS])])
    # Each climb has as much as the others, so that the last start is not one that there was nothing left for.
    most = int(hunt.rollouts * (CLIMBING - 1) / len(starts))
    ends = list(dict.fromkeys(_climb(hunt, start, rng, f"climb {number}", most) for number, start in enumerate(starts)))
    arena = _Field(hunt)
    share = hunt.rollouts * (1 - _SCREENING_SHARE) / len(_LADDER)
    arena.play(ends, _epochs(share, len(ends), hunt.tasks), "last round")
    return arena.found(ends, len(starts))


def _climb(hunt: _Hunt, start: Configuration, rng: random.Random, purpose: str, most: int) -> Configuration:
    """One dimension after the other is set to what does best, until a sweep changes nothing or ``most`` rollouts are played."""
    here, began = start, hunt.simulations.played
    for sweep in range(_SWEEPS):
        before = here
        order = list(hunt.space.dimensions)
        rng.shuffle(order)
        for dimension in order:
            if dimension.path in here.root and hunt.simulations.played - began < most:
                rollouts = hunt.draws(1 + sweep, f"{purpose}, sweep {sweep}, {dimension.path}")
                here = _stepped(hunt, here, dimension, rollouts, rng)
        if here == before:
            break
    return here


def _stepped(
    hunt: _Hunt, here: Configuration, dimension: Dimension, rollouts: tuple[Draw, ...], rng: random.Random
) -> Configuration:
    """``here``, or what does better by more than chance easily gives: one standard error of the difference."""
    others = [_with(hunt.space, here, dimension.path, value, rng) for value in _alternatives(dimension, here, rng)]
    tried = [here, *(other for other in dict.fromkeys(others) if other != here and hunt.wanted(other))]
    if len(tried) == 1:
        return here
    base, *rest = hunt.values([(one, rollouts) for one in tried])
    gains = [_gain(values, base) for values in rest]
    best = max(range(len(gains)), key=gains.__getitem__)
    return tried[best + 1] if gains[best] > 0 else here


def _gain(values: Sequence[float], base: Sequence[float]) -> float:
    """The mean difference, less its standard error."""
    differences = [a - b for a, b in zip(values, base, strict=True)]
    mean = fmean(differences)
    return mean - sqrt(fmean([(d - mean) ** 2 for d in differences]) / len(differences))


def _alternatives(dimension: Dimension, here: Configuration, rng: random.Random) -> list[Scalar]:
    """Every value of a dimension that has few; of others both ends and some between."""
    if dimension.count is not None and dimension.count <= _MANY:
        return [value for value in dimension.values() if value != here.root[dimension.path]]
    return [*dimension.extremes, *(dimension.draw(rng) for _ in range(_GRID - 2))]


def _with(space: Space, here: Configuration, path: str, value: Scalar, rng: random.Random) -> Configuration:
    """``here`` with ``path`` set to ``value``; dimensions that this brings in are drawn."""

    def draw(at: str, dimension: Dimension) -> Scalar:
        if at == path:
            return value
        return here.root[at] if at in here.root else dimension.draw(rng)

    return space.from_draws(draw)
