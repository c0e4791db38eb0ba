"""One study at a time: its row is locked, changed and written, with its events, in one transaction."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.engine import database_time
from service.db.rows import EventRow, StudyRow
from unhobble.errors import LeaseLost, NotFound
from unhobble.records import Lease


@dataclass(frozen=True)
class LockedStudy:
    """A study whose row nobody else can change until the transaction ends.

    ``row`` is written at the end of the transaction, its version one higher; ``now`` is the database's time under the lock.
    """

    session: Session
    row: StudyRow
    now: float

    def record(self, kind: str, **data: Any) -> None:
        """Write the study's next event."""
        self.row.last_event += 1
        self.session.add(EventRow(study=self.row.id, number=self.row.last_event, at=self.now, kind=kind, data=data))

    def account_time(self) -> None:
        """Book the time since the owner was last heard of, but no more than its lease ran."""
        row = self.row
        row.active_s += max(0.0, min(self.now - row.lease_seen_at, row.lease_ttl_s))
        row.lease_seen_at = self.now


def read_time(session: Session) -> float:
    """The database's time."""
    return session.execute(select(database_time())).scalar_one()


def lock_study(session: Session, study_id: str) -> LockedStudy:
    """Lock a study. Raises ``NotFound``."""
    row = session.get(StudyRow, study_id, with_for_update=True)
    if row is None:
        raise no_study(study_id)
    return LockedStudy(session, row, read_time(session))


def lock_leased_study(session: Session, lease: Lease) -> LockedStudy:
    """Lock a study for its owner. Raises ``LeaseLost`` where it has another one, none, or is gone.

    A lease that ran out unnoticed is good until somebody takes it: nothing was written in between.
    """
    row = session.get(StudyRow, lease.study, with_for_update=True)
    if row is None or row.lease_owner != lease.owner or row.lease_epoch != lease.epoch:
        raise LeaseLost(
            f"study {lease.study} does not belong to {lease.owner} (lease epoch {lease.epoch}) any more: "
            "the lease was given back or another controller took it; write nothing more"
        )
    study = LockedStudy(session, row, read_time(session))
    study.account_time()
    return study


def no_study(study_id: str) -> NotFound:
    """The error for a study that does not exist."""
    return NotFound(f"no study {study_id!r:.100}")
