"""SMAC3 behind lines of JSON, for ``smac3``. Runs in .venv-bench and imports nothing of this project.

First line: the setting. Then ``{"ask": N}``, ``{"tell": KEY, "cost": 0 to 1, or null for none}`` or ``{"incumbent": true}``.
Each is answered by one line, with the CPU seconds so far.

SMAC3 as it is documented for algorithm configuration over instances
(https://automl.github.io/SMAC3/latest/api/smac/facade/algorithm_configuration_facade/): its facade with its defaults (a random
forest over configurations and instance features, expected improvement, every second challenger at random, an intensifier that
doubles a challenger's instances while it may be better than the incumbent, the default configuration first), features for each
instance, and outcomes that are not deterministic.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ConfigSpace import (
    AndConjunction,
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    InCondition,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from smac import AlgorithmConfigurationFacade, Scenario
from smac.runhistory import StatusType, TrialInfo, TrialValue


class Server:
    """Answers the lines after the first, which is ``setting``."""

    def __init__(self, setting: dict[str, Any], folder: Path) -> None:
        self._kinds = {dimension["path"]: dimension["kind"] for dimension in setting["dimensions"]}
        scenario = Scenario(
            _space(setting["dimensions"], setting["seed"]),
            output_directory=folder,
            deterministic=False,
            n_trials=setting["rollouts"],
            instances=list(setting["tasks"]),
            instance_features=setting["tasks"],
            seed=setting["seed"],
        )
        # All features are kept: to predict from fewer, which is the default, fails in the random forest of SMAC3 2.4.1.
        features = max(len(own) for own in setting["tasks"].values())
        model = AlgorithmConfigurationFacade.get_model(scenario, pca_components=features)
        # There is no target function: rollouts are asked for and told.
        self._smac = AlgorithmConfigurationFacade(scenario, model=model, logging_level=False, overwrite=True)
        self._infos: dict[int, TrialInfo] = {}
        self._keys = 0

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """What a line is answered with."""
        if "ask" in message:
            return {"asked": self._ask(message["ask"])}
        if "tell" in message:
            return self._tell(message["tell"], message["cost"])
        incumbents = self._smac.intensifier.get_incumbents()
        return {"incumbent": self._values(incumbents[0]) if incumbents else None}

    def _ask(self, number: int) -> list[dict[str, Any]]:
        asked = []
        for _ in range(number):
            try:
                info = self._smac.ask()
            except StopIteration:  # nothing more until something is told
                break
            self._infos[self._keys] = info
            values = self._values(info.config)
            asked.append({"key": self._keys, "values": values, "task": info.instance, "seed": info.seed})
            self._keys += 1
        return asked

    def _tell(self, key: int, cost: float | None) -> dict[str, Any]:
        status = StatusType.SUCCESS if cost is not None else StatusType.CRASHED
        self._smac.tell(self._infos.pop(key), TrialValue(cost=1.0 if cost is None else cost, status=status), save=False)
        return {}

    def _values(self, config: Configuration) -> dict[str, float]:
        return {path: float(value) for path, value in dict(config).items()}


def _space(dimensions: list[dict[str, Any]], seed: int) -> ConfigurationSpace:
    space = ConfigurationSpace(seed=seed)
    parts = {dimension["path"]: _parameter(dimension) for dimension in dimensions}
    space.add(*parts.values())
    for dimension in dimensions:
        own = parts[dimension["path"]]
        kinds = {one["path"]: one["kind"] for one in dimensions}
        conditions = [
            InCondition(own, parts[path], [str(place) if kinds[path] == "choice" else place for place in places])
            for path, places in dimension["when"].items()
        ]
        if conditions:
            space.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
    return space


def _parameter(dimension: dict[str, Any]) -> Any:
    path, first = dimension["path"], dimension["first"]
    if dimension["kind"] == "real":
        bounds = (dimension["low"], dimension["high"])
        return UniformFloatHyperparameter(path, *bounds, default_value=first, log=dimension["log"])
    count = dimension["count"]
    if dimension["kind"] == "choice" or count == 1:  # whole numbers need two at least
        return CategoricalHyperparameter(path, [str(place) for place in range(count)], default_value=str(first))
    return UniformIntegerHyperparameter(path, 0, count - 1, default_value=first)


def main() -> None:
    """Answer lines until there are no more."""
    out, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed is no answer
    with tempfile.TemporaryDirectory() as folder:
        server: Server | None = None
        for line in sys.stdin:
            message = json.loads(line)
            if server is None:
                server, answer = Server(message, Path(folder)), {}
            else:
                answer = server.answer(message)
            out.write(json.dumps(answer | {"cpu_s": time.process_time()}) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
