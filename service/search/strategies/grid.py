"""Every configuration of a finite space on every task, in a random order that the seed fixes; then all of them again."""

import random
from collections.abc import Iterator

from service.search.problem import SearchProblem
from service.search.scripted import ScriptedStrategy
from service.search.trials import TrialLedger
from unhobble.configuration import Configuration
from unhobble.errors import BadInput, Issue
from unhobble.messages import Frozen

_ENUMERATED_UP_TO = 100_000


class Config(Frozen):
    """A walk has no parameters."""


class GridStrategy(ScriptedStrategy):
    """The walk. Where the space has advantages, configurations with and without take turns for as long as there are both."""

    def _search(self, baseline: TrialLedger) -> Iterator[None]:
        walked = [baseline]
        for configuration in self._order():
            walked.append(self._trial_of(configuration))
            self._want(walked[-1], self._schedule.tasks)
            yield
        while True:
            for trial in walked:
                self._extend(trial)
                yield

    def _order(self) -> Iterator[Configuration]:
        size = self._problem.space.size()
        assert size is not None
        if size > _ENUMERATED_UP_TO:  # too many to hold, and far too many to walk through: draws without repetition do the same
            while trial := self._drawn():
                yield trial.configuration
            return
        configurations = [c for c in self._problem.space.enumerate() if c != self._problem.baseline]
        random.Random(f"grid-{self._problem.seed}").shuffle(configurations)
        plain = [c for c in configurations if not self._problem.track_of(c).advantage]
        advantaged = [c for c in configurations if self._problem.track_of(c).advantage]
        while plain or advantaged:
            for those in (plain, advantaged):
                if those:
                    yield those.pop()


def build(config: Config, problem: SearchProblem) -> GridStrategy:
    """A strategy for ``problem``. Raises ``BadInput`` where a dimension is a continuum, which cannot be walked through."""
    del config
    if endless := [dimension.path for dimension in problem.space.dimensions if dimension.count is None]:
        message = (
            f"grid walks through finite spaces; {', '.join(endless)} is a continuum: give it a step, or choose another strategy"
        )
        raise BadInput([Issue("strategy grid", message)])
    return GridStrategy(problem)
