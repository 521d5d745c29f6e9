"""The only commit. After it, the doorbells that the transaction recorded are rung.

A doorbell that could not be rung costs time, never work: its event row keeps `rung_at` empty and a tick sweeps it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import column, table, update
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from gastown import clock, logs, queue
from gastown.db.columns import UtcTime
from gastown.db.engine import DatabaseAway, get_engine, is_busy
from gastown.errors import Conflict

T = TypeVar("T")
log = logs.get(__name__)

# PostgreSQL: serialisation failure, deadlock, lock not available, ended for its silence (we were stopped). The whole
# transaction is run again.
_RETRY_STATES = frozenset({"40001", "40P01", "55P03", "25P03"})
_ATTEMPTS = 5
# PostgreSQL: unique violation. (SQLite has one writer: what was looked for and not found there stays so.)
_DUPLICATE = "23505"
# PostgreSQL: our role may not use a table.
_NOT_ALLOWED = "42501"


class Overtaken(Conflict):
    """Somebody else wrote the same thing between our look and our write."""


@contextmanager
def reading(url: str | None = None, *, frozen: bool = False) -> Iterator[Session]:
    """A session for reads only; holds no write lock and commits nothing. Frozen: all it reads is of one moment."""
    engine = get_engine(url).execution_options(gastown_read_only=True)
    if frozen and engine.dialect.name != "sqlite":  # whose transactions are like that anyway
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with _translated(), Session(engine, expire_on_commit=False, autoflush=False) as session:
        yield session


@contextmanager
def unit_of_work(url: str | None = None) -> Iterator[Session]:
    """One transaction: commits when the block ends, rolls back when it raises, then rings what it recorded."""
    with _translated(), Session(get_engine(url), expire_on_commit=False) as session:
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        bells: list[queue.Doorbell] = session.info.pop("doorbells", [])
    rung = queue.ring_all(bells)
    if rung:
        _mark_rung(rung, url)


def transact(act: Callable[[Session], T], url: str | None = None) -> T:
    """Run `act` in a unit of work, again from its start (5 times at most) when the database asks for that."""
    # Only here, since it is slow to import and most commands do without.
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    retrying = Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        retry=retry_if_exception(is_transient),
        reraise=True,
    )
    result: T = retrying(_once, act, url)
    return result


def _once(act: Callable[[Session], T], url: str | None) -> T:
    with unit_of_work(url) as session:
        return act(session)


def is_transient(error: BaseException) -> bool:
    """Whether the same unit of work, run again from its start, may well succeed: it met others on its way."""
    if isinstance(error, Overtaken):
        return True
    cause = error.__cause__ if isinstance(error, DatabaseAway) else error
    if not isinstance(cause, DBAPIError):
        return False
    state = getattr(cause.orig, "sqlstate", None)
    return state in _RETRY_STATES or is_busy(cause.orig)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != _DUPLICATE:
            raise
        raise Overtaken("somebody else did this at the same moment", hint="Look how it stands, then decide.") from error
    except PoolTimeout as error:
        raise _away("all our connections to it are busy") from error
    except DBAPIError as error:
        if not (_is_unfit(error) or error.connection_invalidated):
            raise
        raise _away(str(error.orig).strip().splitlines()[0] if error.orig else "no answer") from error


def _is_unfit(error: DBAPIError) -> bool:
    """Whether it is the database that is at fault, not what we said to it."""
    # SQLite says of a file that is none of its own, or is damaged, no more than that it is an error of the database.
    is_damaged = type(error) is DatabaseError
    return isinstance(error, OperationalError) or is_damaged or getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED


def _away(reason: str) -> DatabaseAway:
    return DatabaseAway(
        f"the database cannot serve this: {reason}",
        hint="Nothing was changed. Check the disk and `gt doctor`, then run the command again.",
    )


# The outbox is a higher noun's table; here it is known by name only.
_EVENTS = table("events", column("id"), column("rung_at", UtcTime))


def _mark_rung(bells: list[queue.Doorbell], url: str | None) -> None:
    ids = [bell.event_id for bell in bells if bell.event_id is not None]
    try:
        with _translated(), Session(get_engine(url)) as session:
            session.execute(update(_EVENTS).where(_EVENTS.c.id.in_(ids)).values(rung_at=clock.now()))
            session.commit()
    except DatabaseAway:
        log.info("rang, but could not mark it; the sweep will ring once more")
