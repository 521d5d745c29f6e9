"""A rig's row and its gates."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, text
from sqlmodel import Field, SQLModel

from gastown.db import JsonObject, UtcTime, enum_column


class TargetState(StrEnum):
    """What is known of the head of the rig's target branch."""

    UNKNOWN = "unknown"  # not gated yet
    GREEN = "green"  # its tree passed
    RED = "red"  # its tree failed: the train stops, nobody is blamed
    BROKEN = "broken"  # its gates cannot run: the train stops, a person is asked


class LandingStyle(StrEnum):
    """What a landing leaves on the target."""

    MERGE = "merge"  # one merge commit with every head as a parent
    SQUASH = "squash"  # one plain commit a request
    REBASE = "rebase"  # the request's own commits, on top
    PULL = "pull"  # a pull request that the provider merges: for protected branches


class GatePhase(StrEnum):
    """When a gate runs."""

    PRE_MERGE = "pre-merge"  # on the merged tree, before it lands
    POST_LANDING = "post-landing"  # on the target, once it has landed


class Rig(SQLModel, table=True):
    """One repository that the town works on."""

    __tablename__ = "rigs"

    name: str = Field(primary_key=True, max_length=40)
    prefix: str = Field(unique=True, max_length=12)  # of its beads' ids
    remote_url: str = Field(max_length=2000)
    branch: str = Field(max_length=200)  # the target
    setup_command: str = Field(default="", max_length=4000)  # run before gates, and in a new worktree
    agent: str = Field(default="", max_length=40)  # preset; empty: the town's default
    no_gates: bool = Field(default=False)  # said explicitly: what merges cleanly lands
    is_parked: bool = Field(default=False)  # nothing new starts; what runs goes on
    is_docked: bool = Field(default=False)  # put out of service: nothing starts, what runs is saved and put back
    frozen_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))  # emergency stop
    frozen_why: str = Field(default="", max_length=1000)
    push_atomic: bool = Field(default=True)  # the remote takes --atomic
    push_fence: bool = Field(default=True)  # the remote takes refs/gastown/fence
    updates_checkout: bool = Field(default=False)  # the remote is somebody's checkout that takes pushes
    landing: LandingStyle = Field(
        default=LandingStyle.MERGE,
        sa_column=Column(enum_column(LandingStyle), nullable=False, server_default=LandingStyle.MERGE.value),
    )
    provider: str = Field(default="", max_length=40)  # who merges its pull requests
    areas: dict[str, list[str]] = Field(
        default_factory=dict, sa_column=Column(JsonObject, nullable=False, server_default=text("'{}'"))
    )
    """Parts of its tree with a train of their own each: patterns of paths, by name (`areas.py`)."""
    queue_paused_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    queue_paused_why: str = Field(default="", max_length=1000)  # somebody paused its merge queue
    target_state: TargetState = Field(
        default=TargetState.UNKNOWN, sa_column=Column(enum_column(TargetState), nullable=False)
    )
    target_oid: str = Field(default="", max_length=64)  # the head that target_state speaks of
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    removed_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


class Gate(SQLModel, table=True):
    """One check that a tree must pass before it lands."""

    __tablename__ = "gates"

    rig: str = Field(primary_key=True, max_length=40, foreign_key="rigs.name")
    name: str = Field(primary_key=True, max_length=40)
    command: str = Field(max_length=4000)  # the user's own shell command, run with `sh -c`
    position: int = Field(default=0)
    timeout_s: int | None = Field(default=None)  # None: the town's gate.timeout_s
    is_required: bool = Field(default=True)  # False: advisory, it is run and told, and holds nothing up
    phase: GatePhase = Field(
        default=GatePhase.PRE_MERGE,
        sa_column=Column(enum_column(GatePhase), nullable=False, server_default=GatePhase.PRE_MERGE.value),
    )
    poll_s: int | None = Field(default=None)  # a wait on an external check: its command is asked so often
    memory_mb: int | None = Field(default=None)  # address space of each of its processes; None: no limit
    environment: list[str] = Field(
        default_factory=list, sa_column=Column(JsonObject, nullable=False, server_default=text("'[]'"))
    )
    """Variables of the runner's environment, by name, that it is given besides the usual ones."""
