"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

from gastown.beads.errors import BadField

_OFFSET = re.compile(r"([+-]?)(\d{1,5})([hdwmy])")
_IN = re.compile(r"in (\d{1,5}) (minute|hour|day|week|month|year)s?")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {"minute": "min", "hour": "h", "day": "d", "week": "w", "month": "m", "year": "y"}
_YEARS = range(1900, 2201)


def parse_when(text: str, now: datetime, *, option: str = "time") -> datetime:
    """Read `+2d`, `2026-03-01` (local midnight), ISO times, `tomorrow`, `next monday`, `in 3 days`; refuse the rest."""
    said = text.strip()
    try:
        moment = _offset(said, now) or _words(said.lower(), now) or datetime.fromisoformat(said)
        moment = moment.astimezone(UTC)  # a time without a zone is local
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.year not in _YEARS:
        raise BadField(
            f"invalid {option} format {text[:60]!r}", hint="Try +2d, tomorrow, 2026-03-01 or 2026-03-01T09:00:00Z."
        )
    return moment


def _offset(text: str, now: datetime) -> datetime | None:
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    count = int(found[2]) * (-1 if found[1] == "-" else 1)
    return _shift(now, count, found[3])


def _shift(now: datetime, count: int, unit: str) -> datetime:
    if unit in ("m", "y"):
        months = now.year * 12 + now.month - 1 + count * (12 if unit == "y" else 1)
        year, month = divmod(months, 12)
        for day in (now.day, 30, 29, 28):
            try:
                return now.replace(year=year, month=month + 1, day=min(day, now.day))
            except ValueError:
                continue
        raise ValueError("no such month")
    return now + count * {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}.get(
        unit, timedelta(weeks=1)
    )


def _words(text: str, now: datetime) -> datetime | None:
    if (found := _IN.fullmatch(text)) is not None:
        return _shift(now, int(found[1]), _UNITS[found[2]])
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "now":
        return now
    if text in ("today", "tomorrow", "yesterday"):
        return midnight + timedelta(days={"today": 0, "tomorrow": 1, "yesterday": -1}[text])
    day = text.removeprefix("next ")
    if day in _DAYS:
        return midnight + timedelta(days=(_DAYS.index(day) - midnight.weekday() - 1) % 7 + 1)
    if text in ("next week", "next month", "next year"):
        return _shift(midnight, 1, {"week": "w", "month": "m", "year": "y"}[text.split()[1]])
    return None


def local(text: str) -> str:
    """A time of the exchange format on the reader's clock; what is none stays as it is."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except ValueError:  # more digits than Python reads
        return text
