"""The initial schema.

Revision: 0001, the first.
"""

# One line a column, as alembic writes it.
# fmt: off

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


_TABLES_LAST_FIRST = (
    'merge_heads', 'landing_intents', 'assignments', 'refineries', 'polecats', 'merge_requests', 'labels',
    'gates', 'gate_runs', 'dependencies', 'convoy_members', 'comments', 'workers', 'towns', 'settings',
    'rigs', 'leases', 'events', 'convoys', 'beads',
)


def upgrade() -> None:
    """Make every table in an empty database."""
    op.create_table('beads',
        sa.Column('id', sa.String(length=255), nullable=False),
        sa.Column('prefix', sa.String(length=255), nullable=False),
        sa.Column('is_top', sa.Boolean(), nullable=False),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('description', sa.Text(), server_default='', nullable=False),
        sa.Column('design', sa.Text(), server_default='', nullable=False),
        sa.Column('acceptance_criteria', sa.Text(), server_default='', nullable=False),
        sa.Column('notes', sa.Text(), server_default='', nullable=False),
        sa.Column('spec_id', sa.Text(), server_default='', nullable=False),
        sa.Column('status', sa.String(length=64), nullable=False),
        sa.Column('priority', sa.Integer(), nullable=False),
        sa.Column('issue_type', sa.String(length=64), nullable=False),
        sa.Column('assignee', sa.String(length=255), nullable=False),
        sa.Column('owner', sa.String(length=255), nullable=False),
        sa.Column('estimated_minutes', sa.Integer(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.String(length=255), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('close_reason', sa.Text(), server_default='', nullable=False),
        sa.Column('closed_by_session', sa.Text(), server_default='', nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('defer_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('external_ref', sa.String(length=255), nullable=True),
        sa.Column('source_system', sa.Text(), server_default='', nullable=False),
        sa.Column('metadata', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('compaction_level', sa.Integer(), nullable=False),
        sa.Column('compacted_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('compacted_at_commit', sa.Text(), nullable=True),
        sa.Column('original_size', sa.Integer(), nullable=False),
        sa.Column('sender', sa.Text(), server_default='', nullable=False),
        sa.Column('ephemeral', sa.Boolean(), nullable=False),
        sa.Column('no_history', sa.Boolean(), nullable=False),
        sa.Column('wisp_type', sa.Text(), server_default='', nullable=False),
        sa.Column('pinned', sa.Boolean(), nullable=False),
        sa.Column('is_template', sa.Boolean(), nullable=False),
        sa.Column('bonded_from', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('await_type', sa.Text(), server_default='', nullable=False),
        sa.Column('await_id', sa.Text(), server_default='', nullable=False),
        sa.Column('timeout', sa.BigInteger(), nullable=False),
        sa.Column('waiters', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('source_formula', sa.Text(), server_default='', nullable=False),
        sa.Column('source_location', sa.Text(), server_default='', nullable=False),
        sa.Column('mol_type', sa.Text(), server_default='', nullable=False),
        sa.Column('work_type', sa.Text(), server_default='', nullable=False),
        sa.Column('event_kind', sa.Text(), server_default='', nullable=False),
        sa.Column('actor', sa.Text(), server_default='', nullable=False),
        sa.Column('target', sa.Text(), server_default='', nullable=False),
        sa.Column('payload', sa.Text(), server_default='', nullable=False),
        sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('deleted_by', sa.Text(), server_default='', nullable=False),
        sa.Column('delete_reason', sa.Text(), server_default='', nullable=False),
        sa.Column('original_type', sa.Text(), server_default='', nullable=False),
        sa.Column('is_blocked', sa.Boolean(), nullable=False),
        sa.Column('is_failure', sa.Boolean(), nullable=False),
        sa.Column('is_code', sa.Boolean(), nullable=True),
        sa.Column('landed_sha', sa.String(length=64), nullable=False),
        sa.Column('last_child', sa.Integer(), nullable=False),
        sa.Column('extra', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('exact_times', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_beads_assignee', 'beads', ['assignee', 'status'])
    op.create_index('ix_beads_created', 'beads', ['created_at'])
    op.create_index('ix_beads_prefix', 'beads', ['prefix', 'is_top'])
    op.create_index('ix_beads_ready', 'beads', ['status', 'is_blocked', 'priority', 'created_at'])
    op.create_table('convoys',
        sa.Column('id', sa.String(length=32), nullable=False),
        sa.Column('title', sa.String(length=500), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('owner', sa.String(length=255), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('landed_at', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_table('events',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('kind', sa.String(length=32), nullable=False),
        sa.Column('actor', sa.String(length=255), nullable=False),
        sa.Column('bead_id', sa.String(length=255), nullable=True),
        sa.Column('rig', sa.String(length=64), nullable=True),
        sa.Column('agent', sa.String(length=128), nullable=True),
        sa.Column('assignment_id', sa.Integer(), nullable=True),
        sa.Column('fence', sa.Integer(), nullable=True),
        sa.Column('payload', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('task', sa.String(length=64), nullable=True),
        sa.Column('queue', sa.String(length=128), nullable=True),
        sa.Column('args', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
        sa.Column('rung_at', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_events_bead', 'events', ['bead_id', 'id'])
    op.create_index('ix_events_kind', 'events', ['kind', 'id'])
    op.create_index('ix_events_unrung', 'events', ['id'], unique=False, sqlite_where=sa.text('task IS NOT NULL AND rung_at IS NULL'), postgresql_where=sa.text('task IS NOT NULL AND rung_at IS NULL'))
    op.create_table('leases',
        sa.Column('name', sa.String(length=128), nullable=False),
        sa.Column('fence', sa.Integer(), nullable=False),
        sa.Column('holder', sa.String(length=200), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('name')
    )
    op.create_table('rigs',
        sa.Column('name', sa.String(length=40), nullable=False),
        sa.Column('prefix', sa.String(length=12), nullable=False),
        sa.Column('remote_url', sa.String(length=2000), nullable=False),
        sa.Column('branch', sa.String(length=200), nullable=False),
        sa.Column('setup_command', sa.String(length=4000), nullable=False),
        sa.Column('agent', sa.String(length=40), nullable=False),
        sa.Column('no_gates', sa.Boolean(), nullable=False),
        sa.Column('is_parked', sa.Boolean(), nullable=False),
        sa.Column('push_atomic', sa.Boolean(), nullable=False),
        sa.Column('push_fence', sa.Boolean(), nullable=False),
        sa.Column('updates_checkout', sa.Boolean(), nullable=False),
        sa.Column('target_state', sa.String(length=32), nullable=False),
        sa.Column('target_oid', sa.String(length=64), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('name'),
        sa.UniqueConstraint('prefix')
    )
    op.create_table('settings',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('value', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('name')
    )
    op.create_table('towns',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('id', sa.String(length=32), nullable=False),
        sa.Column('name', sa.String(length=40), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('number')
    )
    op.create_table('workers',
        sa.Column('id', sa.String(length=200), nullable=False),
        sa.Column('host', sa.String(length=64), nullable=False),
        sa.Column('role', sa.String(length=32), nullable=False),
        sa.Column('pid', sa.Integer(), nullable=False),
        sa.Column('slots', sa.Integer(), nullable=False),
        sa.Column('queues', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('version', sa.String(length=32), nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_workers_host', 'workers', ['host'])
    op.create_table('comments',
        sa.Column('bead_id', sa.String(length=255), nullable=False),
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('author', sa.String(length=255), nullable=False),
        sa.Column('text', sa.Text(), server_default='', nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('extra', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.ForeignKeyConstraint(['bead_id'], ['beads.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('bead_id', 'id')
    )
    op.create_table('convoy_members',
        sa.Column('convoy_id', sa.String(length=32), nullable=False),
        sa.Column('bead_id', sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(['bead_id'], ['beads.id']),
        sa.ForeignKeyConstraint(['convoy_id'], ['convoys.id']),
        sa.PrimaryKeyConstraint('convoy_id', 'bead_id')
    )
    op.create_index('ix_convoy_members_bead_id', 'convoy_members', ['bead_id'])
    op.create_table('dependencies',
        sa.Column('issue_id', sa.String(length=255), nullable=False),
        sa.Column('depends_on_id', sa.String(length=512), nullable=False),
        sa.Column('type', sa.String(length=64), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_by', sa.String(length=255), nullable=False),
        sa.Column('metadata', sa.Text(), nullable=False),
        sa.Column('thread_id', sa.String(length=255), nullable=False),
        sa.Column('any_child', sa.Boolean(), nullable=False),
        sa.Column('is_provided', sa.Boolean(), nullable=False),
        sa.Column('extra', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.ForeignKeyConstraint(['issue_id'], ['beads.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('issue_id', 'depends_on_id', 'type')
    )
    op.create_index('ix_dependencies_target', 'dependencies', ['depends_on_id', 'type'])
    op.create_table('gate_runs',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('rig', sa.String(length=40), nullable=False),
        sa.Column('request_id', sa.Integer(), nullable=True),
        sa.Column('bead_id', sa.String(length=255), nullable=True),
        sa.Column('base_oid', sa.String(length=64), nullable=False),
        sa.Column('head_oid', sa.String(length=64), nullable=False),
        sa.Column('commit_oid', sa.String(length=64), nullable=False),
        sa.Column('tree_oid', sa.String(length=64), nullable=False),
        sa.Column('config_hash', sa.String(length=64), nullable=False),
        sa.Column('state', sa.String(length=32), nullable=False),
        sa.Column('verdict', sa.String(length=32), nullable=True),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('is_void', sa.Boolean(), nullable=False),
        sa.Column('holder', sa.String(length=200), nullable=True),
        sa.Column('host', sa.String(length=64), nullable=True),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('rung_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('results', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.ForeignKeyConstraint(['rig'], ['rigs.name']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_gate_runs_state', 'gate_runs', ['state'])
    op.create_index('ix_gate_runs_tree', 'gate_runs', ['rig', 'tree_oid', 'config_hash'])
    op.create_index('uq_gate_runs_open_tree', 'gate_runs', ['rig', 'tree_oid', 'config_hash'], unique=True, sqlite_where=sa.text("state IN ('requested', 'running')"), postgresql_where=sa.text("state IN ('requested', 'running')"))
    op.create_table('gates',
        sa.Column('rig', sa.String(length=40), nullable=False),
        sa.Column('name', sa.String(length=40), nullable=False),
        sa.Column('command', sa.String(length=4000), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('timeout_s', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['rig'], ['rigs.name']),
        sa.PrimaryKeyConstraint('rig', 'name')
    )
    op.create_table('labels',
        sa.Column('bead_id', sa.String(length=255), nullable=False),
        sa.Column('label', sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(['bead_id'], ['beads.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('bead_id', 'label')
    )
    op.create_index('ix_labels_label', 'labels', ['label', 'bead_id'])
    op.create_table('merge_requests',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('bead_id', sa.String(length=255), nullable=False),
        sa.Column('rig', sa.String(length=40), nullable=False),
        sa.Column('state', sa.String(length=32), nullable=False),
        sa.Column('priority', sa.Integer(), nullable=False),
        sa.Column('head_id', sa.Integer(), nullable=True),
        sa.Column('retries', sa.Integer(), nullable=False),
        sa.Column('base_oid', sa.String(length=64), nullable=False),
        sa.Column('candidate_oid', sa.String(length=64), nullable=False),
        sa.Column('tree_oid', sa.String(length=64), nullable=False),
        sa.Column('gate_run_id', sa.Integer(), nullable=True),
        sa.Column('boarded_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('queued_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('landed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('landed_oid', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['bead_id'], ['beads.id']),
        sa.ForeignKeyConstraint(['rig'], ['rigs.name']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_requests_state', 'merge_requests', ['rig', 'state'])
    op.create_index('uq_requests_open_bead', 'merge_requests', ['bead_id'], unique=True, sqlite_where=sa.text("state IN ('queued', 'testing', 'landing', 'returned')"), postgresql_where=sa.text("state IN ('queued', 'testing', 'landing', 'returned')"))
    op.create_table('polecats',
        sa.Column('address', sa.String(length=128), nullable=False),
        sa.Column('rig', sa.String(length=40), nullable=False),
        sa.Column('name', sa.String(length=40), nullable=False),
        sa.Column('host', sa.String(length=64), nullable=False),
        sa.Column('worktree', sa.String(length=1000), nullable=False),
        sa.Column('worktree_state', sa.String(length=32), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['rig'], ['rigs.name']),
        sa.PrimaryKeyConstraint('address')
    )
    op.create_index('ix_polecats_host', 'polecats', ['host'])
    op.create_index('ix_polecats_rig', 'polecats', ['rig'])
    op.create_table('refineries',
        sa.Column('rig', sa.String(length=40), nullable=False),
        sa.Column('first_oid', sa.String(length=64), nullable=False),
        sa.Column('seen_oid', sa.String(length=64), nullable=False),
        sa.Column('looked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('waits_for', sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(['rig'], ['rigs.name']),
        sa.PrimaryKeyConstraint('rig')
    )
    op.create_table('assignments',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('bead_id', sa.String(length=255), nullable=False),
        sa.Column('rig', sa.String(length=40), nullable=False),
        sa.Column('preset', sa.String(length=40), nullable=False),
        sa.Column('state', sa.String(length=32), nullable=False),
        sa.Column('reason', sa.String(length=32), nullable=False),
        sa.Column('fence', sa.Integer(), nullable=False),
        sa.Column('desired', sa.String(length=32), nullable=False),
        sa.Column('priority', sa.Integer(), nullable=False),
        sa.Column('slung_by', sa.String(length=255), nullable=False),
        sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
        sa.Column('preferred', sa.String(length=128), nullable=True),
        sa.Column('preferred_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('rung_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('polecat', sa.String(length=128), nullable=True),
        sa.Column('host', sa.String(length=64), nullable=True),
        sa.Column('holder', sa.String(length=200), nullable=True),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('outcome', sa.String(length=1000), nullable=False),
        sa.Column('branch', sa.String(length=400), nullable=False),
        sa.Column('base_oid', sa.String(length=64), nullable=False),
        sa.Column('head_oid', sa.String(length=64), nullable=False),
        sa.Column('notes', sa.Text(), nullable=False),
        sa.Column('rework', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
        sa.Column('runs', sa.Integer(), nullable=False),
        sa.Column('booked_runs', sa.Integer(), nullable=False),
        sa.Column('session_pass', sa.String(length=64), nullable=False),
        sa.Column('agent_session_id', sa.String(length=128), nullable=False),
        sa.Column('model', sa.String(length=128), nullable=False),
        sa.Column('input_tokens', sa.Integer(), nullable=False),
        sa.Column('output_tokens', sa.Integer(), nullable=False),
        sa.Column('cache_read_tokens', sa.Integer(), nullable=False),
        sa.Column('cache_write_tokens', sa.Integer(), nullable=False),
        sa.Column('cost_usd', sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(['bead_id'], ['beads.id']),
        sa.ForeignKeyConstraint(['polecat'], ['polecats.address']),
        sa.ForeignKeyConstraint(['rig'], ['rigs.name']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('bead_id', 'fence', name='uq_assignments_bead_fence')
    )
    op.create_index('ix_assignments_bead_id', 'assignments', ['bead_id'])
    op.create_index('ix_assignments_state', 'assignments', ['state', 'rig'])
    op.create_index('uq_assignments_open_bead', 'assignments', ['bead_id'], unique=True, sqlite_where=sa.text("state IN ('waiting', 'offered', 'running')"), postgresql_where=sa.text("state IN ('waiting', 'offered', 'running')"))
    op.create_index('uq_assignments_polecat', 'assignments', ['polecat'], unique=True, sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"))
    op.create_table('landing_intents',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('rig', sa.String(length=40), nullable=False),
        sa.Column('request_id', sa.Integer(), nullable=False),
        sa.Column('head_id', sa.Integer(), nullable=False),
        sa.Column('gate_run_id', sa.Integer(), nullable=True),
        sa.Column('base_oid', sa.String(length=64), nullable=False),
        sa.Column('new_oid', sa.String(length=64), nullable=False),
        sa.Column('tree_oid', sa.String(length=64), nullable=False),
        sa.Column('fence', sa.Integer(), nullable=False),
        sa.Column('state', sa.String(length=32), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('refused', sa.Boolean(), nullable=False),
        sa.Column('why', sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(['request_id'], ['merge_requests.id']),
        sa.ForeignKeyConstraint(['rig'], ['rigs.name']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_intents_request', 'landing_intents', ['request_id'])
    op.create_index('uq_intents_open_rig', 'landing_intents', ['rig'], unique=True, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_table('merge_heads',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('request_id', sa.Integer(), nullable=False),
        sa.Column('assignment_id', sa.Integer(), nullable=False),
        sa.Column('fence', sa.Integer(), nullable=False),
        sa.Column('polecat', sa.String(length=128), nullable=False),
        sa.Column('head_oid', sa.String(length=64), nullable=False),
        sa.Column('branch', sa.String(length=400), nullable=False),
        sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('result', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['request_id'], ['merge_requests.id']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('request_id', 'fence', name='uq_heads_request_fence')
    )
    op.create_index('ix_merge_heads_request_id', 'merge_heads', ['request_id'])


def downgrade() -> None:
    """Take it back: every table goes, and what it holds."""
    for table in _TABLES_LAST_FIRST:
        op.drop_table(table)
