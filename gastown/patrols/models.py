"""What the patrols found and nobody has put right yet: one open row a check and subject."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Integer, Text, text
from sqlmodel import Field, SQLModel

from gastown.db import UtcTime, enum_column

_OPEN = text("cleared_at IS NULL")


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"  # somebody should look when there is time
    ERROR = "error"  # work stands still, or may be lost

    @property
    def weight(self) -> int:
        """The more, the worse."""
        return list(Level).index(self)


class FindingRow(SQLModel, table=True):
    """One thing that is wrong, from the patrol that first saw it to the one that saw it gone."""

    __tablename__ = "findings"
    __table_args__ = (
        Index("uq_findings_open", "check", "subject", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    check: str = Field(max_length=64)
    subject: str = Field(default="", max_length=255)
    level: Level = Field(sa_column=Column(enum_column(Level), nullable=False))
    message: str = Field(default="", sa_column=Column(Text, nullable=False))
    hint: str = Field(default="", sa_column=Column(Text, nullable=False))
    raised_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    cleared_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))
    mends: int = Field(default=0)  # times that a patrol tried to put it right
    mended_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))  # the last try
