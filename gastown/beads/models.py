"""The tables of the issue graph. Field names are those of the exchange format wherever Python allows."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Text, column, text
from sqlmodel import Field, SQLModel

from gastown.db import JsonObject, Transitions, UtcTime

DEFAULT_PRIORITY = 2
LOWEST_PRIORITY = 4  # 0 is the most urgent
TITLE_LIMIT = 500  # characters, for new titles; imported ones may be longer
EXTERNAL = "external:"  # external:<project>:<capability>
LANDED_PREFIX = "Merged in "  # what a close reason starts with when the work is on the target branch


class BeadStatus(StrEnum):
    """The built-in statuses. The column is text, since imported beads may have statuses of their own."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"  # somebody works on it
    BLOCKED = "blocked"  # said by hand; dependencies are in `is_blocked`
    HOOKED = "hooked"  # on an agent's hook, not claimed yet
    SUBMITTED = "submitted"  # the work is in the merge queue
    ESCALATED = "escalated"  # its caps are spent; a person decides
    DEFERRED = "deferred"
    PINNED = "pinned"  # context, never work
    CLOSED = "closed"
    TOMBSTONE = "tombstone"  # deleted: kept for export, hidden from every view


class Category(StrEnum):
    """What a status means to those who do not know it."""

    ACTIVE = "active"
    WIP = "wip"
    DONE = "done"
    FROZEN = "frozen"


CATEGORIES: dict[str, Category] = {
    BeadStatus.OPEN: Category.ACTIVE,
    BeadStatus.IN_PROGRESS: Category.WIP,
    BeadStatus.BLOCKED: Category.WIP,
    BeadStatus.HOOKED: Category.WIP,
    BeadStatus.SUBMITTED: Category.WIP,
    BeadStatus.ESCALATED: Category.WIP,
    BeadStatus.DEFERRED: Category.FROZEN,
    BeadStatus.PINNED: Category.FROZEN,
    BeadStatus.CLOSED: Category.DONE,
}

# An attempt is at work on a bead in one of these.
UNDER_WAY = frozenset({BeadStatus.HOOKED, BeadStatus.IN_PROGRESS, BeadStatus.SUBMITTED})
# Targets in one of these hold nobody up.
SETTLED = frozenset({BeadStatus.CLOSED, BeadStatus.PINNED, BeadStatus.TOMBSTONE})

# What the engine may do to a slung bead. `closed` is missing: only `close` and `close_landed` set it.
ATTEMPT_TRANSITIONS = Transitions[BeadStatus](
    "bead",
    {
        BeadStatus.OPEN: frozenset({BeadStatus.HOOKED}),
        BeadStatus.DEFERRED: frozenset({BeadStatus.HOOKED}),  # its date has passed; readiness is checked before
        BeadStatus.HOOKED: frozenset({BeadStatus.IN_PROGRESS, BeadStatus.OPEN, BeadStatus.ESCALATED}),
        BeadStatus.IN_PROGRESS: frozenset(
            {BeadStatus.SUBMITTED, BeadStatus.OPEN, BeadStatus.HOOKED, BeadStatus.ESCALATED}
        ),
        BeadStatus.SUBMITTED: frozenset(
            {BeadStatus.OPEN, BeadStatus.HOOKED, BeadStatus.IN_PROGRESS, BeadStatus.ESCALATED}
        ),
        BeadStatus.ESCALATED: frozenset({BeadStatus.OPEN}),
    },
)


class DependencyType(StrEnum):
    """The dependency types with a meaning of their own; any other text is an association."""

    BLOCKS = "blocks"
    CONDITIONAL = "conditional-blocks"  # only the failure of the target sets the dependant free
    MERGE = "merge-blocks"  # only the landing of the target sets the dependant free
    WAITS_FOR = "waits-for"  # waits for the target's children
    PARENT_CHILD = "parent-child"  # the dependant is the child


# Types that point from a bead to what must be settled first.
BLOCKING_TYPES = frozenset({DependencyType.BLOCKS, DependencyType.CONDITIONAL, DependencyType.MERGE})
ASSOCIATIONS = frozenset(
    (
        *("discovered-from", "related", "relates-to", "replies-to", "duplicates", "supersedes", "authored-by"),
        *("assigned-to", "approved-by", "attests", "tracks", "until", "caused-by", "validates", "delegated-from"),
    )
)
WELL_KNOWN_TYPES = frozenset(DependencyType) | ASSOCIATIONS

ISSUE_TYPES: tuple[str, ...] = (
    *("bug", "feature", "task", "epic", "chore", "decision", "message", "molecule", "gate", "spike", "story"),
    *("milestone", "event", "merge-request", "agent", "role", "rig", "convoy"),
)
TYPE_ALIASES: dict[str, str] = {
    **dict.fromkeys(("enhancement", "feat"), "feature"),
    **dict.fromkeys(("dec", "adr"), "decision"),
    **dict.fromkeys(("investigation", "timebox"), "spike"),
    **dict.fromkeys(("user-story", "user_story"), "story"),
    "ms": "milestone",
    "mr": "merge-request",
    "mol": "molecule",
}
INFRA_TYPES = frozenset({"agent", "rig", "role", "message"})  # hidden from lists, exported with --all
NEVER_READY_TYPES = frozenset({"merge-request", "gate", "molecule", "message", "agent", "role", "rig"})

