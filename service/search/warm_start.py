"""The earlier studies that a search is warm-started from, as they are in the store."""

import logging

from service.paging import all_rollouts
from service.plan import StudyPlan
from service.search.confirmation import outcome_of
from service.search.problem import Earlier
from unhobble.errors import Issue, NotFound
from unhobble.protocols import StudyStore, Task
from unhobble.records import RolloutFilter, StudyRecord, TaskInfo
from unhobble.registry import Registry
from unhobble.spec import StudySpec
from unhobble.vocabulary import PluginKind, RolloutState, Split

_SCORED = RolloutFilter(split=Split.search, state=RolloutState.finished)
_log = logging.getLogger(__name__)


def warm_start_issues(store: StudyStore, spec: StudySpec) -> list[Issue]:
    """What is wrong with the studies that ``search.warm_start`` names. One under way would be another at every restart."""
    issues = []
    for study in spec.search.warm_start:
        try:
            record = store.study(study)
        except NotFound:
            issues.append(Issue("search.warm_start", f"there is no study {study}; name one that has ended"))
            continue
        if not record.phase.is_final:
            said = f"study {study} is {record.phase.value}; wait until it has ended, or cancel it"
            issues.append(Issue("search.warm_start", said))
        elif not store.rollouts(study, _SCORED, limit=1).items:
            issues.append(Issue("search.warm_start", f"study {study} has no scored rollout on its search split; leave it out"))
    return issues


def earlier_studies(store: StudyStore, plan: StudyPlan, registry: Registry) -> tuple[Earlier, ...]:
    """What the studies of ``search.warm_start`` have seen on their search splits, but for what this study holds out.

    A study that was deleted since is left out: the search goes on without it.
    """
    found = []
    for study in plan.spec.search.warm_start:
        try:
            record = store.study(study)
        except NotFound:
            _log.warning("study %s is deleted, so the search begins without it", study)
            continue
        found.append(_earlier(store, record, plan, registry))
    return tuple(found)


def _earlier(store: StudyStore, record: StudyRecord, plan: StudyPlan, registry: Registry) -> Earlier:
    held_out: set[str] = set()
    if record.spec.suite.id == plan.spec.suite.id:  # the confirmation must know nothing of its tasks beforehand
        held_out = {task.id for task in plan.tasks(Split.held_out)}
    every = all_rollouts(store, record.id, _SCORED)
    outcomes = tuple(outcome_of(one, plan.spec.objective) for one in every if one.task not in held_out)
    known = {task.id: task for task in _tasks(record, registry)}
    names = sorted({outcome.task for outcome in outcomes})
    return Earlier(record.id, tuple(_info(name, known.get(name)) for name in names), outcomes)


def _tasks(record: StudyRecord, registry: Registry) -> tuple[Task, ...]:
    """Those of the study's suite; none where it is not installed any more."""
    try:
        return tuple(registry.build(PluginKind.suite, record.spec.suite.id).tasks)
    except NotFound:
        return ()


def _info(name: str, task: Task | None) -> TaskInfo:
    """A task that is not known any more counts as one of a minute: its human minutes only help to guess how hard it is."""
    if task is None:
        return TaskInfo(id=name, family="", human_minutes=1.0)
    return TaskInfo(id=name, family=task.family, human_minutes=task.human_minutes)
