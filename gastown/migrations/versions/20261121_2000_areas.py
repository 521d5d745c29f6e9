"""Areas: parts of a rig with a train of their own, and the train on which a request rides.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add what older code does not look at: no rig has an area, and who is aboard rides the common train."""
    op.add_column("rigs", sa.Column("areas", _JSON, server_default=sa.text("'{}'"), nullable=False))
    op.add_column("merge_requests", sa.Column("area", sa.String(length=40), server_default="", nullable=False))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("merge_requests", "area")
    op.drop_column("rigs", "areas")
