"""Merge requests, their heads, gate runs, landing intents.

queued ─► testing ─► landing ─► landed       queued ─► landing in a rig without gates
  ▲          │          │
  ├──────────┼──────────┘   the target moved: no penalty
  └──────────┴─► returned (rework; re-enters as a new head of the same request) / cancelled

A request that is tested has a seat on a train of its rig, or was set aside: with it the train was red, and its own tree
is tried again while the others go on.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from gastown.db import JsonObject, Transitions, UtcTime, enum_column


class RequestState(StrEnum):
    """Where a merge request is."""

    QUEUED = "queued"
    TESTING = "testing"  # its candidate is with the gates
    LANDING = "landing"  # an intent is open
    RETURNED = "returned"  # with its polecat for rework
    LANDED = "landed"
    CANCELLED = "cancelled"


OPEN_REQUESTS = (RequestState.QUEUED, RequestState.TESTING, RequestState.LANDING, RequestState.RETURNED)

TRANSITIONS = Transitions(
    "merge request",
    {
        RequestState.QUEUED: frozenset(
            {RequestState.TESTING, RequestState.LANDING, RequestState.RETURNED, RequestState.CANCELLED}
        ),
        RequestState.TESTING: frozenset(
            {
                RequestState.TESTING,  # with another candidate: one before it left the train
                RequestState.QUEUED,
                RequestState.LANDING,
                RequestState.RETURNED,
                RequestState.CANCELLED,
            }
        ),
        RequestState.LANDING: frozenset({RequestState.LANDED, RequestState.QUEUED}),
        RequestState.RETURNED: frozenset({RequestState.QUEUED, RequestState.CANCELLED}),
    },
)


class Verdict(StrEnum):
    """What a gate said of a tree. Only pass (and flaky: passed when run again) lets it land."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    FLAKY = "flaky"  # failed, then passed on the same tree
    INFRASTRUCTURE_ERROR = "infrastructure_error"  # could not run: missing command, no test collected, no memory
    NOT_CONFIGURED = "not_configured"  # the rig has no gates; lands only where it says so


class RunState(StrEnum):
    """Where a gate run is."""

    REQUESTED = "requested"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class IntentState(StrEnum):
    """Where a landing intent is."""

    OPEN = "open"
    LANDED = "landed"
    VOID = "void"  # the target left its base: it can never land


_OPEN_REQUEST = text("state IN ('queued', 'testing', 'landing', 'returned')")
_OPEN_INTENT = text("state = 'open'")
_OPEN_RUN = text("state IN ('requested', 'running')")
_ID = BigInteger().with_variant(Integer, "sqlite")


class MergeRequest(SQLModel, table=True):
    """A bead's way to the target; at most one is open."""

    __tablename__ = "merge_requests"
    __table_args__ = (
        Index(
            "uq_requests_open_bead", "bead_id", unique=True, sqlite_where=_OPEN_REQUEST, postgresql_where=_OPEN_REQUEST
        ),
        Index("ix_requests_state", "rig", "state"),
    )

    id: int | None = Field(default=None, sa_column=Column(_ID, primary_key=True))
    bead_id: str = Field(max_length=255, foreign_key="beads.id")
    rig: str = Field(max_length=40, foreign_key="rigs.name")
    state: RequestState = Field(sa_column=Column(enum_column(RequestState), nullable=False))
    priority: int = Field(default=2)
    head_id: int | None = Field(default=None)  # the newest head
    retries: int = Field(default=0)  # returns so far
    # the candidate: its head merged into the target after those before it; empty while none is tested or landed
    base_oid: str = Field(default="", max_length=64)  # the target
    riders: list[int] = Field(
        default_factory=list, sa_column=Column(JsonObject, nullable=False, server_default=text("'[]'"))
    )
    """The heads, by number, that its candidate merges into the base, in order: the last is its own."""
    candidate_oid: str = Field(default="", max_length=64)
    tree_oid: str = Field(default="", max_length=64)
    gate_run_id: int | None = Field(default=None)  # the newest run of that tree
    boarded_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    seat: int | None = Field(default=None)  # its place on the train; none where it is not aboard
    area: str = Field(default="", max_length=40)  # whose train it rides, or landed with; empty: the common one
    aside_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    queued_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))  # with its present head
    landed_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    landed_oid: str = Field(default="", max_length=64)  # the commit on the target
    pull_number: int | None = Field(default=None)  # its pull request, where the rig lands by those
    pull_url: str = Field(default="", max_length=2000)


