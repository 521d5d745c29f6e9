"""A convoy and its members.

open ─► landed      every member's work is on its target, or a person settled it without code
  ▲        │
  └────────┘        work was added
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from gastown.db import Transitions, UtcTime, enum_column


class ConvoyStatus(StrEnum):
    """Where a convoy is."""

    OPEN = "open"
    LANDED = "landed"  # every member's work is on its target (or a person closed it without code)


TRANSITIONS = Transitions[ConvoyStatus](
    "convoy",
    {
        ConvoyStatus.OPEN: frozenset({ConvoyStatus.LANDED}),
        ConvoyStatus.LANDED: frozenset({ConvoyStatus.OPEN}),
    },
)


class Convoy(SQLModel, table=True):
    """Beads that travel together, across rigs."""

    __tablename__ = "convoys"

    id: str = Field(primary_key=True, max_length=32)  # hq-cv-<hash>
    title: str = Field(max_length=500)
    status: ConvoyStatus = Field(sa_column=Column(enum_column(ConvoyStatus), nullable=False))
    owner: str = Field(max_length=255)
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    landed_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


class ConvoyMember(SQLModel, table=True):
    """One bead of a convoy."""

    __tablename__ = "convoy_members"

    convoy_id: str = Field(primary_key=True, max_length=32, foreign_key="convoys.id")
    bead_id: str = Field(primary_key=True, max_length=255, foreign_key="beads.id", index=True)
