"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "studies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("active_s", sa.Double(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_ttl_s", sa.Double(), nullable=False),
        sa.Column("lease_seen_at", sa.Double(), nullable=False),
        sa.Column("lease_expires_at", sa.Double(), nullable=False),
        sa.Column("budget_rollouts", sa.BigInteger(), nullable=False),
        sa.Column("budget_tokens", sa.BigInteger(), nullable=True),
        sa.Column("budget_usd", sa.BigInteger(), nullable=True),
        sa.Column("budget_wall_time_s", sa.Double(), nullable=True),
        sa.Column("rollouts_reserved", sa.BigInteger(), nullable=False),
        sa.Column("rollouts_finished", sa.BigInteger(), nullable=False),
        sa.Column("rollouts_invalid", sa.BigInteger(), nullable=False),
        sa.Column("retries", sa.BigInteger(), nullable=False),
        sa.Column("model_calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("tokens_reserved", sa.BigInteger(), nullable=False),
        sa.Column("usd_spent", sa.BigInteger(), nullable=False),
        sa.Column("usd_reserved", sa.BigInteger(), nullable=False),
        sa.Column("usd_unknown", sa.Boolean(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("last_event", sa.BigInteger(), nullable=False),
        sa.Column("last_finished", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
    )
    op.create_index("ix_studies_created_at_id", "studies", ["created_at", "id"])
    op.create_index("ix_studies_phase_created_at", "studies", ["phase", "created_at"])
    op.create_table(
        "events",
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_events_study", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study", "number", name="pk_events"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_idempotency_keys_study", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_study", "idempotency_keys", ["study"])
    op.create_table(
        "reports",
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_reports_study", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study", name="pk_reports"),
    )
    op.create_table(
        "trials",
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_trials_study", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study", "number", name="pk_trials"),
        sa.UniqueConstraint("study", "hash", name="uq_trials_study_hash"),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("trial", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reserved_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reserved_usd", sa.BigInteger(), nullable=False),
        sa.Column("retries", sa.BigInteger(), nullable=False),
        sa.Column("finished_order", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("label_code", sa.Text(), nullable=True),
        sa.Column("label_rule", sa.Text(), nullable=True),
        sa.Column("label_step", sa.BigInteger(), nullable=True),
        sa.Column("submission", sa.Text(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("spend", sa.Text(), nullable=True),
        sa.Column("sandbox", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study", "trial"], ["trials.study", "trials.number"], name="fk_rollouts_study_trial", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_rollouts"),
        sa.UniqueConstraint("study", "finished_order", name="uq_rollouts_study_finished_order"),
        sa.UniqueConstraint("study", "trial", "task", "epoch", name="uq_rollouts_study_trial_task_epoch"),
    )
    op.create_table(
        "transcripts",
        sa.Column("rollout", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"], name="fk_transcripts_rollout", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("rollout", name="pk_transcripts"),
    )
