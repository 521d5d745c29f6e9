"""Named leases with a fence, for work that spans several units of work (a rig's refinery, a patrol).

The row is never deleted; each grant raises its fence, so that whatever the holder writes can name the grant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, ColumnElement, func, or_, select, true, update
from sqlmodel import Field, Session, SQLModel, col

from gastown.db.columns import UtcTime
from gastown.db.engine import database_time, is_sqlite
from gastown.errors import Conflict

# A clock that is put right by less than this disturbs nobody.
MOST_SKEW = timedelta(minutes=1)


class LeaseLost(Conflict):
    """Somebody else holds this lease now; whatever was being done must stop."""


class Lease(SQLModel, table=True):
    """Who may do a thing that one process at a time may do."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True, max_length=128)
    fence: int = Field(default=0)
    holder: str = Field(default="", max_length=200)
    expires_at: datetime | None = Field(default=None, sa_column=Column(UtcTime, nullable=True))


@dataclass(frozen=True)
class LockProof:
    """Proof of a grant. Functions that are dangerous without the lease demand one."""

    name: str
    fence: int
    holder: str
    is_left: bool = False
    """Whether the last holder never let go: it was killed, perhaps in the middle of something."""


def _nobody(_holder: str) -> bool:
    return False


def try_acquire(
    session: Session, name: str, *, holder: str, ttl_s: float, is_dead: Callable[[str], bool] = _nobody
) -> LockProof | None:
    """Grant the lease if it is free, has expired by the database's clock, or is a dead process's; None while somebody
    else holds it.

    `is_dead` says of a holder that it is known to be gone, as only its own host can: its lease need not run out. An
    expiry further ahead than any holder can have set, since all ask for the same `ttl_s`, dates from before the clock
    was set back, and counts as expired.
    """
    found, now = look(session, name)
    before = found.get(name)
    is_left = before is not None and before.expires_at is not None
    is_orphaned = before is not None and is_left and is_dead(before.holder)
    if before is None:
        _insert(session, name)
    elif not is_orphaned and before.expires_at and now < before.expires_at <= now + timedelta(seconds=ttl_s):
        return None  # the usual answer costs no write
    expires_at = col(Lease.expires_at)
    takeable = or_(expires_at.is_(None), expires_at <= now, expires_at > now + timedelta(seconds=ttl_s) + MOST_SKEW)
    if before is not None and is_orphaned:
        # Of this very grant: a newer one may be a living holder's.
        takeable = or_(takeable, (col(Lease.fence) == before.fence) & (col(Lease.holder) == before.holder))
    fence = _grant(session, takeable, name, holder=holder, expires_at=now + timedelta(seconds=ttl_s))
    return None if fence is None else LockProof(name, fence, holder, is_left)


def look(session: Session, *names: str) -> tuple[dict[str, Lease], datetime]:
    """These leases as they are now, those that there are, and the database's present: in one question, since ticks ask
    it all day long. As long as somebody keeps the leases, `session.get` asks nobody for them.
    """
    asked = select(Lease).where(col(Lease.name).in_(names)).execution_options(populate_existing=True)
    if is_sqlite(session):
        return {lease.name: lease for lease in session.scalars(asked)}, database_time(session)
    rows = session.execute(asked.add_columns(func.clock_timestamp())).all()
    now = rows[-1][1].astimezone(UTC) if rows else database_time(session)
    return {row[0].name: row[0] for row in rows}, now


def seize(session: Session, name: str, *, holder: str, ttl_s: float) -> None:
    """Grant the lease whoever holds it: for marks in time, which the newest word extends."""
    if session.get(Lease, name) is None:
        _insert(session, name)
    _grant(session, true(), name, holder=holder, expires_at=database_time(session) + timedelta(seconds=ttl_s))


def _grant(session: Session, on: ColumnElement[bool], name: str, *, holder: str, expires_at: datetime) -> int | None:
    """The grant's fence; None where the condition does not hold."""
    granted = session.execute(
        update(Lease)
        .where(col(Lease.name) == name, on)
        .values(fence=Lease.fence + 1, holder=holder, expires_at=expires_at)
        .returning(col(Lease.fence)),
        execution_options={"synchronize_session": False},
    )
    fence: int | None = granted.scalar_one_or_none()
    if (known := session.identity_map.get(session.identity_key(Lease, name))) is not None:
        session.expire(known)
    return fence


def _insert(session: Session, name: str) -> None:
    from sqlalchemy.dialects import postgresql, sqlite

    dialect = session.get_bind().dialect.name
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(Lease)
    session.execute(insert.values(name=name, fence=0, holder="").on_conflict_do_nothing())


def renew(session: Session, proof: LockProof, *, ttl_s: float) -> None:
    """Push the expiry out; raise LeaseLost when the grant is no longer the newest."""
    now = database_time(session)
    renewed = session.execute(
        update(Lease)
        .where(col(Lease.name) == proof.name, col(Lease.fence) == proof.fence, col(Lease.holder) == proof.holder)
        .values(expires_at=now + timedelta(seconds=ttl_s))
    )
    if renewed.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost(f"{proof.name} is held by somebody else")


def check(session: Session, proof: LockProof) -> None:
    """Raise LeaseLost unless `proof` is the newest grant; locks the row until the transaction ends (PostgreSQL)."""
    row = session.scalars(select(Lease).where(col(Lease.name) == proof.name).with_for_update()).one_or_none()
    if row is None or (row.fence, row.holder) != (proof.fence, proof.holder):
        raise LeaseLost(f"{proof.name} is held by somebody else")


def release(session: Session, proof: LockProof) -> None:
    """Let the lease go; a newer grant is left alone."""
    session.execute(
        update(Lease)
        .where(col(Lease.name) == proof.name, col(Lease.fence) == proof.fence, col(Lease.holder) == proof.holder)
        .values(expires_at=None)
    )
