"""Every other write: status, fields, claims, labels, comments, deferral, deletion. (Creation, closing, edges
and deletion are in modules of their own.)"""

import uuid
from datetime import datetime
from typing import Any

from sqlmodel import Session

from gastown import clock
from gastown.beads import checks as check
from gastown.beads import readiness
from gastown.beads.changes import Cause, apply, as_json, lock, note, touch
from gastown.beads.closing import OPENED, close, drop_replacements, guard_landed, settle
from gastown.beads.errors import BadField, BeadMoved, CodeBead
from gastown.beads.models import (
    ATTEMPT_TRANSITIONS,
    SETTLED,
    UNDER_WAY,
    Bead,
    BeadStatus,
    Comment,
)
from gastown.beads.patches import Patch, update_values
from gastown.beads.words.vocabulary import check_status
from gastown.events import EventKind


def set_status(  # noqa: PLR0913 - the facts of an attempt's step
    session: Session,
    bead_id: str,
    status: BeadStatus,
    *,
    actor: str,
    fence: int | None = None,
    assignment_id: int | None = None,
    agent: str | None = None,
    rig: str | None = None,
    assignee: str | None = None,
    reason: str = "",
) -> Bead:
    """Take the bead one step through the life of an attempt; refuses steps that the table does not list.

    Never closes: `close` and `close_landed` do. `assignee` "" clears it, None leaves it.
    """
    bead = lock(session, bead_id)
    if bead.status not in BeadStatus.__members__.values():
        raise BeadMoved(f"{bead_id} is {bead.status}, which only a person can change")
    ATTEMPT_TRANSITIONS.check(bead_id, BeadStatus(bead.status), status)
    values: dict[str, Any] = {"status": status.value}
    if status == BeadStatus.IN_PROGRESS and bead.started_at is None:
        values["started_at"] = clock.now()
    if bead.status == BeadStatus.DEFERRED:
        values["defer_until"] = None
    if assignee is not None:
        values["assignee"] = assignee
    kind = EventKind.BEAD_ESCALATED if status == BeadStatus.ESCALATED else EventKind.BEAD_STATUS_CHANGED
    cause = Cause(actor, rig=rig, agent=agent, assignment_id=assignment_id, fence=fence)
    apply(session, bead, kind, values, cause=cause, was=bead.status, reason=reason)
    return bead


def mark_slung(session: Session, bead_id: str, *, is_code: bool, actor: str) -> Bead:
    """Note that the bead is slung, and whether only a landing closes it."""
    bead = lock(session, bead_id)
    apply(session, bead, EventKind.BEAD_UPDATED, {"is_code": is_code}, cause=Cause(actor))
    return bead


# The face calls it `update`; inside this module that name is SQL's.
def update_bead(session: Session, bead_id: str, patch: Patch, *, actor: str) -> bool:
    """Change a bead's fields as `patch` says; False when nothing differs.

    Refuses bad values, a template, and any status while an attempt is at work on the bead. A status `closed` obeys the
    guards of `close`. A status of its own ends a deferral.
    """
    if "status" in patch:
        readiness.lock_graph(session)
    bead = lock(session, bead_id)
    if bead.is_template:
        raise BeadMoved(f"{bead_id} is a template, which is read-only")
    values = update_values(session, bead, patch)
    was, status = bead.status, patch["status"] if "status" in patch else _implied_status(bead, patch)
    wants_close = status == BeadStatus.CLOSED and bead.status != BeadStatus.CLOSED
    settles = False
    if status is not None and not wants_close and status != bead.status:
        values = _status_values(session, bead, status, actor) | values
        settles = (status in SETTLED) != (bead.status in SETTLED)
    changed = apply(
        session,
        bead,
        EventKind.BEAD_STATUS_CHANGED if "status" in values else EventKind.BEAD_UPDATED,
        values,
        cause=Cause(actor),
    )
    if was == BeadStatus.CLOSED != bead.status:
        drop_replacements(session, bead_id, actor)
    if settles:
        settle(session, [bead_id])
    if wants_close:
        for _, error in close(session, [bead_id], actor=actor, by_session=patch.get("by_session", "")).refused:
            raise error
        return True
    return changed


def _implied_status(bead: Bead, patch: Patch) -> str | None:
    if "defer_until" not in patch or bead.status not in (BeadStatus.OPEN, BeadStatus.DEFERRED):
        return None
    until = patch["defer_until"]
    if until is None:
        return BeadStatus.OPEN.value if bead.status == BeadStatus.DEFERRED else None
    return BeadStatus.DEFERRED.value if until > clock.now() else None


def _status_values(session: Session, bead: Bead, status: str, actor: str) -> dict[str, Any]:
    check_status(session, status)
    if bead.is_code is not None and bead.status in UNDER_WAY:
        raise CodeBead(
            f"{bead.id} is slung: its attempt sets its status",
            hint="Its agent runs `gt done`; `gt hook` shows the attempt.",
        )
    values: dict[str, Any] = {"status": status}
    if bead.status == BeadStatus.CLOSED:
        guard_landed(bead, actor=actor)
        values |= OPENED
    if bead.status == BeadStatus.PINNED:
        values["pinned"] = False
    if bead.status == BeadStatus.DEFERRED:
        values["defer_until"] = None
    if status == BeadStatus.IN_PROGRESS and bead.started_at is None:
        values["started_at"] = clock.now()
    return values


def add_comment(session: Session, bead_id: str, text: str, *, actor: str) -> Comment:
    """Add a remark to a bead; refuses an empty one."""
    if not text.strip():
        raise BadField("comment text cannot be empty")
    lock(session, bead_id)
    comment = Comment(
        bead_id=bead_id,
        id=str(uuid.uuid4()),
        author=check.check_short("author", actor),
        text=check.check_text("comment", text),
        created_at=clock.now(),
    )
    session.add(comment)
    said = {"id": comment.id, "text": comment.text, "created_at": as_json(comment.created_at)}
    note(session, EventKind.BEAD_COMMENTED, bead_id, Cause(actor), **said, **touch(session, bead_id))
    return comment


def defer(session: Session, bead_id: str, until: datetime | None, *, actor: str) -> Bead:
    """Put a bead off, until a time or for good; refuses closed beads and those that an attempt is at work on."""
    bead = lock(session, bead_id)
    if bead.status in UNDER_WAY or bead.status in SETTLED:
        raise BeadMoved(f"cannot defer {bead_id}: it is {bead.status}")
    values = {"status": BeadStatus.DEFERRED.value, "defer_until": until}
    apply(session, bead, EventKind.BEAD_STATUS_CHANGED, values, cause=Cause(actor))
    return bead


def undefer(session: Session, bead_id: str, *, actor: str) -> bool:
    """Make a deferred bead open; False when it is not deferred."""
    bead = lock(session, bead_id)
    if bead.status != BeadStatus.DEFERRED:
        return False
    values = {"status": BeadStatus.OPEN.value, "defer_until": None}
    return apply(session, bead, EventKind.BEAD_STATUS_CHANGED, values, cause=Cause(actor))
