"""A study's events: as server-sent events, or as pages."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent

from service.api.dependencies import StudiesDep
from service.api.schemas import EventOut, EventPage
from service.studies import Studies

_POLL_S = 0.5
router = APIRouter(prefix="/v1/studies", tags=["events"])


@router.get("/{study_id}/events", response_model=EventPage)
async def events(
    study_id: str,
    request: Request,
    studies: StudiesDep,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    last_event_id: Annotated[int | None, Header()] = None,
) -> EventPage | Response:
    """Events after a number. Accept: application/json gives a page; else they are streamed until the study has ended."""
    await run_in_threadpool(studies.store.study, study_id)  # an unknown study is a 404, not an empty stream
    if "application/json" in request.headers.get("accept", ""):
        found = await run_in_threadpool(lambda: studies.store.events(study_id, after=after, limit=limit))
        return EventPage(items=[EventOut.of(e) for e in found], next_after=found[-1].number if found else after)
    return EventSourceResponse(_stream(studies, study_id, last_event_id or after))


async def _stream(studies: Studies, study_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    """Every event once, in order; ends after the last event of a study that has ended."""
    while True:
        ended = (await run_in_threadpool(studies.store.study, study_id)).phase.is_final
        found = await run_in_threadpool(lambda: studies.store.events(study_id, after=after))  # noqa: B023  # awaited at once
        for event in found:
            after = event.number
            data = json.dumps(EventOut.of(event).model_dump())
            yield ServerSentEvent(data=data, id=str(event.number), event=event.kind)
        if not found:
            if ended:
                return
            await asyncio.sleep(_POLL_S)
