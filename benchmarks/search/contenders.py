"""Who can search: every strategy that is installed, some of them with other options under a name of their own, and the peers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from benchmarks.search.peers import PEERS
from service.search.problem import SearchProblem
from unhobble.errors import BadInput, Issue
from unhobble.protocols import SearchStrategy
from unhobble.registry import installed, validation_issues
from unhobble.vocabulary import PluginKind

_WHOLE_SUITE: Mapping[str, Any] = {"first_tasks": 1_000_000, "contenders_fraction": 0.0}
"""Every configuration has every task, and nothing is kept for the best of them: how an optimiser is used that knows no tasks."""

VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "random_whole": ("random", _WHOLE_SUITE),
    "tpe_whole": ("tpe", _WHOLE_SUITE),
}
"""Strategies with other options: the strategy's id, and its options."""

_ANYTIME = {"pooled", "random_whole", "tpe_whole", "smac3"}
"""What these do does not depend on how large the budget is, so that one search to the largest shows what the smaller give."""


@dataclass(frozen=True)
class Contender:
    """Something that can search. ``make`` raises ``BadInput`` where it cannot."""

    label: str
    anytime: bool
    make: Callable[[SearchProblem], SearchStrategy]


def names() -> list[str]:
    """Every name that ``contender`` knows, without options; peers that are not installed among them."""
    return [*installed().ids(PluginKind.strategy), *VARIANTS, *PEERS]


def contender(label: str) -> Contender:
    """What ``NAME`` or ``NAME:option=value,option=value`` stands for. Raises ``BadInput``."""
    name, _, written = label.partition(":")
    options = _options(label, written)
    if name in PEERS:
        if options:
            raise BadInput([Issue("strategies", f"{name} takes no options")])
        peer = PEERS[name]
        peer.check()
        return Contender(label, anytime=name in _ANYTIME, make=peer.make)
    if name not in names():
        raise BadInput([Issue("strategies", f"no strategy {name!r}; there are {', '.join(names())}")])
    plugin, fixed = VARIANTS.get(name, (name, {}))
    given = {**fixed, **options}
    try:
        installed().get(PluginKind.strategy, plugin).config.model_validate(given)
    except ValidationError as error:
        raise BadInput(validation_issues(error, f"strategies.{name}")) from None

    def make(problem: SearchProblem) -> SearchStrategy:
        built: SearchStrategy = installed().build(PluginKind.strategy, plugin, given, problem)
        return built

    return Contender(label, anytime=name in _ANYTIME, make=make)


def _options(label: str, written: str) -> dict[str, Any]:
    options = {}
    for one in filter(None, written.split(",")):
        option, equals, value = one.partition("=")
        if not equals:
            raise BadInput([Issue("strategies", f"{label}: write {option}=VALUE")])
        options[option.strip()] = yaml.safe_load(value)
    return options
