"""Who is at work: one row a worker process."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from gastown.db import JsonObject, UtcTime


class Worker(SQLModel, table=True):
    """A Celery worker that said it is there; gone when it has not said so for a lease's time."""

    __tablename__ = "workers"

    id: str = Field(primary_key=True, max_length=200)  # the holder: <host>:<pid>:<start>:<boot>
    host: str = Field(max_length=64, index=True)
    role: str = Field(max_length=32)
    pid: int
    slots: int = Field(default=1)
    queues: list[Any] = Field(default_factory=list, sa_column=Column(JsonObject, nullable=False))
    version: str = Field(default="", max_length=32)
    started_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Town(SQLModel, table=True):
    """The installation itself: one row, made by the first `gt install` that reached the database."""

    __tablename__ = "towns"

    number: int = Field(default=1, primary_key=True)  # always 1: a database holds one town
    id: str = Field(max_length=32)  # minted once; tells two towns of the same name apart
    name: str = Field(max_length=40)
    created_at: datetime = Field(sa_column=Column(UtcTime, nullable=False))
