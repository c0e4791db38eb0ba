"""SMAC3 from the package index, in an environment and a process of its own (``smac3_process``), asked and told line by line."""

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.search.peers._observed import claimed
from search_spaces.dimensions import Choice, Dimension, Real
from service.search.problem import SearchProblem
from unhobble.configuration import Configuration, Scalar
from unhobble.errors import UnhobbleError
from unhobble.records import Outcome, Outlook, Recommendation, RolloutRequest
from unhobble.tracks import Track
from unhobble.vocabulary import TrialState

_ENVIRONMENT = Path(__file__).resolve().parents[3] / ".venv-bench"


def lacking() -> str:
    """What must be done before ``Smac3`` can be had; empty where nothing must be."""
    if any(_ENVIRONMENT.glob("lib/python*/site-packages/smac/__init__.py")):
        return ""
    return "smac3 is not installed in .venv-bench: benchmarks/install-peers does that, and make bench-search calls it"


class Smac3:
    """``protocols.SearchStrategy`` over SMAC3's ask and tell. To be closed after use.

    A dimension with finitely many values is handed over by the places of its values: as categories where they have no order, else
    as whole numbers. Tasks are instances; their features are the logarithm of the human minutes and the family.
    """

    forecasts = False

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._values = {d.path: list(d.values()) for d in problem.space.dimensions if d.count is not None}
        self._configurations: dict[int, Configuration] = {}
        self._trials: dict[Configuration, int] = {}
        self._scores: dict[int, list[float]] = {}
        self._epochs: dict[int, int] = {}
        self._keys: dict[tuple[int, str, int], int] = {}
        self._asked = 0
        self.cpu_elsewhere_s = 0.0
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [_ENVIRONMENT / "bin" / "python", "-W", "ignore", Path(__file__).with_name("smac3_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads,
        )
        self._ask(self._setting())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def propose(self, n: int) -> list[RolloutRequest]:
        """See ``protocols.SearchStrategy``."""
        wanted = min(n, self._problem.rollouts - self._asked)
        requests = []
        for one in self._ask({"ask": wanted})["asked"] if wanted > 0 else []:
            configuration = self._configuration(one["values"])
            trial = self._trials.setdefault(configuration, len(self._trials))
            self._configurations[trial] = configuration
            epoch = self._epochs.setdefault(one["seed"], len(self._epochs))
            self._keys[trial, one["task"], epoch] = one["key"]
            requests.append(RolloutRequest(trial=trial, configuration=configuration, task=one["task"], epoch=epoch))
        self._asked += len(requests)
        return requests

    def adopt(self, trial: int, configuration: Configuration) -> None:
        """See ``protocols.SearchStrategy``. What SMAC3 did not ask for it is not told."""
        self._trials[configuration] = trial
        self._configurations[trial] = configuration

    def record(self, outcome: Outcome) -> None:
        """See ``protocols.SearchStrategy``."""
        key = self._keys.pop((outcome.trial, outcome.task, outcome.epoch), None)
        if outcome.score is not None:
            self._scores.setdefault(outcome.trial, []).append(outcome.score)
        if key is not None:
            self._ask({"tell": key, "cost": None if outcome.score is None else 1 - outcome.score})

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        self._asked -= 1
        self._ask({"tell": self._keys.pop((request.trial, request.task, request.epoch)), "cost": None})

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        return TrialState.running if any(cell[0] == trial for cell in self._keys) else TrialState.complete

    def recommend(self, n: int = 1, track: Track | None = None) -> list[Recommendation]:
        """See ``protocols.SearchStrategy``. The incumbent, and no other."""
        del track
        incumbent = self._ask({"incumbent": True})["incumbent"]
        trial = None if incumbent is None else self._trials.get(self._configuration(incumbent))
        if trial is None or trial not in self._scores or n < 1:
            return []
        return [claimed(trial, self._configurations[trial], self._scores[trial])]

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """None: it gives no limit for the space."""
        del track
        return None

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Put a question and wait for the answer. Raises ``UnhobbleError`` where the process ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError) as error:
            raise UnhobbleError("SMAC3's process ended; what it said stands above") from error
        self.cpu_elsewhere_s = answer["cpu_s"]
        return answer

    def _setting(self) -> dict[str, Any]:
        families = sorted({task.family for task in self._problem.tasks})
        features = {
            task.id: [math.log(task.human_minutes), *(float(task.family == family) for family in families)]
            for task in self._problem.tasks
        }
        dimensions = [self._described(dimension) for dimension in self._problem.space.dimensions]
        # SMAC3 wants a seed of 32 bits, and takes -1 for none.
        return {"dimensions": dimensions, "tasks": features, "seed": self._problem.seed % 2**31, "rollouts": self._problem.rollouts}

    def _described(self, dimension: Dimension) -> dict[str, Any]:
        at_first = self._problem.baseline.root.get(dimension.path)
        when = {path: [self._place(path, value) for value in values] for path, values in dimension.when.items()}
        described: dict[str, Any] = {"path": dimension.path, "when": when}
        if isinstance(dimension, Real) and dimension.count is None:
            return described | {
                "kind": "real",
                "low": dimension.low,
                "high": dimension.high,
                "log": dimension.log,
                "first": at_first,
            }
        first = 0 if at_first is None else self._place(dimension.path, at_first)
        kind = "choice" if isinstance(dimension, Choice) else "ordered"
        return described | {"kind": kind, "count": dimension.count, "first": first}

    def _place(self, path: str, value: Scalar) -> int:
        return next(
            i for i, own in enumerate(self._values[path]) if own == value and isinstance(own, bool) == isinstance(value, bool)
        )

    def _configuration(self, values: dict[str, float]) -> Configuration:
        chosen = {path: self._values[path][int(value)] if path in self._values else value for path, value in values.items()}
        return self._problem.space.from_draws(lambda path, _: chosen[path])
