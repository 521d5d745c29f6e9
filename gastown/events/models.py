"""The event row."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, text
from sqlmodel import Field, SQLModel

from gastown.db import JsonFacts, JsonObject, UtcTime, enum_column
from gastown.events.kinds import EventKind


class Event(SQLModel, table=True):
    """One fact, with the new values it brought."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_bead", "bead_id", "id"),
        Index("ix_events_kind", "kind", "id"),
        Index(
            "ix_events_unrung",
            "id",
            sqlite_where=text("task IS NOT NULL AND rung_at IS NULL"),
            postgresql_where=text("task IS NOT NULL AND rung_at IS NULL"),
        ),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    kind: EventKind = Field(sa_column=Column(enum_column(EventKind), nullable=False))
    actor: str = Field(max_length=255)  # who did it: a person, an agent's address, or a part of the town
    bead_id: str | None = Field(default=None, max_length=255)
    rig: str | None = Field(default=None, max_length=64)
    agent: str | None = Field(default=None, max_length=128)  # the polecat's address
    assignment_id: int | None = Field(default=None)
    fence: int | None = Field(default=None)  # of the attempt whose effect this is
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JsonFacts, nullable=False))
    task: str | None = Field(default=None, max_length=64)  # the doorbell, where somebody must act on this
    queue: str | None = Field(default=None, max_length=128)
    args: list[Any] | None = Field(default=None, sa_column=Column(JsonObject, nullable=True))
    rung_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
