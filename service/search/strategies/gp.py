"""Optuna's Gaussian process sampler over whole suites: its objective is a configuration's mean over all search tasks.

https://optuna.readthedocs.io/en/stable/reference/samplers/generated/optuna.samplers.GPSampler.html: Matern 5/2 with a length scale
for each dimension, log expected improvement, and its batch form where trials are under way. The sampler does not model dimensions
that only some trials have (it draws them at random), so it is shown flat trials: see ``Proposer``.
"""

from importlib.util import find_spec

import optuna

from service.search.problem import SearchProblem
from service.search.proposing import Proposer
from service.search.sampled import StartupTrials, WholeSuiteStrategy
from unhobble.errors import BadInput, Issue


class Config(StartupTrials):
    """Parameters of the sampler."""


def build(config: Config, problem: SearchProblem) -> WholeSuiteStrategy:
    """A strategy for ``problem``. Raises ``BadInput`` where PyTorch, which the sampler computes with, is not installed."""
    if find_spec("torch") is None:
        message = "needs PyTorch, which is not installed here: pip install 'unhobble[gp]', or choose another strategy"
        raise BadInput([Issue("strategy gp", message)])

    def sampler(seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=config.startup_trials)

    return WholeSuiteStrategy(problem, Proposer(problem.space, problem.seed, sampler, flat=True))
