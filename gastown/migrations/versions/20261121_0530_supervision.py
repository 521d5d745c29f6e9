"""Supervision: what a session last did, who put its attempt where, halted rigs, and what the patrols found.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_OPEN = sa.text("cleared_at IS NULL")


def upgrade() -> None:
    """Add what older code does not look at."""
    op.add_column("assignments", sa.Column("active_at", _TIME, nullable=True))
    op.add_column("assignments", sa.Column("progress_at", _TIME, nullable=True))
    op.add_column("assignments", sa.Column("adoptions", sa.Integer(), server_default="0", nullable=False))
    op.add_column("assignments", sa.Column("restarts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("rigs", sa.Column("is_docked", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("rigs", sa.Column("frozen_at", _TIME, nullable=True))
    op.add_column("rigs", sa.Column("frozen_why", sa.String(length=1000), server_default="", nullable=False))
    op.create_table(
        "findings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("check", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("raised_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("cleared_at", _TIME, nullable=True),
        sa.Column("mends", sa.Integer(), nullable=False),
        sa.Column("mended_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_findings_open", "findings", ["check", "subject"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("findings")
    for name in ("frozen_why", "frozen_at", "is_docked"):
        op.drop_column("rigs", name)
    for name in ("restarts", "adoptions", "progress_at", "active_at"):
        op.drop_column("assignments", name)
