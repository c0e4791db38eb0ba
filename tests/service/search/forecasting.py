"""A strategy for tests that forecasts: ``random`` over a small space, with an independent Beta posterior for each configuration."""

import numpy as np
import optuna

from service.search.problem import SearchProblem
from service.search.proposing import Proposer
from service.search.racing import RaceConfig, RacingStrategy
from unhobble.configuration import Configuration
from unhobble.records import Outcome, Outlook, RolloutRequest
from unhobble.registry import Registry
from unhobble.tracks import Track

_DRAWS = 400


def _at_random(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed % 2**32)


class Config(RaceConfig):
    """Parameters of the race."""

    tired_after: int | None = None
    """Scored rollouts after which it has nothing more to try."""


class Forecasting(RacingStrategy):
    """Believes of every configuration what its own outcomes say, and anything of one that was never tried."""

    forecasts = True

    def __init__(self, config: Config, problem: SearchProblem) -> None:
        super().__init__(config, problem, Proposer(problem.space, problem.seed, _at_random))
        self._every = list(problem.space.enumerate())
        self._seen: dict[Configuration, list[float]] = {}
        self._tired_after = config.tired_after

    def propose(self, n: int) -> list[RolloutRequest]:
        tired = self._tired_after is not None and sum(map(len, self._seen.values())) >= self._tired_after
        return [] if tired else super().propose(n)

    def record(self, outcome: Outcome) -> None:
        super().record(outcome)
        if outcome.score is not None:
            self._seen.setdefault(outcome.configuration, []).append(outcome.score)

    def outlook(self, track: Track | None = None) -> Outlook | None:
        scores = [self._seen.get(configuration, []) for configuration in self._every]
        draws = np.random.default_rng(0).beta(
            [1 + sum(s) for s in scores], [1 + len(s) - sum(s) for s in scores], size=(_DRAWS, len(scores))
        )
        recommended = self._every.index(self.recommend(1, track)[0].configuration)
        maximum = draws.max(axis=1)
        shortfalls = sorted(float(s) for s in maximum - draws[:, recommended])
        return Outlook(
            maximum=float(maximum.mean()),
            maximum_low=float(np.quantile(maximum, 0.05)),
            maximum_high=float(np.quantile(maximum, 0.95)),
            upper_limit=float(np.quantile(maximum, 0.95)),
            shortfalls=tuple(shortfalls),
            gains=((0.1, float(np.mean(shortfalls)) / 10), (1.0, float(np.mean(shortfalls)))),
        )


def build(config: Config, problem: SearchProblem) -> Forecasting:
    """The strategy."""
    return Forecasting(config, problem)


def registry_in(folder) -> Registry:
    """The plug-ins that are installed and, from a file below ``folder``, the strategy ``forecasting``."""
    (folder / "strategies").mkdir(exist_ok=True)
    words = '"""Forecasts."""\n\nfrom tests.service.search.forecasting import Config as Config, build as build\n'
    (folder / "strategies" / "forecasting.py").write_text(words)
    return Registry((folder,))
