"""One row an attempt at a bead, from sling to its end.

    waiting ─► offered ─► running ─► submitted            the refinery has it
       ▲          │          ├─────► failed               the agent gave up, crashed, or said nothing
       └──────────┘          ├─────► lost                 its worker and host are gone
    submitted from waiting or offered: by a person, who handed work in for it
    released / escalated from any open state              taken back, handed off, deferred / a person is asked

An attempt that ends is never opened again: retry, rework, takeover and handoff make a new row with the next fence.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from gastown.db import JsonObject, Transitions, UtcTime, enum_column


class AssignmentState(StrEnum):
    """Where an attempt is."""

    WAITING = "waiting"  # the bead is blocked, cooling down, or there is no room
    OFFERED = "offered"  # any worker of the rig may claim it
    RUNNING = "running"  # leased to a holder
    SUBMITTED = "submitted"  # `gt done`
    FAILED = "failed"
    LOST = "lost"
    RELEASED = "released"
    ESCALATED = "escalated"


class Reason(StrEnum):
    """Why an attempt was made."""

    SLING = "sling"
    RETRY = "retry"  # the agent failed
    REWORK = "rework"  # the merge queue returned it
    TAKEOVER = "takeover"  # its host was lost
    HANDOFF = "handoff"  # the agent asked for a fresh session
    RESUME = "resume"  # the town was shut down while it ran


class Desired(StrEnum):
    """What the holder is asked to do; it reads this at every heartbeat."""

    RUN = "run"
    RESTART = "restart"  # save the work, end the agent's process, and run it again in the same attempt
    GIVE_UP = "give_up"  # save the work, end the session; the attempt failed
    STOP = "stop"  # save the work, end the session, release
    HAND_OVER = "hand_over"  # save the work, end the session, leave the bead slung


OPEN_STATES = (AssignmentState.WAITING, AssignmentState.OFFERED, AssignmentState.RUNNING)

TRANSITIONS = Transitions(
    "assignment",
    {
        AssignmentState.WAITING: frozenset(
            {
                AssignmentState.OFFERED,
                AssignmentState.SUBMITTED,
                AssignmentState.RELEASED,
                AssignmentState.ESCALATED,
            }
        ),
        AssignmentState.OFFERED: frozenset(
            {
                AssignmentState.RUNNING,
                AssignmentState.WAITING,
                AssignmentState.SUBMITTED,
                AssignmentState.RELEASED,
                AssignmentState.ESCALATED,
            }
        ),
        AssignmentState.RUNNING: frozenset(
            {
                AssignmentState.SUBMITTED,
                AssignmentState.FAILED,
                AssignmentState.LOST,
                AssignmentState.RELEASED,
                AssignmentState.ESCALATED,
            }
        ),
    },
)

_OPEN = text("state IN ('waiting', 'offered', 'running')")
_RUNNING = text("state = 'running'")


class Assignment(SQLModel, table=True):
    """One attempt of one agent at one bead."""

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("bead_id", "fence", name="uq_assignments_bead_fence"),
        Index("uq_assignments_open_bead", "bead_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("uq_assignments_polecat", "polecat", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("ix_assignments_state", "state", "rig"),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    bead_id: str = Field(max_length=255, foreign_key="beads.id", index=True)
    rig: str = Field(max_length=40, foreign_key="rigs.name")
    preset: str = Field(max_length=40)
    state: AssignmentState = Field(sa_column=Column(enum_column(AssignmentState), nullable=False))
    reason: Reason = Field(sa_column=Column(enum_column(Reason), nullable=False))
    fence: int  # raised once per attempt of the bead; every effect names it
    desired: Desired = Field(default=Desired.RUN, sa_column=Column(enum_column(Desired), nullable=False))
    priority: int = Field(default=2)  # the bead's, when it was slung
    slung_by: str = Field(default="", max_length=255)
    # who may take it, and when
    not_before: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))  # cool-down
    preferred: str | None = Field(default=None, max_length=128)  # the polecat that knows the change
    preferred_until: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    rung_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    # the lease: the holder guards the heartbeat, the fence guards effects
    polecat: str | None = Field(default=None, max_length=128, foreign_key="polecats.address")
    host: str | None = Field(default=None, max_length=64)
    holder: str | None = Field(default=None, max_length=200)
    expires_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    # times of its life
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    claimed_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))  # first exec
    active_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))  # last sign of life
    progress_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))  # its work changed
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    outcome: str = Field(default="", max_length=1000)  # why it ended, for people
    # the work
    branch: str = Field(default="", max_length=400)
    base_oid: str = Field(default="", max_length=64)  # where the attempt started
    head_oid: str = Field(default="", max_length=64)  # the newest commit known to be safe
    notes: str = Field(default="", sa_column=Column(Text, nullable=False))  # for the successor
    rework: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JsonObject, nullable=False))
    # the session
    runs: int = Field(default=0)  # times the agent's process was started
    adoptions: int = Field(default=0)  # times another worker took the session over from one that died
    restarts: int = Field(default=0)  # times a patrol had the agent started anew
    booked_runs: int = Field(default=0)  # runs whose end and cost are in this row
    session_pass: str = Field(default="", max_length=64)  # SHA-256 of the pass
    agent_session_id: str = Field(default="", max_length=128)  # the runtime's own, for resuming
    # what it cost, parsed from the agent's output
    model: str = Field(default="", max_length=128)
    input_tokens: int = Field(default=0)
    output_tokens: int = Field(default=0)
    cache_read_tokens: int = Field(default=0)
    cache_write_tokens: int = Field(default=0)
    cost_usd: float | None = Field(default=None)