# What `ready` asks of a row, as literals: a database uses a partial index only for a query that holds the index's own
# condition, and no bound parameter proves it. Those with a date are few, and apart: the present is no constant.
_STARTABLE = (
    "NOT is_blocked AND NOT pinned AND NOT is_template AND NOT ephemeral AND issue_type NOT IN "
    f"({', '.join(repr(name) for name in sorted(NEVER_READY_TYPES))})"
)
READY_NOW = f"status = 'open' AND defer_until IS NULL AND {_STARTABLE}"
READY_LATER = f"status IN ('open', 'deferred') AND defer_until IS NOT NULL AND {_STARTABLE}"
LIVE = "status <> 'closed' AND status <> 'tombstone'"

# A close whose reason holds one of these counts as a failure (conditional-blocks).
FAILURE_WORDS = (
    *("failed", "rejected", "wontfix", "won't fix", "canceled", "cancelled", "abandoned", "blocked", "error"),
    *("timeout", "aborted"),
)


def counts_as_failure(close_reason: str) -> bool:
    """Whether a close for this reason sets free what waits for a failure."""
    lowered = close_reason.lower()
    return any(word in lowered for word in FAILURE_WORDS)


def _time(*, nullable: bool = True) -> Any:
    return Column(UtcTime, nullable=nullable)


def _text() -> Any:
    return Column(Text, nullable=False, server_default="")


def _json(name: str | None = None) -> Any:
    return Column(JsonObject, nullable=False) if name is None else Column(name, JsonObject, nullable=False)


_DEFAULT_ORDER: tuple[Any, ...] = ("priority", column("created_at").desc(), "id")


