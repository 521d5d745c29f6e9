"""PostgreSQL's connections: no wait on one is without an end, and none is used that the server has given up.

A server that is gone is noticed by TCP. One that hangs (stopped, its disk stalled, swapping) keeps its connections up
and answers nothing, not even that a statement took too long: so we look at the clock ourselves.
"""

from typing import Any, ClassVar

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from gastown import clock

CONNECT_TIMEOUT_S = 10
# What the server ends by itself. The longest statement of ours takes seconds; a transaction that says nothing belongs
# to a process that was stopped, and holds up everybody who waits for its rows.
STATEMENT_TIMEOUT_S = 60
LOCK_TIMEOUT_S = 15
IDLE_TIMEOUT_S = 30
# In a worker every transaction is short: it waits for nobody but the server and, twice, Redis (`PUBLISH_TIMEOUT_S`).
# Less than others wait for a lock, so that a worker that was stopped with one in its hands makes nobody fail.
WORKER_IDLE_TIMEOUT_S = 5
# A server that has not even said that a statement took too long does not answer any more.
SILENCE_S = STATEMENT_TIMEOUT_S + 5

# For so long a connection is taken to be alive after its server's last word. A server that goes away within it costs
# that one transaction.
TRUSTED_S = 1.0
_ANSWERED = "answered_at"

# Without these a query whose answer is lost on the way (a partition, a host that went down) waits for 15 minutes to
# two hours, and with it the heartbeat of every session of the process.
_NOTICE_SILENCE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}
CONNECT_ARGUMENTS: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, **_NOTICE_SILENCE}


def connect_arguments(*, is_worker: bool) -> dict[str, Any]:
    """What every connection of a process is opened with."""
    idle_s = WORKER_IDLE_TIMEOUT_S if is_worker else IDLE_TIMEOUT_S
    limits = {"statement_timeout": STATEMENT_TIMEOUT_S, "lock_timeout": LOCK_TIMEOUT_S}
    limits["idle_in_transaction_session_timeout"] = idle_s
    return {**CONNECT_ARGUMENTS, "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items())}


class ServerSilent(psycopg.OperationalError):
    """The server has not said a word for longer than any statement may take."""


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that is given up when the server stays silent."""

    silence_s: ClassVar[float] = SILENCE_S
    waits_for_ever = False
    """For the one who changes the schema, which may take hours."""

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """Wait for the server; `ServerSilent`, with the connection closed, when nothing comes."""
        if self.waits_for_ever or options.get("timeout") is not None:
            return super().wait(gen, *args, **options)
        try:
            # psycopg's own loop looks at the clock; one of ours around it would cost a quarter of every statement.
            return super().wait(gen, *args, **{**options, "timeout": self.silence_s})
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()  # what it may still answer is nobody's answer any more
            raise ServerSilent(f"the database has not answered for {self.silence_s:g} s") from None


def be_impatient(engine: Engine) -> None:
    """Have every connection of a PostgreSQL engine made of ours."""

    def connect(_dialect: Any, _record: object, words: list[Any], options: dict[str, Any]) -> ImpatientConnection:
        return ImpatientConnection.connect(*words, **options)

    event.listen(engine, "do_connect", connect)


def be_wary(engine: Engine) -> None:
    """Ask the server whether it is there before a kept connection is used again, unless it has just answered on it.

    SQLAlchemy's own `pool_pre_ping` asks each time, which is a seventh of what a short transaction takes.
    """

    def note(_connection: object, record: ConnectionPoolEntry, *_more: object) -> None:
        record.info[_ANSWERED] = clock.monotonic()

    def look(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if clock.monotonic() - record.info[_ANSWERED] < TRUSTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error  # nor are the others that were made before now

    event.listen(engine, "connect", note)
    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", look)


def wait_for_ever(connection: Connection) -> None:
    """Let the statements of this transaction, which changes the schema, take what they take; the connection is not
    used again after it.
    """
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    driver = connection.connection.driver_connection
    assert isinstance(driver, ImpatientConnection)
    driver.waits_for_ever = True
    connection.detach()
