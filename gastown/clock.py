"""The only source of "now"."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


def _system_now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_now


def now() -> datetime:
    """The present, aware, in UTC."""
    return _source()


def monotonic() -> float:
    """Seconds that never go back; for local deadlines only."""
    return time.monotonic()


def set_source(source: Callable[[], datetime] | None) -> None:
    """Make `now` answer from `source` (tests); None restores the system's clock."""
    global _source
    _source = source or _system_now