def _partial(name: str, where: str, *columns: Any) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Bead(SQLModel, table=True):
    """One work item."""

    __tablename__ = "beads"
    __table_args__ = (
        _partial("ix_beads_ready", READY_NOW, "status", *_DEFAULT_ORDER, "assignee", "prefix"),
        _partial("ix_beads_later", READY_LATER, "status", "defer_until"),
        _partial("ix_beads_live", LIVE, *_DEFAULT_ORDER),
        # Without the id: SQLite, which knows nothing of how many rows are open, must find the partial index better.
        Index("ix_beads_status", "status", *_DEFAULT_ORDER[:2]),
        Index("ix_beads_prefix", "prefix", "is_top"),
        Index("ix_beads_assignee", "assignee", "status"),
        Index("ix_beads_created", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=255)
    prefix: str = Field(max_length=255)  # routes it to its rig
    is_top: bool = Field(default=True)  # its id has no dot: counts towards the length of new ids
    title: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(default="", sa_column=_text())
    design: str = Field(default="", sa_column=_text())
    acceptance_criteria: str = Field(default="", sa_column=_text())
    notes: str = Field(default="", sa_column=_text())
    spec_id: str = Field(default="", sa_column=_text())
    status: str = Field(default=BeadStatus.OPEN.value, max_length=64)
    priority: int = Field(default=DEFAULT_PRIORITY)
    issue_type: str = Field(default="task", max_length=64)
    assignee: str = Field(default="", max_length=255)
    owner: str = Field(default="", max_length=255)  # the human who answers for it
    estimated_minutes: int | None = Field(default=None)
    created_at: datetime = Field(sa_column=_time(nullable=False))
    created_by: str = Field(default="", max_length=255)
    updated_at: datetime = Field(sa_column=_time(nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=_time())  # first entry into in_progress
    closed_at: datetime | None = Field(default=None, sa_column=_time())  # set exactly while closed
    close_reason: str = Field(default="", sa_column=_text())
    closed_by_session: str = Field(default="", sa_column=_text())
    due_at: datetime | None = Field(default=None, sa_column=_time())
    defer_until: datetime | None = Field(default=None, sa_column=_time())  # not ready before
    external_ref: str | None = Field(default=None, max_length=255)
    source_system: str = Field(default="", sa_column=_text())
    # `metadata` in the exchange format; SQLAlchemy keeps that name for itself.
    meta: dict[str, Any] = Field(default_factory=dict, sa_column=_json("metadata"))
    compaction_level: int = Field(default=0)
    compacted_at: datetime | None = Field(default=None, sa_column=_time())
    compacted_at_commit: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    original_size: int = Field(default=0)  # bytes before compaction
    sender: str = Field(default="", sa_column=_text())
    ephemeral: bool = Field(default=False)  # a wisp
    no_history: bool = Field(default=False)
    wisp_type: str = Field(default="", sa_column=_text())
    pinned: bool = Field(default=False)
    is_template: bool = Field(default=False)  # a proto: read-only
    bonded_from: list[Any] = Field(default_factory=list, sa_column=_json())
    await_type: str = Field(default="", sa_column=_text())
    await_id: str = Field(default="", sa_column=_text())
    timeout: int = Field(default=0, sa_type=BigInteger)  # nanoseconds, of a gate
    waiters: list[Any] = Field(default_factory=list, sa_column=_json())
    source_formula: str = Field(default="", sa_column=_text())
    source_location: str = Field(default="", sa_column=_text())
    mol_type: str = Field(default="", sa_column=_text())
    work_type: str = Field(default="", sa_column=_text())
    event_kind: str = Field(default="", sa_column=_text())
    actor: str = Field(default="", sa_column=_text())  # of an event bead
    target: str = Field(default="", sa_column=_text())
    payload: str = Field(default="", sa_column=_text())
    deleted_at: datetime | None = Field(default=None, sa_column=_time())
    deleted_by: str = Field(default="", sa_column=_text())
    delete_reason: str = Field(default="", sa_column=_text())
    original_type: str = Field(default="", sa_column=_text())
    # Not exchanged from here on.
    is_blocked: bool = Field(default=False)  # derived, kept in the transaction of every write (readiness.py)
    is_failure: bool = Field(default=False)  # closed for a reason that counts as a failure
    is_code: bool | None = Field(default=None)  # slung for code (True), slung with --no-code (False), never slung
    landed_sha: str = Field(default="", max_length=64)
    last_child: int = Field(default=0)  # the highest <n> given to a child id
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    """Keys of imported lines that no column holds; they are exported again."""
    exact_times: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    """Imported times with more digits than a column keeps, by field; void once the column says something else."""


class Dependency(SQLModel, table=True):
    """One edge: `issue_id` depends on `depends_on_id`, which may be absent or `external:...`."""

    __tablename__ = "dependencies"
    __table_args__ = (Index("ix_dependencies_target", "depends_on_id", "type"),)

    issue_id: str = Field(primary_key=True, max_length=255, foreign_key="beads.id", ondelete="CASCADE")
    depends_on_id: str = Field(primary_key=True, max_length=512)
    type: str = Field(primary_key=True, max_length=64)
    created_at: datetime | None = Field(default=None, sa_column=_time())
    created_by: str = Field(default="", max_length=255)
    meta: str = Field(default="", sa_column=Column("metadata", Text, nullable=False))  # JSON text
    thread_id: str = Field(default="", max_length=255)
    any_child: bool = Field(default=False)  # waits-for with the gate any-children
    is_provided: bool = Field(default=False)  # the external target's capability was shipped
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=_json())


class Label(SQLModel, table=True):
    """One word on a bead. Case counts."""

    __tablename__ = "labels"
    __table_args__ = (Index("ix_labels_label", "label", "bead_id"),)

    bead_id: str = Field(primary_key=True, max_length=255, foreign_key="beads.id", ondelete="CASCADE")
    label: str = Field(primary_key=True, max_length=255)


class Comment(SQLModel, table=True):
    """One remark; never changed."""

    __tablename__ = "comments"

    bead_id: str = Field(primary_key=True, max_length=255, foreign_key="beads.id", ondelete="CASCADE")
    id: str = Field(primary_key=True, max_length=64)  # a UUID, or the number that older stores gave
    author: str = Field(default="", max_length=255)
    text: str = Field(sa_column=_text())
    created_at: datetime | None = Field(default=None, sa_column=_time())
    extra: dict[str, Any] = Field(default_factory=dict, sa_column=_json())


class ConfigEntry(SQLModel, table=True):
    """One key of the store: its prefix, custom words, what `remember` keeps. The same for all who use the store."""

    __tablename__ = "bead_config"

    key: str = Field(primary_key=True, max_length=255)
    value: str = Field(sa_column=Column(Text, nullable=False))


class BeadCount(SQLModel, table=True):
    """How many top-level beads a prefix had when they were last counted (counts.py)."""

    __tablename__ = "bead_counts"

    prefix: str = Field(primary_key=True, max_length=255)
    beads: int
    event_id: int = Field(sa_type=BigInteger)  # the newest event then


@dataclass(frozen=True)
class NewBead:
    """What a new bead is made of; the store gives the id, unless `id` names one."""

    title: str
    prefix: str = "hq"
    description: str = ""
    issue_type: str = "task"
    priority: int = DEFAULT_PRIORITY
    labels: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()
    """`id`, `type:id` or `external:...`; `blocks:id` makes that bead depend on the new one."""
    parent: str = ""
    assignee: str = ""
    owner: str = ""
    design: str = ""
    acceptance_criteria: str = ""
    notes: str = ""
    spec_id: str = ""
    external_ref: str | None = None
    estimated_minutes: int | None = None
    due_at: datetime | None = None
    defer_until: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    ephemeral: bool = False
    inherit_labels: bool = True
    id: str = ""
    id_kind: str = ""
    """A word between prefix and hash, like `mol`; a wisp has `wisp`."""
    more: dict[str, Any] = field(default_factory=dict)
    """Other columns by name: of gates, events, molecules and templates (checks.py says which)."""
    force: bool = False
    """Also below a closed parent."""
