"""Walks through all pages of a list of the store."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from unhobble.protocols import StudyStore
from unhobble.records import Page, RolloutFilter, RolloutRecord, StudyRecord, TrialRecord

T = TypeVar("T")
_PAGE = 1_000


def all_studies(store: StudyStore) -> Iterator[StudyRecord]:
    """Every study, newest first."""
    return _walk(lambda cursor: store.studies(cursor=cursor))


def all_trials(store: StudyStore, study_id: str) -> Iterator[TrialRecord]:
    """Every trial of a study, by number."""
    return _walk(lambda cursor: store.trials(study_id, limit=_PAGE, cursor=cursor))


def all_rollouts(store: StudyStore, study_id: str, where: RolloutFilter) -> Iterator[RolloutRecord]:
    """Every rollout of a study that ``where`` lets through, in the order in which they were finished."""
    return _walk(lambda cursor: store.rollouts(study_id, where, limit=_PAGE, cursor=cursor))


def _walk(page_at: Callable[[str | None], Page[T]]) -> Iterator[T]:
    cursor: str | None = None
    while True:
        page = page_at(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
