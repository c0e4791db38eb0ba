"""The idea of MIPROv2's search, written anew: minibatches for many, all tasks now and then for the best so far.

DSPy's MIPROv2 (https://dspy.ai/api/optimizers/MIPROv2/) lets Optuna's TPE propose and scores each proposal on a minibatch of
tasks. After every five minibatches (``minibatch_full_eval_steps``), and at the end, it scores the one with the best average of
minibatches, of those that were not, on all tasks; what it returns is the best of these. This is no part of DSPy, which optimises
instructions and demonstrations alone. Its minibatches are 35 tasks by default, meant for hundreds of tasks; here they are a quarter
of the tasks. With rollouts under way at once, the next proposals do not wait for the last ones, but the end does.
"""

import random
import warnings
from collections import deque
from dataclasses import dataclass, field
from statistics import fmean

import optuna

from benchmarks.search.peers._observed import claimed
from search_spaces.dimensions import Choice, Dimension, Integer, Real
from service.search.problem import SearchProblem
from unhobble.configuration import Configuration, Scalar
from unhobble.records import Outcome, Outlook, Recommendation, RolloutRequest
from unhobble.tracks import Track
from unhobble.vocabulary import TrialState

_SHARE_OF_TASKS = 0.25
_FULL_EVERY = 5

Cell = tuple[int, str, int]
"""Trial, task and epoch."""


@dataclass
class _Batch:
    """Rollouts of one configuration whose mean counts once. ``proposal`` is Optuna's trial, which none of all tasks has."""

    trial: int
    waiting: set[Cell]
    proposal: optuna.trial.Trial | None = None
    scores: list[float] = field(default_factory=list)


class MiproV2Like:
    """``protocols.SearchStrategy``."""

    forecasts = False

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._tasks = [task.id for task in problem.tasks]
        self._size = max(1, round(_SHARE_OF_TASKS * len(self._tasks)))
        self._rng = random.Random(f"miprov2-like-{problem.seed}")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # ``group`` is for conditional dimensions
            sampler = optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True, seed=problem.seed % 2**32)
        self._optuna = optuna.create_study(direction="maximize", sampler=sampler)
        self._configurations: dict[int, Configuration] = {}
        self._epochs: dict[tuple[int, str], int] = {}
        self._batch_of: dict[Cell, _Batch] = {}
        self._queue: deque[RolloutRequest] = deque()
        self._minibatches: dict[int, list[float]] = {}
        self._full: dict[int, list[float]] = {}
        self._promoted: set[int] = set()
        self._since_full = 0
        self._asked = 0

    def propose(self, n: int) -> list[RolloutRequest]:
        """See ``protocols.SearchStrategy``."""
        requests: list[RolloutRequest] = []
        while len(requests) < n and self._asked < self._problem.rollouts:
            if not self._queue and not self._start():
                break
            requests.append(self._queue.popleft())
            self._asked += 1
        return requests

    def adopt(self, trial: int, configuration: Configuration) -> None:
        """See ``protocols.SearchStrategy``."""
        self._configurations[trial] = configuration

    def record(self, outcome: Outcome) -> None:
        """See ``protocols.SearchStrategy``. What an earlier process proposed counts as a minibatch of one."""
        cell = (outcome.trial, outcome.task, outcome.epoch)
        batch = self._batch_of.pop(cell, None) or _Batch(outcome.trial, {cell})
        self._settle(batch, cell, outcome.score)

    def abandon(self, request: RolloutRequest) -> None:
        """See ``protocols.SearchStrategy``."""
        cell = (request.trial, request.task, request.epoch)
        self._asked -= 1
        self._settle(self._batch_of.pop(cell), cell, None)

    def trial_state(self, trial: int) -> TrialState:
        """See ``protocols.SearchStrategy``."""
        return TrialState.running if any(cell[0] == trial for cell in self._batch_of) else TrialState.complete

    def recommend(self, n: int = 1, track: Track | None = None) -> list[Recommendation]:
        """See ``protocols.SearchStrategy``. The best on all tasks by the observed mean."""
        del track
        best = sorted(self._full, key=lambda trial: (-fmean(self._full[trial]), trial))[:n]
        return [claimed(trial, self._configurations[trial], self._full[trial]) for trial in best]

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """None: it knows only what it tried."""
        del track
        return None

    def _start(self) -> bool:
        """Put the next batch into the queue. False where the end waits for what is under way."""
        if not self._configurations:
            self._put(self._entered(self._problem.baseline), self._tasks, None, promoted=True)
            return True
        candidates = self._minibatches.keys() - self._promoted
        at_the_end = self._problem.rollouts - self._asked <= len(self._tasks)
        if at_the_end and self._batch_of:
            return False
        if candidates and (at_the_end or self._since_full >= _FULL_EVERY):
            self._since_full -= _FULL_EVERY
            best = max(sorted(candidates), key=lambda trial: fmean(self._minibatches[trial]))
            self._put(best, self._tasks, None, promoted=True)
            return True
        proposal = self._optuna.ask()
        configuration = self._problem.space.from_draws(lambda path, dimension: _suggested(proposal, path, dimension))
        self._put(self._entered(configuration), self._rng.sample(self._tasks, self._size), proposal)
        return True

    def _entered(self, configuration: Configuration) -> int:
        known = {one: trial for trial, one in self._configurations.items()}
        trial = known.get(configuration, max(self._configurations, default=-1) + 1)
        self._configurations[trial] = configuration
        return trial

    def _put(self, trial: int, tasks: list[str], proposal: optuna.trial.Trial | None, *, promoted: bool = False) -> None:
        if promoted:
            self._promoted.add(trial)
        batch = _Batch(trial, set(), proposal)
        for task in tasks:
            epoch = self._epochs[trial, task] = self._epochs.get((trial, task), -1) + 1
            batch.waiting.add((trial, task, epoch))
            self._batch_of[trial, task, epoch] = batch
            request = RolloutRequest(trial=trial, configuration=self._configurations[trial], task=task, epoch=epoch)
            self._queue.append(request)

    def _settle(self, batch: _Batch, cell: Cell, score: float | None) -> None:
        batch.waiting.discard(cell)
        if score is not None:
            batch.scores.append(score)
        if batch.waiting:
            return
        if batch.scores and batch.proposal is None and batch.trial in self._promoted:
            self._full[batch.trial] = batch.scores
        elif batch.scores:
            self._minibatches.setdefault(batch.trial, []).append(fmean(batch.scores))
            self._since_full += 1
        if batch.proposal is not None and batch.scores:
            self._optuna.tell(batch.proposal, fmean(batch.scores))
        elif batch.proposal is not None:
            self._optuna.tell(batch.proposal, state=optuna.trial.TrialState.FAIL)


def _suggested(proposal: optuna.trial.Trial, path: str, dimension: Dimension) -> Scalar:
    match dimension:
        case Choice():
            place = proposal.suggest_categorical(path, range(len(dimension.options)))
            return dimension.options[int(place)]
        case Integer():
            return int(proposal.suggest_int(path, dimension.low, dimension.high, step=dimension.step, log=dimension.log))
        case Real():
            return float(proposal.suggest_float(path, dimension.low, dimension.high, step=dimension.step, log=dimension.log))
        case _:
            raise TypeError(f"no Optuna distribution for {type(dimension).__name__}")
