"""The door through which the model's choices enter Optuna, which then has each trial as one of its own."""

from collections.abc import Mapping
from typing import Any

import optuna

from search_spaces.space import Space
from service.search.proposing import suggest
from unhobble.configuration import Configuration


class ChosenSampler(optuna.samplers.BaseSampler):
    """Gives each parameter the value that the configuration has which was chosen."""

    def __init__(self) -> None:
        self._chosen: Configuration | None = None

    def ask(self, study: optuna.Study, configuration: Configuration, space: Space) -> optuna.trial.Trial:
        """A trial of ``study`` with the parameters of ``configuration``, as far as they are dimensions of ``space``."""
        self._chosen = configuration
        proposal = study.ask()
        for dimension in space.dimensions:
            if dimension.path in configuration.root:
                suggest(proposal, dimension.path, dimension)
        return proposal

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, optuna.distributions.BaseDistribution]:
        """See Optuna: there is none, because all parameters were chosen together before."""
        del study, trial
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See Optuna."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: optuna.distributions.BaseDistribution,
    ) -> Any:
        """See Optuna."""
        del study, trial, param_distribution
        assert self._chosen is not None
        return self._chosen.root[param_name]
