"""Optuna's side of a search: the study that its sampler learns from and its pruner looks at. It is never the record of anything."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import optuna

from search_spaces.dimensions import Choice, Dimension, Integer, Real
from search_spaces.space import Space
from unhobble.configuration import Configuration, Scalar

optuna.logging.set_verbosity(logging.WARNING)

TRACK = "track"
"""The attribute of Optuna's trials that says which of them may be compared."""

SamplerOfSeed = Callable[[int], optuna.samplers.BaseSampler]


@contextmanager
def experimental() -> Iterator[None]:
    """Optuna marks parts of itself as experimental, by a warning, that it recommends all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def tpe_sampler(startup_trials: int) -> SamplerOfSeed:
    """Optuna's TPE as its documents recommend it for a space like ours, with many trials under way.

    ``multivariate`` models dimensions together, ``group`` is what lets it see conditional ones, and ``constant_liar`` keeps trials
    under way from being proposed again. https://optuna.readthedocs.io/en/stable/reference/samplers/generated/optuna.samplers.TPESampler.html
    """

    def make(seed: int) -> optuna.samplers.BaseSampler:
        with experimental():
            return optuna.samplers.TPESampler(
                n_startup_trials=startup_trials, multivariate=True, group=True, constant_liar=True, seed=seed
            )

    return make


class Proposer:
    """Draws configurations of ``space`` from an Optuna sampler, and lets it learn what became of them.

    ``flat``: the sampler is shown every dimension of every trial, for samplers that cannot see conditional ones. A dimension that a
    configuration does not set stands at its standard value, whatever was drawn for it, so that one configuration is one point.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        sampler: SamplerOfSeed,
        pruner: optuna.pruners.BasePruner | None = None,
        *,
        flat: bool = False,
    ) -> None:
        self._space = space
        self._seed = seed
        self._sampler = sampler
        self._flat = flat
        # HyperbandPruner gives trials to brackets by the study's name, which Optuna makes up where it is not told.
        self._optuna = optuna.create_study(
            study_name="search",
            direction="maximize",
            storage=optuna.storages.InMemoryStorage(),
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=pruner or optuna.pruners.NopPruner(),
        )

    def draw(self, fixed: Mapping[str, Scalar]) -> tuple[Configuration, optuna.trial.Trial]:
        """A configuration with the values ``fixed``, and Optuna's trial of it, which waits for its value."""
        # A sampler of its own for each proposal makes it depend on the history alone, so that a restart changes nothing.
        self._optuna.sampler = self._sampler((self._seed * 1_000_003 + len(self._optuna.get_trials(deepcopy=False))) % 2**32)
        if fixed:
            self._optuna.enqueue_trial(dict(fixed))  # the rest of the next proposal is the sampler's
        proposal = self._optuna.ask()
        if not self._flat:
            return self._space.from_draws(lambda path, dimension: suggest(proposal, path, dimension)), proposal
        drawn = {dimension.path: suggest(proposal, dimension.path, dimension) for dimension in self._space.dimensions}
        configuration = self._space.from_draws(lambda path, _: drawn[path])
        self.forget(proposal)
        return configuration, self._entered(configuration)

    def take_over(self, configuration: Configuration) -> optuna.trial.Trial | None:
        """Optuna's trial of a configuration that it did not propose; None where that is not in the space."""
        return None if self._space.contains(configuration) else self._entered(configuration)

    def tell(self, proposal: optuna.trial.Trial, value: float) -> None:
        """``value`` is what became of ``proposal``."""
        self._optuna.tell(proposal, value)

    def tell_pruned(self, proposal: optuna.trial.Trial) -> None:
        """``proposal`` was dropped; what it reported is what the sampler learns."""
        self._optuna.tell(proposal, state=optuna.trial.TrialState.PRUNED)

    def forget(self, proposal: optuna.trial.Trial) -> None:
        """``proposal`` will never have a value, and says nothing."""
        self._optuna.tell(proposal, state=optuna.trial.TrialState.FAIL)

    def _entered(self, configuration: Configuration) -> optuna.trial.Trial:
        values = dict(configuration.root)
        if self._flat:
            values = {dimension.path: _standard(dimension) for dimension in self._space.dimensions} | values
        self._optuna.enqueue_trial(values)
        proposal = self._optuna.ask()
        for dimension in self._space.dimensions:
            if dimension.path in values:
                suggest(proposal, dimension.path, dimension)
        return proposal


def suggest(trial: optuna.trial.BaseTrial, path: str, dimension: Dimension) -> Scalar:
    """The value of a dimension in Optuna's ``trial``."""
    match dimension:
        case Choice():
            return cast("Scalar", trial.suggest_categorical(path, dimension.options))
        case Integer():
            return int(trial.suggest_int(path, dimension.low, dimension.high, step=dimension.step, log=dimension.log))
        case Real():
            return float(trial.suggest_float(path, dimension.low, dimension.high, step=dimension.step, log=dimension.log))
        case _:
            raise TypeError(f"no Optuna distribution for {type(dimension).__name__}")


def _standard(dimension: Dimension) -> Scalar:
    """What stands for a dimension where it is not set: its first option, or the middle of its values."""
    match dimension:
        case Integer() | Real() if dimension.count is not None:
            values = list(dimension.values())
            return values[len(values) // 2]
        case Real():
            return (dimension.low * dimension.high) ** 0.5 if dimension.log else (dimension.low + dimension.high) / 2
        case _:
            return dimension.extremes[0]