class MergeHead(SQLModel, table=True):
    """What an attempt submitted: a commit, pinned by its object id."""

    __tablename__ = "merge_heads"
    __table_args__ = (UniqueConstraint("request_id", "fence", name="uq_heads_request_fence"),)

    id: int | None = Field(default=None, sa_column=Column(_ID, primary_key=True))
    request_id: int = Field(foreign_key="merge_requests.id", index=True)
    assignment_id: int
    fence: int
    polecat: str = Field(max_length=128)
    head_oid: str = Field(max_length=64)
    branch: str = Field(max_length=400)
    submitted_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    result: str = Field(default="", max_length=64)  # landed, superseded, cancelled, or why it was returned


class GateRun(SQLModel, table=True):
    """One run of a rig's gates on a tree; a finished one is the cached verdict of that tree."""

    __tablename__ = "gate_runs"
    __table_args__ = (
        Index("ix_gate_runs_tree", "rig", "tree_oid", "config_hash"),
        Index("ix_gate_runs_state", "state"),
        Index(
            "uq_gate_runs_open_tree",
            *("rig", "tree_oid", "config_hash"),
            unique=True,
            sqlite_where=_OPEN_RUN,
            postgresql_where=_OPEN_RUN,
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(_ID, primary_key=True))
    rig: str = Field(max_length=40, foreign_key="rigs.name")
    request_id: int | None = Field(default=None)  # None: the target itself is being gated
    bead_id: str | None = Field(default=None, max_length=255)
    base_oid: str = Field(max_length=64)
    head_oid: str = Field(default="", max_length=64)  # the last one's; empty: the base alone
    riders: list[int] = Field(
        default_factory=list, sa_column=Column(JsonObject, nullable=False, server_default=text("'[]'"))
    )
    """The heads, by number, that are merged into the base, in order."""
    commit_oid: str = Field(max_length=64)  # the candidate
    tree_oid: str = Field(max_length=64)
    config_hash: str = Field(max_length=64)  # gates, set-up command
    state: RunState = Field(sa_column=Column(enum_column(RunState), nullable=False))
    verdict: Verdict | None = Field(default=None, sa_column=Column(enum_column(Verdict), nullable=True))
    attempt: int = Field(default=1)  # 2 is the confirming run after a red one
    is_void: bool = Field(default=False)  # a person asked for a fresh look: no verdict of its tree any more
    holder: str | None = Field(default=None, max_length=200)
    host: str | None = Field(default=None, max_length=64)
    expires_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    rung_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    results: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JsonObject, nullable=False))
    """One object a gate: name, verdict, exit code, seconds, tail of the output, log's path on its host."""


class LandingIntent(SQLModel, table=True):
    """Written before the push: what is about to be landed. Open until the remote says what became of it."""

    __tablename__ = "landing_intents"
    __table_args__ = (
        Index("uq_intents_open_rig", "rig", unique=True, sqlite_where=_OPEN_INTENT, postgresql_where=_OPEN_INTENT),
        Index("ix_intents_request", "request_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(_ID, primary_key=True))
    rig: str = Field(max_length=40, foreign_key="rigs.name")
    request_id: int = Field(foreign_key="merge_requests.id")  # the last one's
    head_id: int
    riders: list[int] = Field(
        default_factory=list, sa_column=Column(JsonObject, nullable=False, server_default=text("'[]'"))
    )
    """The heads, by number, that land together, in order; empty in rows of before there were trains: `head_id`."""
    gate_run_id: int | None = Field(default=None)
    base_oid: str = Field(max_length=64)
    new_oid: str = Field(max_length=64)
    tree_oid: str = Field(max_length=64)
    fence: int  # of the refinery's lease
    state: IntentState = Field(sa_column=Column(enum_column(IntentState), nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    refused: bool = Field(default=False)  # the remote said no: tried again after a pause, or when a person says so
    why: str = Field(default="", max_length=1000)  # it was voided


class Refinery(SQLModel, table=True):
    """What one rig's queue saw when it last looked at the remote."""

    __tablename__ = "refineries"

    rig: str = Field(primary_key=True, max_length=40, foreign_key="rigs.name")
    first_oid: str = Field(default="", max_length=64)  # the target when the town first saw it
    seen_oid: str = Field(default="", max_length=64)  # the target at the last look
    looked_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    waits_for: str = Field(default="", max_length=1000)  # why the queue does not move, for people
