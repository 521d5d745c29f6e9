"""Trains: seats, requests set aside, and which heads a gate run tests and a landing lands together.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add what older code does not look at. A request that is tested boards anew."""
    op.add_column("merge_requests", sa.Column("seat", sa.Integer(), nullable=True))
    op.add_column("merge_requests", sa.Column("aside_at", sa.DateTime(timezone=True), nullable=True))
    for table in ("merge_requests", "gate_runs", "landing_intents"):
        op.add_column(table, sa.Column("riders", _JSON, server_default=sa.text("'[]'"), nullable=False))


def downgrade() -> None:
    """Take it away again."""
    for table in ("landing_intents", "gate_runs", "merge_requests"):
        op.drop_column(table, "riders")
    for name in ("aside_at", "seat"):
        op.drop_column("merge_requests", name)
