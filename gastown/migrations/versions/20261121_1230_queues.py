"""Queues: how a rig's requests land, queues that are paused, what kind of gate a gate is, and pull requests.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add what older code does not look at: rigs land by merging, every gate is required and runs before a landing."""
    op.add_column("rigs", sa.Column("landing", sa.String(length=32), server_default="merge", nullable=False))
    op.add_column("rigs", sa.Column("provider", sa.String(length=40), server_default="", nullable=False))
    op.add_column("rigs", sa.Column("queue_paused_at", _TIME, nullable=True))
    op.add_column("rigs", sa.Column("queue_paused_why", sa.String(length=1000), server_default="", nullable=False))
    op.add_column("gates", sa.Column("is_required", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("gates", sa.Column("phase", sa.String(length=32), server_default="pre-merge", nullable=False))
    op.add_column("gates", sa.Column("poll_s", sa.Integer(), nullable=True))
    op.add_column("gates", sa.Column("memory_mb", sa.Integer(), nullable=True))
    op.add_column("gates", sa.Column("environment", _JSON, server_default=sa.text("'[]'"), nullable=False))
    op.add_column("merge_requests", sa.Column("pull_number", sa.Integer(), nullable=True))
    op.add_column("merge_requests", sa.Column("pull_url", sa.String(length=2000), server_default="", nullable=False))


def downgrade() -> None:
    """Take it away again."""
    for name in ("pull_url", "pull_number"):
        op.drop_column("merge_requests", name)
    for name in ("environment", "memory_mb", "poll_s", "phase", "is_required"):
        op.drop_column("gates", name)
    for name in ("queue_paused_why", "queue_paused_at", "provider", "landing"):
        op.drop_column("rigs", name)
