"""Who may write to a study: taking, prolonging and giving back its lease. Times are the database's."""

from decimal import Decimal

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from service.db.locking import LockedStudy, lock_leased_study, read_time
from service.db.rows import RolloutRow, StudyRow
from unhobble.records import Lease
from unhobble.vocabulary import Phase, RolloutState

_WORK_TO_DO = (Phase.queued, Phase.searching, Phase.confirming)


def acquire(session: Session, owner: str, ttl_s: float, study_id: str | None) -> Lease | None:
    """Take the oldest study (or ``study_id``) that has work to do and no living owner; its earlier owners are fenced off."""
    now = read_time(session)
    free = or_(StudyRow.lease_owner.is_(None), StudyRow.lease_expires_at <= now)
    query = select(StudyRow).where(StudyRow.phase.in_(_WORK_TO_DO), free).order_by(StudyRow.created_at, StudyRow.id).limit(1)
    if study_id is not None:
        query = query.where(StudyRow.id == study_id)
    # Two controllers that look at once take two studies; neither waits for the other.
    row = session.scalars(query.with_for_update(skip_locked=study_id is None)).first()
    if row is None:
        return None
    requeue_reserved(LockedStudy(session, row, now))
    row.lease_owner = owner
    row.lease_epoch += 1
    row.lease_seen_at = now
    _run_until(row, now, ttl_s)
    return Lease(study=row.id, owner=owner, epoch=row.lease_epoch)


def renew(session: Session, lease: Lease, ttl_s: float) -> Phase:
    """Prolong a lease from now. Raises ``LeaseLost``."""
    study = lock_leased_study(session, lease)
    _run_until(study.row, study.now, ttl_s)
    return study.row.phase


def release(session: Session, lease: Lease) -> None:
    """Give a lease back, with the reservations that its owner leaves open. Raises ``LeaseLost``."""
    study = lock_leased_study(session, lease)
    requeue_reserved(study)
    study.row.lease_owner = None


def retire_dead_owner(study: LockedStudy) -> None:
    """Fence off an owner whose lease ran out, and give back what it had reserved; a living owner is left alone."""
    if study.row.lease_owner is not None and study.row.lease_expires_at <= study.now:
        requeue_reserved(study)
        study.row.lease_owner = None


def requeue_reserved(study: LockedStudy) -> None:
    """Forget the rollouts that were reserved and never finished, and give their budget back."""
    session, row = study.session, study.row
    reserved = delete(RolloutRow).where(RolloutRow.study == row.id, RolloutRow.state == RolloutState.reserved)
    forgotten = session.scalars(reserved.returning(RolloutRow.id), execution_options={"synchronize_session": False}).all()
    row.rollouts_reserved = 0
    row.tokens_reserved = 0
    row.usd_reserved = Decimal(0)
    if forgotten:
        study.record("rollouts_requeued", count=len(forgotten))


def _run_until(row: StudyRow, now: float, ttl_s: float) -> None:
    row.lease_ttl_s = ttl_s
    row.lease_expires_at = now + ttl_s
