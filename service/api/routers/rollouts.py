"""Rollouts and their transcripts."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.dependencies import StudiesDep
from service.api.schemas import PageOut, RolloutOut
from unhobble.records import RolloutFilter
from unhobble.vocabulary import FailureClass, RolloutState, Split

router = APIRouter(prefix="/v1", tags=["rollouts"])


@router.get("/studies/{study_id}/rollouts")
def rollouts(
    study_id: str,
    studies: StudiesDep,
    trial: int | None = None,
    task: str | None = None,
    split: Split | None = None,
    state: RolloutState | None = None,
    label: Annotated[FailureClass | None, Query(description="Class of the failure label.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> PageOut[RolloutOut]:
    """A study's rollouts, in the order in which they were finished."""
    where = RolloutFilter(trial=trial, task=task, split=split, state=state, failure_class=label)
    page = studies.store.rollouts(study_id, where, limit=limit, cursor=cursor)
    return PageOut(items=[RolloutOut.of(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/rollouts/{rollout_id}")
def rollout(rollout_id: str, studies: StudiesDep) -> RolloutOut:
    """One rollout with its transcript (null as long as it is under way)."""
    record = studies.store.rollout(rollout_id)
    finished = record.state is RolloutState.finished
    return RolloutOut.of(record, studies.store.transcript(rollout_id) if finished else None)
