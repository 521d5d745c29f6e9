"""The town as it was: after any event, or at any time that the log still reaches."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from gastown import assignments, beads, clock, refinery
from gastown.convoys import ConvoyStatus
from gastown.errors import Invalid, NotFound
from gastown.replay import pruning
from gastown.replay.rebuild import Progress, Rebuilt, rebuild

Row = Mapping[str, Any]
_AGO = re.compile(r"(\d{1,6}) ?(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?) ago")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EVENT = re.compile(r"#(\d{1,18})")


class BadMoment(Invalid):
    """No time and no event that can be looked back to."""


class NothingThere(NotFound):
    """What was asked for was not there then."""


@dataclass(frozen=True)
class Picture:
    """What there was, as rows of the tables."""

    statuses: Mapping[str, int]
    """How many beads there were in each status."""
    beads: tuple[Row, ...]
    """Those that were neither closed nor deleted."""
    running: tuple[Row, ...]
    requests: tuple[Row, ...]
    rigs: tuple[Row, ...]
    convoys: tuple[Row, ...]
    events: int
    """The number of the last event then."""


def parse_moment(text: str, now: datetime) -> datetime | int:
    """Read a time (`2h ago`, `yesterday`, an ISO time) or an event (`#1234`); refuse what is still to come."""
    event = _EVENT.fullmatch(text.strip())
    return int(event[1]) if event is not None else parse_time(text, now)


def parse_time(text: str, now: datetime) -> datetime:
    """Read a time that has passed."""
    said = text.strip()
    if (ago := _AGO.fullmatch(said)) is not None:
        try:
            return now - timedelta(**{_UNITS[ago[2][0]]: int(ago[1])})
        except OverflowError:
            raise BadMoment(f"{text[:60]!r} is too long ago", hint="Try 2h ago or 2026-03-01T09:00:00Z.") from None
    moment = beads.parse_when(said, now, option="TIME")
    if moment > now:
        raise BadMoment("that time is still to come", hint="Try 2h ago, yesterday or 2026-03-01T09:00:00Z.")
    return moment


def at(session: Session, moment: datetime | int, *, progress: Progress | None = None) -> Rebuilt:
    """The tables as they were at a time, or after the event of this number. Refuses what was pruned away."""
    if isinstance(moment, datetime) and moment > clock.now():
        raise BadMoment("that time is still to come")
    pruning.check_reaches(session, moment)
    return rebuild(session, until=moment, progress=progress)


def draw(built: Rebuilt, *, rig: str | None = None, bead: str | None = None) -> Picture:
    """What there was, in one rig or about one bead where they are named."""
    names = {str(row["name"]): str(row["prefix"]) for row in built.rows("rigs")}
    if rig is not None and rig not in names:
        raise NothingThere(f"there was no rig called {rig[:60]!r} then")
    if bead is not None and built.find("beads", (bead,)) is None:
        raise NothingThere(f"there was no bead {bead[:60]!r} then")
    prefix = names[rig] if rig is not None else None
    found = [row for row in built.rows("beads") if bead in (None, row["id"]) and prefix in (None, row["prefix"])]
    over = {beads.BeadStatus.CLOSED.value, beads.BeadStatus.TOMBSTONE.value}
    chosen = {row["id"] for row in found} if bead or rig else None
    return Picture(
        statuses=Counter(str(row["status"]) for row in found),
        beads=tuple(row for row in found if bead or row["status"] not in over),
        running=_of(built.rows("assignments"), chosen, bead is not None, {assignments.AssignmentState.RUNNING.value}),
        requests=_of(built.rows("merge_requests"), chosen, bead is not None, set(refinery.OPEN_REQUESTS)),
        rigs=tuple(row for row in built.rows("rigs") if row["removed_at"] is None and rig in (None, row["name"])),
        convoys=tuple(row for row in built.rows("convoys") if row["status"] == ConvoyStatus.OPEN.value),
        events=built.last,
    )


def _of(rows: Iterable[Row], chosen: set[str] | None, every: bool, states: set[Any]) -> tuple[Row, ...]:
    """Rows of the chosen beads in these states; of one bead all."""
    return tuple(
        row for row in rows if (chosen is None or row["bead_id"] in chosen) and (every or row["state"] in states)
    )
