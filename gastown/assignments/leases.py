"""The lease protocol: offer, claim, heartbeat, adopt, detach, lose. Database time only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, literal, update
from sqlmodel import Session, col, select

from gastown import agents, beads, policy, queue, rigs
from gastown.agents import Polecat, WorktreeState
from gastown.assignments import queries
from gastown.assignments.facts import tell
from gastown.assignments.models import Assignment, AssignmentState, Desired
from gastown.beads import BeadStatus
from gastown.db import database_time, is_sqlite
from gastown.errors import Conflict
from gastown.events import EventKind, say_time
from gastown.rigs import Rig

# Any constant will do: it keeps these advisory locks apart from others on PostgreSQL.
_HOST_LOCK = 0x686F7374


class LeaseLost(Conflict):
    """Another worker holds the lease, or the attempt is over."""


class NothingToClaim(Conflict):
    """No attempt is offered that this host may take now. The usual answer to a doubled doorbell."""


class NoRoom(Conflict):
    """Every slot of the host or of the rig is taken."""


@dataclass(frozen=True)
class Claim:
    """A granted lease."""

    assignment: Assignment
    polecat: Polecat
    policy: policy.Policy


@dataclass(frozen=True)
class HeldLease:
    """What a heartbeat found of one attempt."""

    assignment_id: int
    fence: int
    is_mine: bool
    """Whether this holder still has it; False: let go and kill nothing."""
    is_over: bool
    """Whether the attempt ended, or a higher fence exists: save the work and stop the session."""
    desired: Desired


@dataclass(frozen=True)
class Sign:
    """What a holder has seen of a session since it said so last."""

    silent_s: float | None = None
    """Seconds since the agent's last sign of life; None: none that is new."""
    idle_s: float | None = None
    """Seconds since its work was last seen to have changed; None: it has not."""


def lock_name(bead_id: str) -> str:
    """The Redis key that refuses doubled claims cheaply."""
    return f"gastown:claim:{bead_id}"


def offer(session: Session, row: Assignment, *, actor: str) -> bool:
    """Let any worker of the rig claim a waiting attempt; hooks the bead and rings.

    False: it waits no more, or has to wait on, because the rig's work is held up.
    """
    session.flush()
    if rigs.find_pause(session, session.get_one(Rig, row.rig)) is not None:
        return False
    changed = session.execute(
        update(Assignment)
        .where(
            col(Assignment.id) == row.id,
            col(Assignment.fence) == row.fence,
            col(Assignment.state) == AssignmentState.WAITING,
        )
        .values(state=AssignmentState.OFFERED, rung_at=database_time(session))
    )
    session.refresh(row)
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        return False
    bead = beads.get(session, row.bead_id)
    if bead.status != BeadStatus.HOOKED:
        beads.set_status(
            session, row.bead_id, BeadStatus.HOOKED, actor=actor, fence=row.fence, assignment_id=row.id, rig=row.rig
        )
    tell(session, EventKind.ASSIGNMENT_OFFERED, row, actor=actor, ring=doorbell(session, row))
    return True


def doorbell(session: Session, row: Assignment) -> queue.Doorbell:
    """Who is to be woken for an offered attempt: the preferred polecat's host while it is preferred, else the rig."""
    where = queue.rig_queue(row.rig)
    if row.preferred and row.preferred_until and database_time(session) < row.preferred_until:
        polecat = session.get(Polecat, row.preferred)
        if polecat is not None:
            where = queue.host_queue(polecat.host)
    return queue.Doorbell(queue.Task.SUPERVISE, where, (row.id, row.bead_id))


