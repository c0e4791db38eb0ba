"""The use-case of asking what success is believed of configurations, tried or not, of any study that has scored rollouts."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, ValidationError

from service.paging import all_rollouts, all_trials
from service.plan import problem_of
from service.search.problem import SearchProblem
from unhobble.analysis.report import Findings
from unhobble.configuration import Configuration, check_configuration
from unhobble.errors import BadInput, Conflict, Issue, NotFound
from unhobble.messages import Frozen
from unhobble.protocols import StudyStore
from unhobble.records import Prediction, RolloutFilter, StudyRecord, TrialRecord
from unhobble.registry import Registry, validation_issues
from unhobble.tracks import Track
from unhobble.vocabulary import RolloutState, Split, TrialState

if TYPE_CHECKING:
    from service.search.forecast import Forecast

MOST = 100
"""Configurations that are predicted at once."""

_KEPT = 4
"""Studies whose forecasts are kept; one of a large study holds some ten megabytes."""

_KEY = "configurations"


class Predicted(Frozen):
    """What is believed of some configurations: success rates on the search tasks, under the model of ``pooled``."""

    study: str
    simulated: bool = Field(description="Whether the model of the study is simulated: then so is every figure here.")
    strategy: str = Field(description="The strategy that chose the rollouts.")
    rollouts: int = Field(description="Scored rollouts of the search that it rests on.")
    predictions: tuple[Prediction, ...] = Field(description="In the order in which they were asked for.")

    @property
    def words(self) -> str:
        """What it is and what it is not."""
        return (
            f"Beliefs of the model of pooled after {self.rollouts} rollouts of the search, on its tasks: credible, not measured. "
            "Where nothing near a configuration was tried, its interval is that of the model's assumptions."
        )


@dataclass
class Forecasts:
    """The forecasts of the studies that were asked for last, each as long as no further rollout is scored. Thread-safe.

    One is made at a time: it takes up to a few seconds of one core.
    """

    _kept: "OrderedDict[str, tuple[object, Forecast | None]]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, store: StudyStore, record: StudyRecord, problem: SearchProblem) -> "Forecast | None":
        """The forecast of a study; None where it has no scored rollout of the search, or the model cannot be fitted."""
        trials = {trial.number: trial for trial in all_trials(store, record.id) if _is_living(trial, problem)}
        stand = tuple((trial.number, trial.scored) for trial in trials.values())
        with self._lock:
            if record.id not in self._kept or self._kept[record.id][0] != stand:
                self._kept[record.id] = stand, _fitted(store, record, problem, trials)
            self._kept.move_to_end(record.id)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[record.id][1]


def predict(store: StudyStore, registry: Registry, forecasts: Forecasts, study_id: str, document: Any) -> Predicted:
    """What is believed of the configurations of ``document``; blocks for up to a few seconds, so not for an event loop.

    Raises ``NotFound`` for an unknown study, ``BadInput`` with all that is wrong with the document, and ``Conflict`` where the
    study has no scored rollout of the search yet, or its space or suite is not to be had any more.
    """
    record = store.study(study_id)
    try:
        problem = problem_of(record.spec, registry)
    except BadInput as error:
        raise Conflict(f"study {study_id} cannot be looked at any more as it was searched: {error}") from None
    tried = {trial.configuration: trial.scored for trial in all_trials(store, study_id) if _is_living(trial, problem)}
    wanted = read_configurations(document, problem, registry, also={*tried, problem.baseline})
    found = forecasts.of(store, record, problem)
    try:
        predictions = found.predict(wanted, _recommended(record)) if found else None
    except np.linalg.LinAlgError:
        predictions = None
    if found is None or predictions is None:
        lacks = "rollouts that the model cannot be fitted to" if any(tried.values()) else "no scored rollout of its search"
        raise Conflict(f"study {study_id} is {record.phase.value} and has {lacks}: nothing can be said of any configuration")
    return Predicted(
        study=study_id,
        simulated=record.spec.model.is_organism or bool(record.report and record.report["model"]["simulated"]),
        strategy=record.spec.search.strategy,
        rollouts=found.rollouts,
        predictions=tuple(predictions),
    )


def read_configurations(
    document: Any, problem: SearchProblem, registry: Registry, *, also: set[Configuration]
) -> list[Configuration]:
    """The configurations of ``{configurations: [...]}``, each in the space or among ``also``.

    Raises ``BadInput`` with every issue.
    """
    if not isinstance(document, Mapping):
        raise BadInput([Issue("", f"must be a mapping with {_KEY}, a list of up to {MOST} of them, not {document!r:.100}")])
    issues = [Issue(str(key), f"unknown field; there is {_KEY}") for key in document if key != _KEY]
    listed = document.get(_KEY)
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        what = f"{len(listed)} of them" if isinstance(listed, list) else f"{listed!r:.100}" if _KEY in document else "nothing"
        raise BadInput([*issues, Issue(_KEY, f"must be a list of 1 to {MOST} configurations, not {what}")])
    wanted = []
    for place, one in enumerate(listed):
        at = f"{_KEY}.{place}"
        try:
            configuration = Configuration.model_validate(one)
        except ValidationError as error:
            issues += _shape_issues(error, one, at)
            continue
        found = [] if configuration in also else _issues(configuration, problem, registry)
        issues += [Issue(f"{at}.{issue.path}", issue.message) for issue in found]
        if not found:
            wanted.append(configuration if configuration in also else _snapped(configuration, problem))
    if issues:
        raise BadInput(issues)
    return wanted


def _issues(configuration: Configuration, problem: SearchProblem, registry: Registry) -> list[Issue]:
    """Why it is not of the space, and what is wrong with it besides; one issue for each path."""
    found = [*problem.space.contains(configuration), *check_configuration(configuration, registry)]
    return list({issue.path: issue for issue in reversed(found)}.values())[::-1]


def _shape_issues(error: ValidationError, one: Any, at: str) -> list[Issue]:
    """One issue for each path: a value that is of none of four types is no four things wrong."""
    if not isinstance(one, Mapping):
        return [Issue(at, f"must be a mapping from paths to values, not {one!r:.100}")]
    paths = {".".join(map(str, found["loc"][:1])): found for found in error.errors()}
    if not paths:
        return validation_issues(error, at)
    return [
        Issue(f"{at}.{path}", f"must be a text, a number, true or false, not {found['input']!r:.100}")
        for path, found in paths.items()
    ]


def _snapped(configuration: Configuration, problem: SearchProblem) -> Configuration:
    """The same with the values that the space has, of which these may be off by rounding."""
    return problem.space.from_draws(lambda path, _: configuration.root[path])


def _recommended(record: StudyRecord) -> dict[Track, Configuration]:
    """What the study recommends in each track, as its findings have it; they may be some seconds old."""
    found = Findings.model_validate(record.report) if record.report else None
    if found is None:
        return {}
    by_track = {found.track: found.best_so_far} | {other.track: other.best_so_far for other in found.others}
    return {track: best.configuration for track, best in by_track.items() if best}


def _is_living(trial: TrialRecord, problem: SearchProblem) -> bool:
    """Whether a trial counts: its words and code had not changed when the study went on, and what it chose is installed."""
    if trial.state is TrialState.retired:
        return False
    try:
        problem.track_of(trial.configuration)
    except (NotFound, BadInput):
        return False
    return True


def _fitted(store: StudyStore, record: StudyRecord, problem: SearchProblem, trials: Mapping[int, TrialRecord]) -> "Forecast | None":
    from service.search.confirmation import outcome_of
    from service.search.forecast import forecast  # SciPy, which only this needs here

    where = RolloutFilter(split=Split.search, state=RolloutState.finished)
    rollouts = [rollout for rollout in all_rollouts(store, record.id, where) if rollout.trial in trials]
    outcomes = [outcome_of(rollout, record.spec.objective) for rollout in rollouts]
    return forecast(problem, outcomes, frozenset(_recommended(record).values()))
