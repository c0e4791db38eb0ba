"""The iterations: draw configurations around the elites, race them together with these, and begin again from the survivors."""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from service.search.irace.elimination import Test, order, survivors
from service.search.irace.model import Model
from service.search.ledgers import SHARE_WITHOUT_ADVANTAGE
from service.search.problem import SearchProblem
from service.search.scripted import ScriptedStrategy
from service.search.trials import TrialLedger
from unhobble.configuration import Scalar
from unhobble.vocabulary import TrialState

_TRIES_BEFORE_A_RESTART = 20
_RESTARTS = 5


@dataclass(frozen=True)
class Rules:
    """The numbers of a race. In the paper they are T^first, T^each, T^new, the test and its level, and the elitist limit."""

    first_tasks: int
    each_tasks: int
    new_tasks: int
    test: Test
    alpha: float
    patience: int


class IteratedRacing(ScriptedStrategy):
    """Elitist iterated racing. The instances of the paper are cells of the schedule, in its order.

    Elites keep what they have. They cannot be dropped before the new ones have had as many cells; every race begins by giving the
    elites ``new_tasks`` cells more. Configurations of different tracks are in one race, and only compared within their track.
    """

    def __init__(self, rules: Rules, problem: SearchProblem) -> None:
        super().__init__(problem)
        self._rules = rules
        dimensions = sum(dimension.count != 1 for dimension in problem.space.dimensions)
        self._dimensions = max(1, dimensions)
        self._iterations = math.floor(2 + math.log2(self._dimensions))
        self._at_least = math.floor(2 + math.log2(self._dimensions))
        self._models: dict[int, Model] = {}
        self._bought: dict[int, int] = {}  # cells of each trial that the story has paid for, asked for in this process or not

    # --- the iterations -----------------------------------------------------------------------------------------------
    def _search(self, baseline: TrialLedger) -> Iterator[None]:
        self._models[baseline.number] = Model()
        self._bought[baseline.number] = self._schedule.tasks
        elites, iteration, seen = [baseline], 1, 0
        while True:
            iterations = max(self._iterations, iteration)
            left = self._problem.rollouts - sum(self._bought.values())
            budget = left // (iterations - iteration + 1)
            newcomers = self._draw_newcomers(elites, self._newcomers(budget, iteration, len(elites), seen), iteration)
            if not newcomers:
                return
            elites, seen = yield from self._race(elites, newcomers, budget, seen)
            shrink = (1 / len(newcomers)) ** (1 / self._dimensions)
            share = iteration / max(self._iterations, iteration + 1)
            for elite in elites:
                model = self._models[elite.number]
                self._models[elite.number] = model.moved_to(elite.configuration, self._problem.space, share=share, shrink=shrink)
            iteration += 1

    def _newcomers(self, budget: int, iteration: int, elites: int, seen: int) -> int:
        """How many new configurations ``budget`` is enough for; what the elites have already is not paid again."""
        least = self._rules.first_tasks + self._rules.each_tasks * min(5, iteration)
        each = max(least, seen + self._rules.new_tasks if seen else 0)
        return (budget + elites * seen) // each - elites

    def _draw_newcomers(self, elites: Sequence[TrialLedger], wanted: int, iteration: int) -> list[TrialLedger]:
        drawn: list[TrialLedger] = []
        while len(drawn) < wanted:
            plain = sum(not trial.track.advantage for trial in drawn)
            fixed = self._without_advantage if plain <= SHARE_WITHOUT_ADVANTAGE * len(drawn) else {}
            trial = self._drawn() if iteration == 1 else self._drawn_near(elites, fixed)
            if trial is None:
                break
            self._models.setdefault(trial.number, Model())
            drawn.append(trial)
        return drawn

    def _drawn_near(self, elites: Sequence[TrialLedger], fixed: dict[str, Scalar]) -> TrialLedger | None:
        """A new configuration near an elite, which is chosen by its rank; None where the space around it is used up."""
        fitting = [elite for elite in elites if not (fixed and elite.track.advantage)] or list(elites)
        parent = self._random.choices(fitting, range(len(fitting), 0, -1))[0]
        model = self._models[parent.number]
        for _ in range(_RESTARTS):
            for _ in range(_TRIES_BEFORE_A_RESTART):
                configuration = model.draw(parent.configuration, self._problem.space, fixed, self._random)
                if configuration not in self._told:
                    trial = self._trial_of(configuration)
                    self._models[trial.number] = model
                    return trial
            model = self._models[parent.number] = model.restarted((1 / 2) ** (1 / self._dimensions))
        return self._drawn()

    # --- one race -----------------------------------------------------------------------------------------------------
    def _race(
        self, elites: list[TrialLedger], newcomers: list[TrialLedger], budget: int, seen: int
    ) -> Generator[None, None, tuple[list[TrialLedger], int]]:
        """The new elites, and how many cells all of them have had. ``seen`` is that of the race before."""
        alive, protected = [*elites, *newcomers], {elite.number for elite in elites}
        safe = seen + self._rules.new_tasks if seen else 0
        spent = self._buy(elites, safe) if safe else 0
        place, idle = 0, 0
        while True:
            to = place + self._rules.each_tasks if place else self._rules.first_tasks
            if place and spent + self._price(alive, to) > budget:
                break
            spent += self._buy(alive, to)
            yield from self._settle(alive, to)
            place, before = to, len(alive)
            alive = self._surviving(alive, place, protected if place < safe else set())
            idle = 0 if len(alive) < before else idle + 1
            if place >= safe and (len(alive) <= self._at_least or (seen and idle >= self._rules.patience)):
                break
        best = self._ranked(alive, place)
        for trial in alive:
            if trial not in best and trial.number != 0:
                trial.state = TrialState.pruned
        return best, place

    def _price(self, trials: Sequence[TrialLedger], to: int) -> int:
        return sum(max(0, to - self._bought.get(trial.number, 0)) for trial in trials)

    def _buy(self, trials: Sequence[TrialLedger], to: int) -> int:
        price = self._price(trials, to)
        for trial in trials:
            self._bought[trial.number] = max(to, self._bought.get(trial.number, 0))
            if trial.wanted < to:
                self._want(trial, to)
        return price

    def _surviving(self, alive: list[TrialLedger], places: int, protected: set[int]) -> list[TrialLedger]:
        """Those that are not clearly worse than the best one of their track on the first ``places`` cells, or are protected."""
        gone: set[int] = set()
        for track in {trial.track for trial in alive}:
            of_track = [trial for trial in alive if trial.track == track]
            stays = survivors(self._scores(of_track, places), self._rules.test, self._rules.alpha)
            gone |= {t.number for t, stay in zip(of_track, stays, strict=True) if not stay and t.number not in protected}
        for trial in alive:
            if trial.number in gone and trial.number != 0:
                trial.state = TrialState.pruned
        return [trial for trial in alive if trial.number not in gone]

    def _ranked(self, alive: list[TrialLedger], places: int) -> list[TrialLedger]:
        """The best of each track, as many as make elites, the tracks in their order."""
        found: list[TrialLedger] = []
        for track in sorted({trial.track for trial in alive}, key=lambda track: track.order):
            of_track = [trial for trial in alive if trial.track == track]
            ranked = order(self._scores(of_track, places), self._rules.test)
            found += [of_track[place] for place in ranked[: self._at_least]]
        return found

    def _scores(self, trials: Sequence[TrialLedger], places: int) -> np.ndarray:
        """Scores of shape (cells, trials) on those of the first ``places`` cells that each of the trials has a score on."""
        rows = ([trial.score_at(self._schedule, place) for trial in trials] for place in range(places))
        return np.array([row for row in rows if None not in row], dtype=float).reshape(-1, len(trials))