def claim(
    session: Session,
    rig_name: str,
    *,
    holder: str,
    host: str,
    slots: int,
    refuse: Callable[[Assignment], bool] = lambda _row: False,
) -> Claim:
    """Lease the best offered attempt of the rig to `holder` and give it a polecat of `host`.

    `refuse` is the cheap lock: True skips an attempt that somebody else is claiming. Raises NothingToClaim or NoRoom;
    the rig's row and the host's name are locked meanwhile, so that both limits hold.
    """
    settings = policy.load(session)
    _hold_host(session, host)
    # A lock that lets others name the rig in rows of theirs: whoever is stopped with it holds up claims, and no more.
    held = select(Rig).where(Rig.name == rig_name).with_for_update(key_share=True)
    held = held.execution_options(populate_existing=True)
    rig = session.exec(held).one_or_none()
    # Only now: whoever held these locks may have been stopped. A lease begins after the end of the one that it follows,
    # and with all of its time before it.
    now = database_time(session)
    halted = rigs.find_pause(session, rig) if rig is not None else f"there is no rig {rig_name}"
    if halted is not None:
        raise NothingToClaim(halted)
    running = queries.list_running(session)
    if sum(row.host == host for row in running) >= slots:
        raise NoRoom(f"all {slots} slots of {host} are taken")
    if sum(row.rig == rig_name for row in running) >= settings.count("rig.max_polecats"):
        raise NoRoom(f"rig {rig_name} has as many polecats at work as it may have")
    for row in queries.list_offered(session, rig_name):
        if _may_take(session, row, host, now) and not refuse(row):
            return _grant(session, row, holder=holder, host=host, settings=settings, now=now)
    raise NothingToClaim(f"nothing is offered in {rig_name}")


def _hold_host(session: Session, host: str) -> None:
    """Let one claim at a time count the host's slots: claims in two rigs lock different rows. SQLite has one writer."""
    if not is_sqlite(session):
        key = func.hashtext(host)
        session.execute(select(func.pg_advisory_xact_lock(_HOST_LOCK, key)))


def _may_take(session: Session, row: Assignment, host: str, now: datetime) -> bool:
    if row.preferred and row.preferred_until and now < row.preferred_until:
        polecat = session.get(Polecat, row.preferred)
        if polecat is None:
            return True
        return polecat.host == host and polecat.worktree_state is not WorktreeState.BUSY
    return True


def _grant(
    session: Session, row: Assignment, *, holder: str, host: str, settings: policy.Policy, now: datetime
) -> Claim:
    busy = frozenset(other.polecat for other in queries.list_running(session) if other.polecat)
    polecat = agents.take_polecat(
        session,
        rig=row.rig,
        host=host,
        busy=busy,
        preferred=row.preferred,
        theme=settings.text("polecat.names"),
        actor=holder,
    )
    granted = session.execute(
        update(Assignment)
        .where(
            col(Assignment.id) == row.id,
            col(Assignment.fence) == row.fence,
            col(Assignment.state) == AssignmentState.OFFERED,
        )
        .values(
            state=AssignmentState.RUNNING,
            holder=holder,
            host=host,
            polecat=polecat.address,
            claimed_at=now,
            expires_at=now + timedelta(seconds=settings.number("lease.ttl_s")),
        )
    )
    if granted.rowcount != 1:  # type: ignore[attr-defined]
        raise NothingToClaim(f"{row.bead_id} was claimed by somebody else")
    session.refresh(row)
    polecat.worktree_state = WorktreeState.BUSY
    _note_claim(session, row, polecat, holder=holder)
    return Claim(row, polecat, settings)


def _note_claim(session: Session, row: Assignment, polecat: Polecat, *, holder: str) -> None:
    actor = polecat.address
    beads.set_status(
        session,
        row.bead_id,
        BeadStatus.IN_PROGRESS,
        actor=actor,
        fence=row.fence,
        assignment_id=row.id,
        agent=actor,
        rig=row.rig,
        assignee=actor,
    )
    site: dict[str, Any] = {"claimed_at": say_time(row.claimed_at), "last_used_at": say_time(polecat.last_used_at)}
    site |= {"worktree": polecat.worktree, "worktree_state": polecat.worktree_state.value}
    tell(session, EventKind.ASSIGNMENT_CLAIMED, row, actor=holder, holder=holder, host=row.host, **site)


