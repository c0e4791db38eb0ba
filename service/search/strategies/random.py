"""Configurations drawn uniformly from the space, raced on paired tasks: the strategy that every other one has to beat."""

import optuna

from service.search.problem import SearchProblem
from service.search.racing import RaceConfig, RacingStrategy


class Config(RaceConfig):
    """Parameters of the race."""


def build(config: Config, problem: SearchProblem) -> RacingStrategy:
    """A strategy for ``problem``."""
    return RacingStrategy(config, problem, lambda seed: optuna.samplers.RandomSampler(seed=seed % 2**32))
