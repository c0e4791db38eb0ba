"""Why a study's search ended is kept with the study."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of studies whose search ended before, it is not known why."""
    with op.batch_alter_table("studies") as studies:
        studies.add_column(sa.Column("search_ended", sa.Text(), nullable=True))