def heartbeat(
    session: Session, leases: Mapping[int, int], *, holder: str, ttl_s: float, signs: Mapping[int, Sign] | None = None
) -> list[HeldLease]:
    """Renew the attempts in `leases` (id -> fence) that `holder` still has; say how each of them stands.

    `signs` (by id) are written by the same statement; what shows none costs nothing.
    """
    now = database_time(session)
    silences = {number: sign.silent_s for number, sign in (signs or {}).items()}
    idles = {number: sign.idle_s for number, sign in (signs or {}).items()}
    seen = {**_since("active_at", silences, now), **_since("progress_at", idles, now)}
    session.execute(
        update(Assignment)
        .where(
            col(Assignment.id).in_(leases),
            col(Assignment.holder) == holder,
            col(Assignment.state) == AssignmentState.RUNNING,
        )
        .values(expires_at=now + timedelta(seconds=ttl_s), **seen),
        execution_options={"synchronize_session": False},
    )
    rows = session.exec(select(Assignment).where(col(Assignment.id).in_(leases))).all()
    found = []
    for row in rows:
        assert row.id is not None
        over = row.state is not AssignmentState.RUNNING or row.fence != leases[row.id]
        found.append(HeldLease(row.id, row.fence, row.holder == holder and not over, over, row.desired))
    return found


def _since(column: str, ages: Mapping[int, float | None], now: datetime) -> dict[str, Any]:
    times = {number: now - timedelta(seconds=age) for number, age in ages.items() if age is not None}
    if not times:
        return {}
    kept = getattr(Assignment, column)
    whens = [(col(Assignment.id) == number, literal(time, kept.type)) for number, time in times.items()]
    return {column: case(*whens, else_=kept)}


def adopt(
    session: Session, assignment_id: int, *, holder: str, host: str, is_dead: Callable[[str], bool]
) -> Claim | None:
    """Take over a running attempt of this host from a holder that is dead or whose lease has expired.

    The fence stays: the session goes on. None when there is nothing to adopt. `is_dead` is asked about holders of this
    host only; a living one keeps its lease until it expires. Deaths of holders are counted in the row; a planned stop,
    or a holder that was only cut off, is none.
    """
    row = queries.get(session, assignment_id, lock=True)
    now = database_time(session)
    if row.state is not AssignmentState.RUNNING or row.host != host or row.holder is None:
        return None
    expired = row.expires_at is None or row.expires_at <= now
    if not expired and (row.holder == holder or not is_dead(row.holder)):
        return None
    old_holder = row.holder
    settings = policy.load(session)
    ttl = timedelta(seconds=settings.number("lease.ttl_s"))
    # A heartbeat never reaches further ahead than the TTL: such a lease was detached by a worker that meant to stop.
    was_planned = row.expires_at is not None and row.expires_at > now + ttl
    deaths = int(not was_planned and old_holder != holder and is_dead(old_holder))
    changed = session.execute(
        update(Assignment)
        .where(
            col(Assignment.id) == row.id,
            col(Assignment.fence) == row.fence,
            col(Assignment.holder) == old_holder,
            col(Assignment.state) == AssignmentState.RUNNING,
        )
        .values(holder=holder, expires_at=now + ttl, adoptions=Assignment.adoptions + deaths)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        return None
    session.refresh(row)
    tell(
        session,
        EventKind.ASSIGNMENT_ADOPTED,
        row,
        actor=holder,
        old_holder=old_holder,
        holder=holder,
        adoptions=row.adoptions,
    )
    assert row.polecat is not None
    return Claim(row, session.get_one(Polecat, row.polecat), settings)


def detach(session: Session, assignment_ids: Sequence[int], *, holder: str, grace_s: float) -> None:
    """A worker that stops leaves its sessions running: anyone of the host may adopt, others after the grace."""
    now = database_time(session)
    for assignment_id in assignment_ids:
        row = queries.get(session, assignment_id, lock=True)
        if row.holder != holder or row.state is not AssignmentState.RUNNING:
            continue
        row.expires_at = now + timedelta(seconds=grace_s)
        tell(session, EventKind.ASSIGNMENT_DETACHED, row, actor=holder, until=row.expires_at.isoformat())
