"""``StudyStore`` over SQLAlchemy, the same for SQLite and PostgreSQL. Each method is one transaction."""

import json
import logging
import secrets
from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from service.db import leases, ledger, queries
from service.db.engine import WRITES
from service.db.locking import LockedStudy, lock_leased_study, lock_study, read_time
from service.db.mapping import pack_transcript, unpack_transcript, usd
from service.db.rows import EventRow, IdempotencyKeyRow, ReportRow, StudyRow, TranscriptRow, TrialRow
from unhobble.errors import BadInput, Conflict, Issue, NotFound
from unhobble.records import (
    Event,
    Lease,
    NewRollout,
    Page,
    RolloutFilter,
    RolloutRecord,
    SearchEnded,
    StudyRecord,
    TrialRecord,
)
from unhobble.results import RolloutResult
from unhobble.spec import StudySpec
from unhobble.transcript import Transcript
from unhobble.vocabulary import PHASE_TRANSITIONS, Phase, TrialState

_log = logging.getLogger(__name__)


class SqlStudyStore:
    """The store in a database that ``upgrade`` has brought up to date. Thread-safe; several processes may share a database.

    The engine stays the caller's: to stop, ``engine.dispose()``.
    """

    def __init__(self, engine: Engine) -> None:
        self._reading = sessionmaker(engine)
        self._writing = sessionmaker(engine.execution_options(**{WRITES: True}))

    # --- studies ----------------------------------------------------------------------------------------------------------
    def create_study(self, spec: StudySpec, *, idempotency_key: str | None = None) -> StudyRecord:
        digest = None if idempotency_key is None else sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            with self._writing.begin() as session:
                return self._existing(session, spec, digest) or self._create(session, spec, digest)
        except IntegrityError:
            # On PostgreSQL two can come with one key at once; the first to commit made the study.
            with self._reading.begin() as session:
                existing = self._existing(session, spec, digest)
            if existing is None:
                raise
            return existing

    def study(self, study_id: str) -> StudyRecord:
        with self._reading.begin() as session:
            return queries.one_study(session, study_id)

    def studies(self, *, limit: int = 50, cursor: str | None = None) -> Page[StudyRecord]:
        with self._reading.begin() as session:
            return queries.page_of_studies(session, limit, cursor)

    def delete_study(self, study_id: str) -> None:
        with self._writing.begin() as session:
            phase = lock_study(session, study_id).row.phase
            if not phase.is_final:
                final = ", ".join(phase for phase in Phase if phase.is_final)
                raise Conflict(f"study {study_id} is {phase}; only a study that is {final} can be deleted: cancel it first")
            session.execute(delete(StudyRow).where(StudyRow.id == study_id), execution_options={"synchronize_session": False})

    def transition(self, study_id: str, to: Phase, *, reason: str = "", lease: Lease | None = None) -> StudyRecord:
        with self._writing.begin() as session:
            study = lock_study(session, study_id) if lease is None else lock_leased_study(session, lease)
            _move(study, to, reason)
            session.flush()
            return queries.one_study(session, study_id)

    def end_search(self, lease: Lease, ended: SearchEnded) -> StudyRecord:
        with self._writing.begin() as session:
            study = lock_leased_study(session, lease)
            study.row.search_ended = ended.model_dump(mode="json")
            study.record("search_ended", **ended.model_dump(mode="json"), words=ended.words)
            _move(study, Phase.confirming, "")
            session.flush()
            return queries.one_study(session, lease.study)

    # --- leases -----------------------------------------------------------------------------------------------------------
    def acquire(self, owner: str, *, ttl_s: float, study_id: str | None = None) -> Lease | None:
        with self._writing.begin() as session:
            return leases.acquire(session, owner, ttl_s, study_id)

    def renew(self, lease: Lease, *, ttl_s: float) -> Phase:
        with self._writing.begin() as session:
            return leases.renew(session, lease, ttl_s)

    def release(self, lease: Lease) -> None:
        try:
            with self._writing.begin() as session:
                leases.release(session, lease)
        except Exception as error:
            # Whatever is wrong, the lease runs out by itself.
            _log.warning("the lease of study %s was not given back: %s", lease.study, error)

    # --- what the owner writes --------------------------------------------------------------------------------------------
    def reserve(self, lease: Lease, rollouts: Sequence[NewRollout]) -> list[str]:
        with self._writing.begin() as session:
            return ledger.reserve(lock_leased_study(session, lease), rollouts)

    def commit(self, lease: Lease, result: RolloutResult) -> bool:
        transcript = pack_transcript(result.transcript)  # before the lock is taken
        with self._writing.begin() as session:
            return ledger.commit(lock_leased_study(session, lease), result, transcript)

    def record_retry(self, lease: Lease, result: RolloutResult) -> bool:
        with self._writing.begin() as session:
            return ledger.record_retry(lock_leased_study(session, lease), result)

    def set_trial_state(self, lease: Lease, trial: int, state: TrialState) -> None:
        with self._writing.begin() as session:
            study = lock_leased_study(session, lease)
            row = session.get(TrialRow, (lease.study, trial))
            if row is None:
                raise NotFound(f"no trial {trial} in study {lease.study}")
            if row.state is not state:
                study.record("trial_state_changed", trial=trial, state=state)
                row.state = state

    def save_report(self, lease: Lease, report: dict[str, object]) -> None:
        with self._writing.begin() as session:
            lock_leased_study(session, lease)
            session.merge(ReportRow(study=lease.study, report=report))

    # --- what is read -----------------------------------------------------------------------------------------------------
    def trials(self, study_id: str, *, limit: int = 100, cursor: str | None = None, order: str = "number") -> Page[TrialRecord]:
        with self._reading.begin() as session:
            return queries.page_of_trials(session, study_id, limit, cursor, order)

    def rollouts(
        self, study_id: str, where: RolloutFilter | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[RolloutRecord]:
        with self._reading.begin() as session:
            return queries.page_of_rollouts(session, study_id, where or RolloutFilter(), limit, cursor)

    def rollout(self, rollout_id: str) -> RolloutRecord:
        with self._reading.begin() as session:
            return queries.one_rollout(session, rollout_id)

    def transcript(self, rollout_id: str) -> Transcript:
        with self._reading.begin() as session:
            body = session.scalar(select(TranscriptRow.body).where(TranscriptRow.rollout == rollout_id))
        if body is None:
            raise NotFound(f"no transcript of rollout {rollout_id!r:.100}; there is one as soon as the rollout is finished")
        return unpack_transcript(body)

    def events(self, study_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        with self._reading.begin() as session:
            return queries.events_after(session, study_id, after, limit)

    # --- creating ---------------------------------------------------------------------------------------------------------
    def _existing(self, session: Session, spec: StudySpec, digest: str | None) -> StudyRecord | None:
        key = session.get(IdempotencyKeyRow, digest) if digest else None
        if key is None:
            return None
        study = queries.one_study(session, key.study)
        if study.spec != StudySpec.model_validate(json.loads(json.dumps(spec.model_dump()))):
            message = f"has made study {study.id} from another spec; use a new key for a new spec"
            raise BadInput([Issue("idempotency_key", message)])
        return study

    def _create(self, session: Session, spec: StudySpec, digest: str | None) -> StudyRecord:
        now = read_time(session)
        row = StudyRow(
            id=secrets.token_hex(8),
            spec=spec.model_dump(),
            phase=Phase.queued,
            created_at=now,
            last_event=1,
            budget_rollouts=spec.budget.rollouts,
            budget_tokens=spec.budget.tokens,
            budget_usd=None if spec.budget.usd is None else usd(spec.budget.usd),
            budget_wall_time_s=spec.budget.wall_time_s,
        )
        session.add(row)
        session.flush()  # before the rows that refer to it
        session.add(EventRow(study=row.id, number=1, at=now, kind="study_created", data={"name": spec.name}))
        if digest is not None:
            session.add(IdempotencyKeyRow(digest=digest, study=row.id))
        session.flush()
        return queries.one_study(session, row.id)


def _move(study: LockedStudy, to: Phase, reason: str) -> None:
    row, was = study.row, study.row.phase
    if to not in PHASE_TRANSITIONS[was]:
        allowed = ", ".join(sorted(PHASE_TRANSITIONS[was])) or "nothing, for that is final"
        raise Conflict(f"study {row.id} cannot go from {was} to {to}; from {was} it can go to {allowed}")
    row.phase, row.reason = to, reason
    if to is Phase.searching and row.started_at is None:
        row.started_at = study.now
    if to.is_final:
        row.finished_at = study.now
        leases.retire_dead_owner(study)
    study.record("phase_changed", **{"from": was, "to": to, "reason": reason})
