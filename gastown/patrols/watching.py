"""Which running sessions may be judged, since when, and the first step about one: it is restarted.

The order is: restart (the agent is told what was seen, its session is resumed where its runtime can), then give the
attempt up, so that its caps and cool-down decide; they escalate once, with all that was tried.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from gastown import assignments, git, policy, rigs, sling
from gastown.assignments import Assignment, AssignmentState, Desired, StaleFence
from gastown.db import database_time
from gastown.errors import GastownError
from gastown.events import Event, EventKind
from gastown.patrols.findings import Hands
from gastown.patrols.queries import last_told

# What a holder that was asked to restart its agent may take for saving, ending and starting it.
RESTART_PATIENCE = timedelta(minutes=10)
# Changes of settings that are looked through for the end of an emergency stop.
_CHANGES_READ = 20


@dataclass(frozen=True)
class Watched:
    """A running session that may be judged now."""

    row: Assignment
    now: datetime
    active_at: datetime
    """Its last sign of life; never before it could give one."""
    progress_at: datetime
    """When its work was last seen to change."""
    policy: policy.Policy

    @property
    def silent_s(self) -> float:
        """Seconds without a sign of life."""
        return (self.now - self.active_at).total_seconds()

    @property
    def idle_s(self) -> float:
        """Seconds without changed work."""
        return (self.now - self.progress_at).total_seconds()


def list_watched(session: Session) -> Iterator[Watched]:
    """Sessions that a living worker holds, past their spawn grace; none of what is frozen."""
    running = assignments.list_running(session)
    if not running:
        return
    now, settings = database_time(session), policy.load(session)
    names = {row.rig for row in running}
    found = {rig.name: rig for rig in session.exec(select(rigs.Rig).where(col(rigs.Rig.name).in_(names)))}
    frozen = {name for name, rig in found.items() if rigs.find_freeze(session, rig) is not None}
    thawed = _thawed(session)
    for row in running:
        if row.rig not in frozen and (seen := _watch(row, settings, now, thawed)) is not None:
            yield seen


def watch(session: Session, row: Assignment) -> Watched | None:
    """The same of one attempt, read in this transaction."""
    if row.state is not AssignmentState.RUNNING:
        return None
    rig = session.get_one(rigs.Rig, row.rig)
    if rigs.find_freeze(session, rig) is not None:
        return None
    return _watch(row, policy.load(session), database_time(session), _thawed(session))


def _watch(
    row: Assignment, settings: policy.Policy, now: datetime, thawed: dict[str | None, datetime]
) -> Watched | None:
    # Without a lease nobody could tell of its signs, nor restart it: that is the reconciler's business.
    is_held = row.expires_at is not None and row.expires_at > now
    if not is_held or row.claimed_at is None or row.started_at is None:
        return None
    if now - row.claimed_at < timedelta(seconds=settings.number("witness.spawn_grace_s")):
        return None
    since = max(filter(None, (row.claimed_at, thawed.get(None), thawed.get(row.rig))))
    active = max(row.active_at or since, since)
    return Watched(row, now, active, max(row.progress_at or since, since), settings)


def _thawed(session: Session) -> dict[str | None, datetime]:
    """When each rig, and the town (None), was last thawed: nobody gives a sign of life while frozen."""
    kinds = (EventKind.RIG_THAWED, EventKind.SETTING_CHANGED)
    rows = session.exec(
        select(Event).where(col(Event.kind).in_(kinds)).order_by(col(Event.id).desc()).limit(_CHANGES_READ)
    ).all()
    found: dict[str | None, datetime] = {}
    for event in rows:
        if event.kind is EventKind.RIG_THAWED:
            found.setdefault(event.rig, event.at)
        elif event.payload.get("name") == "estop":
            found.setdefault(None, event.at)
    return found


def restart(hands: Hands, bead_id: str, find_why: Callable[[Watched], str]) -> str:
    """Have the bead's agent restarted, or its attempt given up when that was tried; `find_why` looks again first.

    Work that is on the target already goes to the merge queue instead, which decides what that means.
    """
    handed_in = _hand_in_landed(hands, bead_id, find_why)
    return handed_in or hands.transact(lambda session: _restart(session, hands.actor, bead_id, find_why))


def _restart(session: Session, actor: str, bead_id: str, find_why: Callable[[Watched], str]) -> str:
    row = assignments.find_open(session, bead_id, lock=True)
    seen = watch(session, row) if row is not None else None
    why = find_why(seen) if seen is not None else ""
    if row is None or row.id is None or seen is None or not why:
        return ""
    asked_at = last_told(session, EventKind.ASSIGNMENT_RESTART_ASKED, [row]).get(row.id, row.created_at)
    if row.desired is Desired.RESTART and seen.now - asked_at < RESTART_PATIENCE:
        return ""  # the holder is about to
    most = seen.policy.count("witness.restarts")
    try:
        if row.restarts < most and row.desired is Desired.RUN:
            assignments.ask_to_restart(session, row.id, row.fence, actor=actor, why=why)
            return f"asked its worker to restart {row.polecat} ({row.restarts} of {most})"
        why = f"{why}, after {row.restarts} restarts" if row.restarts else why
        if assignments.ask_to_give_up(session, row.id, row.fence, actor=actor, why=why):
            return f"asked its worker to save the work and end the attempt of {row.polecat} as failed"
    except StaleFence:
        pass
    return ""


def _hand_in_landed(hands: Hands, bead_id: str, find_why: Callable[[Watched], str]) -> str:
    """Submit an attempt whose newest commit is on the target as far as this host's repository knows; else nothing."""
    with hands.here.read() as session:
        row = assignments.find_open(session, bead_id)
        seen = watch(session, row) if row is not None else None
        rig = session.get_one(rigs.Rig, row.rig) if row is not None else None
    if row is None or rig is None or seen is None or not find_why(seen) or not is_on_target(hands, rig, row):
        return ""
    number, fence, head = row.id or 0, row.fence, row.head_oid
    try:
        hands.transact(lambda session: sling.submit(session, number, fence, head_oid=head, actor=hands.actor))
    except StaleFence:
        return ""
    return f"its commit {head[:10]} is on {rig.branch} already: gave it to the merge queue, which decides"


def is_on_target(hands: Hands, rig: rigs.Rig, row: Assignment) -> bool:
    """Whether somebody merged the attempt's newest commit into the target, as it was fetched here last.

    A commit of the target's own line proves nothing: an agent that brought its branch up to date stands on one.
    """
    land, head = rigs.land_git(hands.here.settings.town, rig.name), row.head_oid
    if not head or head == row.base_oid or not land.exists():
        return False
    try:
        target = git.ref_value(land, f"refs/remotes/origin/{rig.branch}")
        known = target is not None and git.has_commit(land, head) and git.has_commit(land, row.base_oid)
        if target is None or not known or not git.is_ancestor(land, head, target):
            return False
        return head not in {commit.oid for commit in git.first_parent(land, row.base_oid, target)}
    except GastownError:
        return False
