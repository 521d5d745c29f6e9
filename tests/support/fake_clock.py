"""A clock that stands until a test moves it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gastown import clock


class FakeClock:
    """The present, for SQLite and for everything that asks `gastown.clock`."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def pass_(self, **span: float) -> None:
        """Move on by a timedelta's keywords."""
        self.moment += timedelta(**span)


@pytest.fixture
def fake_clock() -> Iterator[FakeClock]:
    """A standing clock in place of the system's; PostgreSQL's own clock goes on."""
    fake = FakeClock()
    clock.set_source(fake)
    yield fake
    clock.set_source(None)
