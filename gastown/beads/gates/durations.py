"""Spans of time as gates say them: Go's notation for people, nanoseconds in the store."""

import re
from decimal import Decimal

from gastown.beads.errors import BadField

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_MOST = 2**63 - 1
_LONGEST = 64  # characters


def parse_duration(text: str) -> int:
    """`1h30m`, `90s`, `1.5h` as nanoseconds; refuses what is no span, and negative ones."""
    said = text.strip().removeprefix("+")
    parts = _PART.findall(said) if len(said) <= _LONGEST else []
    if said == "0":
        return 0
    if not parts or "".join(number + unit for number, unit in parts) != said:
        raise BadField(f"invalid duration {text[:60]!r}", hint="Write it like 90s, 30m, 1h30m or 24h.")
    total = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in parts)
    if total > _MOST:
        raise BadField(f"duration {text[:60]!r} is longer than 292 years")
    return total


def format_duration(nanoseconds: int) -> str:
    """The span in Go's notation."""
    if nanoseconds % _UNITS["s"]:
        return f"{nanoseconds / _UNITS['s']:.9f}".rstrip("0") + "s"
    minutes, seconds = divmod(nanoseconds // _UNITS["s"], 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h" * bool(hours) + f"{minutes}m" * bool(hours or minutes) + f"{seconds}s"
