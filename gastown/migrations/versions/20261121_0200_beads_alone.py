"""Beads without a town: keys of a store; indexes in the order of `ready` and of listings; counted prefixes.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ORDER = ("priority", sa.text("created_at DESC"), "id")
_STARTABLE = (
    "NOT is_blocked AND NOT pinned AND NOT is_template AND NOT ephemeral AND issue_type NOT IN "
    "('agent', 'gate', 'merge-request', 'message', 'molecule', 'rig', 'role')"
)
_READY_NOW = f"status = 'open' AND defer_until IS NULL AND {_STARTABLE}"
_READY_LATER = f"status IN ('open', 'deferred') AND defer_until IS NOT NULL AND {_STARTABLE}"
_LIVE = "status <> 'closed' AND status <> 'tombstone'"


def upgrade() -> None:
    """Add what older code does not look at."""
    op.create_table(
        "bead_config",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "bead_counts",
        sa.Column("prefix", sa.String(length=255), nullable=False),
        sa.Column("beads", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("prefix"),
    )
    op.drop_index("ix_beads_ready", "beads")
    _create_partial("ix_beads_ready", _READY_NOW, "status", *_ORDER, "assignee", "prefix")
    _create_partial("ix_beads_later", _READY_LATER, "status", "defer_until")
    _create_partial("ix_beads_live", _LIVE, *_ORDER)
    op.create_index("ix_beads_status", "beads", ["status", *_ORDER[:2]])


def downgrade() -> None:
    """Take it away again."""
    for name in ("ix_beads_status", "ix_beads_live", "ix_beads_later", "ix_beads_ready"):
        op.drop_index(name, "beads")
    op.create_index("ix_beads_ready", "beads", ["status", "is_blocked", "priority", "created_at"])
    op.drop_table("bead_counts")
    op.drop_table("bead_config")


def _create_partial(name: str, where: str, *columns: object) -> None:
    condition = sa.text(where)
    op.create_index(name, "beads", list(columns), sqlite_where=condition, postgresql_where=condition)  # type: ignore[arg-type]
