"""Configurations drawn uniformly from the space, raced on paired tasks: the strategy that every other one has to beat."""

import optuna

from service.search.problem import SearchProblem
from service.search.racing import RaceConfig, racing_strategy
from service.search.sampled import SampledStrategy


class Config(RaceConfig):
    """Parameters of the race."""


def build(config: Config, problem: SearchProblem) -> SampledStrategy:
    """A strategy for ``problem``."""
    return racing_strategy(config, problem, lambda seed: optuna.samplers.RandomSampler(seed=seed))
