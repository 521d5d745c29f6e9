"""The row of an agent's identity."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from gastown.db import UtcTime, enum_column


class WorktreeState(StrEnum):
    """Whether a polecat's worktree may be used again."""

    NONE = "none"  # not made yet
    BUSY = "busy"  # a session may be alive in it
    CLEAN = "clean"  # the session is over and its work is safe: may be reset and used again
    SPENT = "spent"  # the session is over, nobody saw how: saved, then never used again


class Polecat(SQLModel, table=True):
    """A worker agent: the identity is permanent, the worktree is reused, sessions come and go."""

    __tablename__ = "polecats"

    address: str = Field(primary_key=True, max_length=128)  # <rig>/polecats/<name>
    rig: str = Field(max_length=40, foreign_key="rigs.name", index=True)
    name: str = Field(max_length=40)
    host: str = Field(max_length=64, index=True)  # where its worktree lives
    worktree: str = Field(default="", max_length=1000)  # path on that host, relative to the rig's folder
    worktree_state: WorktreeState = Field(
        default=WorktreeState.NONE, sa_column=Column(enum_column(WorktreeState), nullable=False)
    )
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    last_used_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
