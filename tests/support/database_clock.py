"""A clock that tests move on: the database's own, and with it every process's that was forked after it was made.

SQLite has its users' clock. On PostgreSQL a function of the same name is found before the server's.
"""

import mmap
import struct
from datetime import UTC, datetime, timedelta

from sqlalchemy import make_url, text

from gastown import clock
from gastown.db.engine import make_engine

_FORMAT = "d"
_HIDE = """
CREATE SCHEMA moved;
CREATE TABLE moved.clock (seconds double precision NOT NULL);
INSERT INTO moved.clock VALUES (0);
CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
$$ SELECT pg_catalog.clock_timestamp() + seconds * interval '1 second' FROM moved.clock $$;
"""


class DatabaseClock:
    """The present of a database and of who uses it."""

    def __init__(self, url: str) -> None:
        self._shared = mmap.mmap(-1, struct.calcsize(_FORMAT))
        self._engine = None if url.startswith("sqlite") else make_engine(url)
        if self._engine is not None:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(_HIDE)
                name = make_url(url).database
                connection.exec_driver_sql(f"ALTER DATABASE {name} SET search_path = moved, pg_catalog, public")
            self._engine.dispose()
        clock.set_source(self.now)

    @property
    def offset(self) -> float:
        """Seconds by which it is ahead of the world's."""
        return float(struct.unpack(_FORMAT, self._shared[:])[0])

    def now(self) -> datetime:
        """The present."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self._shared[:] = struct.pack(_FORMAT, self.offset + seconds)
        if self._engine is not None:
            with self._engine.begin() as connection:
                connection.execute(text("UPDATE moved.clock SET seconds = :offset"), {"offset": self.offset})
            self._engine.dispose()

    def close(self) -> None:
        """Give the system's clock back."""
        clock.set_source(None)
