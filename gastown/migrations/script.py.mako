"""${message}.

Revision: ${up_revision}, follows ${down_revision | comma,n}.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database of the revision before to this one."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Take it back; data that only this revision can hold is lost."""
    ${downgrades if downgrades else "pass"}
