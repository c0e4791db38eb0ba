"""Rows to domain records and back. Pure."""

import json
import math
import zlib
from decimal import Decimal
from typing import Any

from service.db.rows import EventRow, RolloutRow, StudyRow, TrialRow
from unhobble.configuration import Configuration
from unhobble.messages import Usage
from unhobble.records import Event, Progress, RolloutRecord, SearchEnded, StudyRecord, TrialRecord
from unhobble.results import FailureLabel, Identity, RolloutResult, Spend
from unhobble.spec import StudySpec
from unhobble.transcript import Transcript


def usd(amount: float) -> Decimal:
    """Dollars as they are written: 0.1 becomes exactly one tenth."""
    return Decimal(str(amount))


def known_spend(spend: Spend) -> Spend:
    """``spend`` with a cost that is no amount of money (negative, infinite, NaN) taken for what it is: unknown."""
    cost = spend.cost_usd
    if cost is None or (math.isfinite(cost) and cost >= 0):
        return spend
    return spend.model_copy(update={"cost_usd": None})


def pack_transcript(transcript: Transcript) -> bytes:
    """A transcript as it is stored. ASCII, because arguments of calls may hold lone surrogates, which UTF-8 cannot write."""
    return zlib.compress(json.dumps(transcript.model_dump(), ensure_ascii=True, separators=(",", ":")).encode("ascii"))


def unpack_transcript(body: bytes) -> Transcript:
    """The transcript that was stored."""
    return Transcript.model_validate(json.loads(zlib.decompress(body)))


def study_record(row: StudyRow, report: dict[str, Any] | None) -> StudyRecord:
    """A study and its findings so far."""
    spend = Spend(
        model_calls=row.model_calls,
        usage=Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens),
        cost_usd=None if row.usd_unknown else float(row.usd_spent),
        duration_s=row.duration_s,
    )
    progress = Progress(
        rollouts_reserved=row.rollouts_reserved,
        rollouts_finished=row.rollouts_finished,
        rollouts_invalid=row.rollouts_invalid,
        retries=row.retries,
        spend=spend,
    )
    return StudyRecord(
        id=row.id,
        spec=StudySpec.model_validate(row.spec),
        phase=row.phase,
        reason=row.reason,
        version=row.version,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        active_s=row.active_s,
        progress=progress,
        search_ended=None if row.search_ended is None else SearchEnded.model_validate(row.search_ended),
        report=report,
    )


def trial_record(row: TrialRow, scored: int | None, mean_score: float | None) -> TrialRecord:
    """A trial and what was observed of it."""
    return TrialRecord(
        number=row.number,
        configuration=Configuration(row.configuration),
        candidate=row.candidate,
        state=row.state,
        scored=scored or 0,
        mean_score=mean_score,
    )


def rollout_record(row: RolloutRow, configuration: dict[str, Any]) -> RolloutRecord:
    """A rollout under its trial's configuration."""
    label = None
    if row.label_code is not None:
        label = FailureLabel(code=row.label_code, rule=row.label_rule or "", step=row.label_step)
    return RolloutRecord(
        id=row.id,
        study=row.study,
        trial=row.trial,
        configuration=Configuration(configuration),
        task=row.task,
        split=row.split,
        epoch=row.epoch,
        state=row.state,
        finished_order=row.finished_order,
        score=row.score,
        label=label,
        submission=row.submission,
        identity=None if row.identity is None else Identity.model_validate(row.identity),
        spend=None if row.spend is None else Spend.model_validate(row.spend),
        sandbox=row.sandbox,
        error=row.error,
        retries=row.retries,
        finished_at=row.finished_at,
    )


def write_result(row: RolloutRow, result: RolloutResult) -> None:
    """Put what came of a rollout into its row."""
    row.score = result.score
    row.label_code = result.label.code if result.label else None
    row.label_rule = result.label.rule if result.label else None
    row.label_step = result.label.step if result.label else None
    row.submission = result.submission
    row.identity = result.identity.model_dump()
    row.spend = known_spend(result.spend).model_dump()
    row.sandbox = result.sandbox
    row.error = result.error


def event_record(row: EventRow) -> Event:
    """An event."""
    return Event(number=row.number, at=row.at, kind=row.kind, data=row.data)
