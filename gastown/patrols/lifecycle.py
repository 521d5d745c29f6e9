"""Every write to the findings: raised, seen again, tried to mend, cleared. One event each, but for being seen again.

The findings of a check that runs on each host start with the host's name; a walk leaves those of other hosts alone.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from gastown import policy
from gastown.db import database_time, locks
from gastown.events import EventKind, record
from gastown.patrols import queries
from gastown.patrols.findings import Check, Fault, Patrol
from gastown.patrols.looking import Look
from gastown.patrols.models import FindingRow, Level

# Open findings a check (and host); of a thousand sessions that died with their host a person reads no more.
MOST_PER_CHECK = 50
MORE = "(more)"
# A finding that nobody has looked for since then: its host is gone, or its check was switched off.
UNSEEN = timedelta(hours=1)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Noted:
    """What a walk changed in the findings."""

    raised: int
    cleared: int


def stored_subject(check: Check, subject: str, host: str) -> str:
    """How the findings call what a check is about."""
    return (f"{host} {subject}".rstrip() if check.is_local else subject)[:255]


def note_findings(session: Session, looks: Sequence[Look], *, host: str, actor: str) -> Noted:
    """Raise what is new or has become worse, note that the rest is still there, clear what is gone.

    A check that could not look to the end clears nothing.
    """
    now = database_time(session)
    known: dict[str, dict[str, FindingRow]] = defaultdict(dict)
    for row in queries.list_open(session):
        known[row.check][row.subject] = row
    raised = cleared = 0
    for look in looks:
        mine = {key: row for key, row in known[look.check.name].items() if _is_ours(look.check, key, host)}
        there = _bounded(look, mine, host)
        for subject, fault in there.items():
            raised += _note(session, mine.get(subject), look.check, subject, fault, now=now, actor=actor)
        gone = [row for subject, row in mine.items() if subject not in there] if look.is_whole else []
        for row in gone:
            _clear(session, row, now=now, actor=actor)
        cleared += len(gone)
    return Noted(raised, cleared)


def forget_unseen(session: Session, *, actor: str) -> int:
    """Clear findings that no walk has looked for in an hour; return how many."""
    now = database_time(session)
    unseen = [row for row in queries.list_open(session) if row.seen_at < now - UNSEEN]
    for row in unseen:
        _clear(session, row, now=now, actor=actor)
    return len(unseen)


def note_step(session: Session, check: str, subject: str, *, done: str, refused: str, actor: str) -> None:
    """Note a step that was taken about a finding, or why it was not taken; `subject` as it is stored."""
    now = database_time(session)
    row = queries.find_open(session, check, subject)
    if row is not None:
        row.mends += 1
        row.mended_at = now
    record(
        session,
        EventKind.FINDING_MENDED,
        actor=actor,
        finding=row.id if row else None,
        check=check,
        subject=subject,
        done=done[:1000],
        refused=refused[:1000],
        mends=row.mends if row else None,
        mended_at=now.isoformat(),
    )


def note_walk(session: Session, patrol: Patrol, *, host: str | None, holder: str) -> None:
    """Note that a patrol came to the end of its walk; `host`: of the one that it does on each host."""
    locks.seize(session, queries.walk_name(patrol, host), holder=holder, ttl_s=0)


def mend_due_at(row: FindingRow, settings: policy.Policy) -> datetime | None:
    """When a patrol may try again to put a finding right; None: now, nobody has tried."""
    if row.mended_at is None or not row.mends:
        return None
    pause = settings.number("deacon.mend_pause_s") * 2 ** min(row.mends - 1, 20)
    return row.mended_at + timedelta(seconds=min(pause, settings.number("deacon.mend_pause_most_s")))


def _is_ours(check: Check, subject: str, host: str) -> bool:
    return not check.is_local or subject == host or subject.startswith(f"{host} ")


def _bounded(look: Look, known: Mapping[str, FindingRow], host: str) -> dict[str, Fault]:
    """One fault a subject, the worst of it; of very many those that are known already, then the worst."""
    by_subject: dict[str, Fault] = {}
    for fault in look.faults:
        subject = stored_subject(look.check, fault.subject, host)
        there = by_subject.get(subject)
        if there is None or fault.level.weight > there.level.weight:
            by_subject[subject] = fault
    if len(by_subject) <= MOST_PER_CHECK:
        return by_subject
    order = sorted(by_subject, key=lambda subject: (subject not in known, -by_subject[subject].level.weight))
    kept = {subject: by_subject[subject] for subject in order[:MOST_PER_CHECK]}
    rest = len(by_subject) - MOST_PER_CHECK
    worst = max((by_subject[subject].level for subject in order[MOST_PER_CHECK:]), key=lambda level: level.weight)
    kept[stored_subject(look.check, MORE, host)] = Fault(worst, MORE, f"and {rest} more", "`gt doctor` shows them all.")
    return kept


def _note(  # noqa: PLR0913 - a finding and who found it
    session: Session, row: FindingRow | None, check: Check, subject: str, fault: Fault, *, now: datetime, actor: str
) -> bool:
    """Write one fault down; whether it is news."""
    if row is not None:
        row.seen_at = now
        worse = fault.level.weight > row.level.weight
        if not worse and _gist(row.message) == _gist(fault.message) and row.level is fault.level:
            return False
    else:
        row = _opened(session, check.name, subject, now)
    is_news = row.id is None or row.cleared_at is not None or fault.level.weight > row.level.weight
    row.level, row.message, row.hint, row.cleared_at = fault.level, fault.message, fault.hint, None
    session.add(row)
    session.flush()
    record(
        session,
        EventKind.FINDING_RAISED,
        actor=actor,
        finding=row.id,
        check=row.check,
        subject=row.subject,
        level=row.level.value,
        message=row.message,
        hint=row.hint,
        raised_at=row.raised_at.isoformat(),
        mends=row.mends,
    )
    return is_news


def _gist(message: str) -> str:
    """The message without its numbers: that minutes go by is no news."""
    return _NUMBER.sub("#", message)


def _opened(session: Session, check: str, subject: str, now: datetime) -> FindingRow:
    """The row of a new finding: the last time's, so that what comes and goes is one row and keeps its back-off."""
    row = queries.find_newest(session, check, subject)
    if row is None:
        return FindingRow(check=check, subject=subject, level=Level.WARNING, raised_at=now, seen_at=now)
    most = timedelta(seconds=policy.load(session).number("deacon.mend_pause_most_s"))
    if row.cleared_at is None or now - row.cleared_at > most:
        row.mends, row.mended_at = 0, None
    row.raised_at = row.seen_at = now
    return row


def _clear(session: Session, row: FindingRow, *, now: datetime, actor: str) -> None:
    row.cleared_at = now
    record(
        session,
        EventKind.FINDING_CLEARED,
        actor=actor,
        finding=row.id,
        check=row.check,
        subject=row.subject,
        cleared_at=now.isoformat(),
    )
