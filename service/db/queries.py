"""Listings, page by page. Each visits all that was there when it began exactly once, whatever is written in between."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Subquery, and_, cast, func, or_, select, tuple_
from sqlalchemy.orm import Session, undefer

from service.db.cursors import read_cursor, write_cursor
from service.db.locking import no_study
from service.db.mapping import event_record, rollout_record, study_record, trial_record
from service.db.rows import EventRow, ReportRow, RolloutRow, StudyRow, TrialRow
from unhobble.errors import BadInput, Issue, NotFound
from unhobble.records import Event, Page, RolloutFilter, RolloutRecord, StudyRecord, TrialRecord
from unhobble.vocabulary import FailureCode, RolloutState, Split

# --- studies --------------------------------------------------------------------------------------------------------------
_STUDIES = select(StudyRow, ReportRow.report).outerjoin(ReportRow).options(undefer(StudyRow.spec))


def one_study(session: Session, study_id: str) -> StudyRecord:
    """A study. Raises ``NotFound``."""
    found = session.execute(_STUDIES.where(StudyRow.id == study_id)).one_or_none()
    if found is None:
        raise no_study(study_id)
    return study_record(*found)


def page_of_studies(session: Session, limit: int, cursor: str | None) -> Page[StudyRecord]:
    """Studies, newest first."""
    query = _STUDIES.order_by(StudyRow.created_at.desc(), StudyRow.id.desc()).limit(limit + 1)
    if cursor is not None:
        place = read_cursor("studies", cursor, at=float, id=str)
        query = query.where(tuple_(StudyRow.created_at, StudyRow.id) < (place["at"], place["id"]))
    found = session.execute(query).all()
    items = tuple(study_record(*row) for row in found[:limit])
    more = len(found) > limit
    return Page(items=items, next_cursor=write_cursor("studies", at=items[-1].created_at, id=items[-1].id) if more else None)


# --- trials ---------------------------------------------------------------------------------------------------------------
def page_of_trials(session: Session, study_id: str, limit: int, cursor: str | None, order: str) -> Page[TrialRecord]:
    """Trials by number or by score, as they stood when the first page was read."""
    if order not in ("number", "score"):
        raise BadInput([Issue("order", f"allowed are number and score, not {order!r:.100}")])
    listing = f"trials by {order}"
    place = None if cursor is None else read_cursor(listing, cursor, seen=int, rank=int, number=int)
    # Scores go on changing between two pages; the order is that of the rollouts that had been finished at the first one.
    seen = _last_finished(session, study_id) if place is None else place["seen"]
    observed = _observed(study_id, seen)
    rank = func.coalesce(observed.c.rank, -1) if order == "score" else cast(0, BigInteger)
    query = (
        select(TrialRow, observed.c.scored, observed.c.mean, rank)
        .outerjoin(observed, observed.c.trial == TrialRow.number)
        .where(TrialRow.study == study_id)
        .order_by(rank.desc(), TrialRow.number)
        .limit(limit + 1)
    )
    if place is not None:
        query = query.where(or_(rank < place["rank"], and_(rank == place["rank"], TrialRow.number > place["number"])))
    found = session.execute(query).all()
    items = tuple(trial_record(row, scored, mean) for row, scored, mean, _ in found[:limit])
    if len(found) <= limit:
        return Page(items=items)
    return Page(items=items, next_cursor=write_cursor(listing, seen=seen, rank=found[limit - 1][3], number=items[-1].number))


def _last_finished(session: Session, study_id: str) -> int:
    """How many rollouts of a study were finished. Raises ``NotFound``."""
    last = session.scalar(select(StudyRow.last_finished).where(StudyRow.id == study_id))
    if last is None:
        raise no_study(study_id)
    return last


def _observed(study_id: str, seen: int) -> Subquery:
    """What the first ``seen`` rollouts of a study say of its trials on the search split.

    ``rank`` is the mean in 10⁻⁹: an integer, because the sum of floats depends on the order in which a database meets them.
    """
    mean = func.avg(RolloutRow.score)
    return (
        select(
            RolloutRow.trial,
            func.count(RolloutRow.score).label("scored"),
            mean.label("mean"),
            cast(func.round(mean * 1e9), BigInteger).label("rank"),
        )
        .where(RolloutRow.study == study_id, RolloutRow.split == Split.search, RolloutRow.finished_order <= seen)
        .group_by(RolloutRow.trial)
        .subquery()
    )


# --- rollouts -------------------------------------------------------------------------------------------------------------
def one_rollout(session: Session, rollout_id: str) -> RolloutRecord:
    """A rollout. Raises ``NotFound``."""
    found = session.execute(_rollouts().where(RolloutRow.id == rollout_id)).one_or_none()
    if found is None:
        raise NotFound(f"no rollout {rollout_id!r:.100}")
    return rollout_record(*found)


def page_of_rollouts(session: Session, study_id: str, where: RolloutFilter, limit: int, cursor: str | None) -> Page[RolloutRecord]:
    """Finished rollouts in their order, then those under way.

    A walk has two parts. The first follows ``finished_order``. The second follows the id through what the first did not show:
    rollouts under way, and those finished after it ended (at ``finished``). ``id`` is empty in the first part.
    """
    start: dict[str, Any] = {"finished": 0, "id": ""}
    place = start if cursor is None else read_cursor("rollouts", cursor, finished=int, id=str)
    _last_finished(session, study_id)
    matching = _rollouts().where(RolloutRow.study == study_id, *_conditions(where))
    first: list[tuple[RolloutRow, Any]] = []
    if not place["id"]:
        first = _after(session, matching, RolloutRow.finished_order, place["finished"], limit + 1)
        if len(first) > limit:
            return _rollouts_page(first[:limit], finished=first[limit - 1][0].finished_order, id="")
        place["finished"] = first[-1][0].finished_order if first else place["finished"]
    if where.state is RolloutState.finished:
        return _rollouts_page(first)
    not_shown = or_(RolloutRow.finished_order.is_(None), RolloutRow.finished_order > place["finished"])
    second = _after(session, matching.where(not_shown), RolloutRow.id, place["id"], limit + 1 - len(first))
    found = first + second
    if len(found) <= limit:
        return _rollouts_page(found)
    return _rollouts_page(found[:limit], finished=place["finished"], id=second[-2][0].id if len(second) > 1 else "")


def _rollouts() -> Select[tuple[RolloutRow, Any]]:
    trial = and_(TrialRow.study == RolloutRow.study, TrialRow.number == RolloutRow.trial)
    return select(RolloutRow, TrialRow.configuration).join(TrialRow, trial)


def _conditions(where: RolloutFilter) -> list[ColumnElement[bool]]:
    wanted = {name: getattr(where, name) for name in ("trial", "task", "split", "state")}
    conditions = [getattr(RolloutRow, name) == value for name, value in wanted.items() if value is not None]
    if where.failure_class is not None:
        codes = [code for code in FailureCode if code.failure_class is where.failure_class]
        conditions.append(RolloutRow.label_code.in_(codes))
    return conditions


def _after(
    session: Session, query: Select[tuple[RolloutRow, Any]], key: Any, value: int | str, limit: int
) -> list[tuple[RolloutRow, Any]]:
    return [(row, configuration) for row, configuration in session.execute(query.where(key > value).order_by(key).limit(limit))]


def _rollouts_page(found: list[tuple[RolloutRow, Any]], **place: str | int | None) -> Page[RolloutRecord]:
    items = tuple(rollout_record(*row) for row in found)
    return Page(items=items, next_cursor=write_cursor("rollouts", **place) if place else None)


# --- events ---------------------------------------------------------------------------------------------------------------
def events_after(session: Session, study_id: str, after: int, limit: int) -> list[Event]:
    """Events with a number above ``after``, in order. Raises ``NotFound`` where there is no such study."""
    query = select(EventRow).where(EventRow.study == study_id, EventRow.number > after).order_by(EventRow.number).limit(limit)
    events = [event_record(row) for row in session.scalars(query)]
    if not events:
        _last_finished(session, study_id)
    return events
