"""The tables. Nothing outside ``service.db`` sees a row; ``mapping`` makes domain records of them."""

import json
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from unhobble.text import clean
from unhobble.vocabulary import FailureCode, Phase, RolloutState, Split, TrialState

_MAX_INTEGER = 2**63 - 1
_PICO = 12
Word = TypeVar("Word", bound=StrEnum)


class Words(TypeDecorator[str]):
    """Text that either database stores, whatever it held. A look-up is cleaned in the same way, and so finds it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> Any:
        return clean(value)


class OneOf(TypeDecorator[Word]):
    """A word of one of the closed sets of ``unhobble.vocabulary``."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[Word]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: Word | None, _dialect: Dialect) -> str | None:
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Word | None:
        return None if value is None else self.words(value)


class Json(TypeDecorator[Any]):
    """JSON as ASCII text. Unlike jsonb it keeps everything that Python can write: NUL, lone surrogates, infinities."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Count(TypeDecorator[int]):
    """A number of things. What is larger than any integer of a database becomes the largest, instead of failing a commit."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, _dialect: Dialect) -> int | None:
        return None if value is None else min(value, _MAX_INTEGER)


class Usd(TypeDecorator[Decimal]):
    """Dollars, kept as whole 10⁻¹² dollars: reserving and settling leaves nothing behind, and 0.1 fits into 0.3 three times."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> int | None:
        if value is None:
            return None
        return min(int(value.scaleb(_PICO).to_integral_value()), _MAX_INTEGER) if value.is_finite() else _MAX_INTEGER

    def process_result_value(self, value: int | None, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-_PICO)


class Row(DeclarativeBase):
    """Base of all rows."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Words(),
        int: Count(),
        float: Double(),
        bool: Boolean(),
        bytes: LargeBinary(),
        Decimal: Usd(),
        dict[str, Any]: Json(),
        **{words: OneOf(words) for words in (Phase, Split, TrialState, RolloutState, FailureCode)},
    }


class StudyRow(Row):
    """A study. Whoever changes anything of a study locks this row first, so that its counters and events are exact."""

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(primary_key=True)
    spec: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    phase: Mapped[Phase]
    reason: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column()
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    active_s: Mapped[float] = mapped_column(default=0.0)
    search_ended: Mapped[dict[str, Any] | None]

    lease_owner: Mapped[str | None]
    lease_epoch: Mapped[int] = mapped_column(default=0)
    lease_ttl_s: Mapped[float] = mapped_column(default=0.0)
    lease_seen_at: Mapped[float] = mapped_column(default=0.0)
    lease_expires_at: Mapped[float] = mapped_column(default=0.0)

    budget_rollouts: Mapped[int]
    budget_tokens: Mapped[int | None]
    budget_usd: Mapped[Decimal | None]
    budget_wall_time_s: Mapped[float | None]

    rollouts_reserved: Mapped[int] = mapped_column(default=0)
    rollouts_finished: Mapped[int] = mapped_column(default=0)
    rollouts_invalid: Mapped[int] = mapped_column(default=0)
    retries: Mapped[int] = mapped_column(default=0)
    model_calls: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    tokens_reserved: Mapped[int] = mapped_column(default=0)
    usd_spent: Mapped[Decimal] = mapped_column(default=Decimal(0))
    usd_reserved: Mapped[Decimal] = mapped_column(default=Decimal(0))
    usd_unknown: Mapped[bool] = mapped_column(default=False)
    duration_s: Mapped[float] = mapped_column(default=0.0)

    last_event: Mapped[int] = mapped_column(default=0)
    last_finished: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index(None, "created_at", "id"), Index(None, "phase", "created_at"))
    # Counts the changes, and makes each of them conditional on the version that was read.
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # the base class has it as an instance's


class ReportRow(Row):
    """A study's findings so far. Apart from its study, whose row is rewritten with every commit."""

    __tablename__ = "reports"

    study: Mapped[str] = mapped_column(ForeignKey(StudyRow.id, ondelete="CASCADE"), primary_key=True)
    report: Mapped[dict[str, Any]]


class IdempotencyKeyRow(Row):
    """A key under which a study was created. ``digest`` is the SHA-256 of what the client sent, which may be any text."""

    __tablename__ = "idempotency_keys"

    digest: Mapped[str] = mapped_column(primary_key=True)
    study: Mapped[str] = mapped_column(ForeignKey(StudyRow.id, ondelete="CASCADE"), index=True)


class TrialRow(Row):
    """A candidate under evaluation. ``hash`` is its configuration's; several may have the same one, with other words or code."""

    __tablename__ = "trials"

    study: Mapped[str] = mapped_column(ForeignKey(StudyRow.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    configuration: Mapped[dict[str, Any]]
    hash: Mapped[str]
    candidate: Mapped[str]
    state: Mapped[TrialState]

    __table_args__ = (UniqueConstraint("study", "candidate"),)


class RolloutRow(Row):
    """A rollout: reserved, then finished once. ``finished_order`` counts the commits of its study from 1."""

    __tablename__ = "rollouts"

    id: Mapped[str] = mapped_column(primary_key=True)
    study: Mapped[str]
    trial: Mapped[int]
    task: Mapped[str]
    epoch: Mapped[int]
    split: Mapped[Split]
    state: Mapped[RolloutState]
    reserved_tokens: Mapped[int]
    reserved_usd: Mapped[Decimal]
    retries: Mapped[int] = mapped_column(default=0)

    finished_order: Mapped[int | None]
    finished_at: Mapped[float | None]
    score: Mapped[float | None]
    label_code: Mapped[FailureCode | None]
    label_rule: Mapped[str | None]
    label_step: Mapped[int | None]
    submission: Mapped[str | None]
    identity: Mapped[dict[str, Any] | None]
    spend: Mapped[dict[str, Any] | None]
    sandbox: Mapped[str | None]
    error: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(["study", "trial"], [TrialRow.study, TrialRow.number], ondelete="CASCADE"),
        UniqueConstraint("study", "trial", "task", "epoch"),
        UniqueConstraint("study", "finished_order"),
    )


class TranscriptRow(Row):
    """A finished rollout's transcript: its JSON, compressed with zlib."""

    __tablename__ = "transcripts"

    rollout: Mapped[str] = mapped_column(ForeignKey(RolloutRow.id, ondelete="CASCADE"), primary_key=True)
    body: Mapped[bytes]


class EventRow(Row):
    """Something that happened to a study."""

    __tablename__ = "events"

    study: Mapped[str] = mapped_column(ForeignKey(StudyRow.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[float]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
