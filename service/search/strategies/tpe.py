"""Optuna's multivariate tree-structured Parzen estimator over unique configurations, raced on paired tasks."""

import warnings

import optuna
from pydantic import Field

from service.search.problem import SearchProblem
from service.search.racing import RaceConfig, RacingStrategy


class Config(RaceConfig):
    """Parameters of the race and of the sampler."""

    startup_trials: int = Field(10, ge=1, description="Configurations drawn at random before the estimator begins.")


def build(config: Config, problem: SearchProblem) -> RacingStrategy:
    """A strategy for ``problem``."""

    def sampler(seed: int) -> optuna.samplers.BaseSampler:
        with warnings.catch_warnings():
            # ``group`` is what lets the multivariate estimator see conditional dimensions; Optuna still calls it experimental.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                n_startup_trials=config.startup_trials, multivariate=True, group=True, constant_liar=True, seed=seed % 2**32
            )

    return RacingStrategy(config, problem, sampler)
