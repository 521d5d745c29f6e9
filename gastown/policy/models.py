"""The row of a setting that somebody changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from gastown.db import JsonObject, UtcTime


class Setting(SQLModel, table=True):
    """A value that differs from the default."""

    __tablename__ = "settings"

    name: str = Field(primary_key=True, max_length=64)
    value: Any = Field(sa_column=Column(JsonObject, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
