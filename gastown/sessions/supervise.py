"""Supervising one session: claim or adopt, prepare, run, watch, book, and say what follows.

Every step may be the last one this process takes. What another worker needs in order to go on is in SQL and in the
session's folder before the next step begins.
"""

import contextlib
import threading
from dataclasses import replace

from sqlmodel import Session

from gastown import agents, assignments, logs, policy, rigs
from gastown.agents import WorktreeState
from gastown.assignments import Assignment, AssignmentNotFound, AssignmentState, Desired, LeaseLost, StaleFence
from gastown.db import DatabaseAway
from gastown.errors import GastownError, Refused, Unavailable
from gastown.rigs import Rig
from gastown.runtimes import host, strays
from gastown.sessions import paths, saving, worksite
from gastown.sessions.book import Entry
from gastown.sessions.held import Ending, EndKind, Held
from gastown.sessions.leftovers import last_claimed
from gastown.sessions.office import Office
from gastown.sessions.run import run_session
from gastown.sessions.take import Taken, take

log = logs.get(__name__)

# An unreachable remote or a full disk will last a while; five tries at this distance are the cap of infrastructure.
TROUBLE_DELAY_S = 30.0
# Between two looks whether the database is back.
AWAY_PAUSE_S = 5.0
# Longer than TERM and KILL take.
STRAY_PATIENCE_S = 20.0


class TakenForCause(Refused):
    """Too many workers died while they held the session: it is stopped, and the bead tried anew."""


def supervise(office: Office, assignment_id: int) -> str:
    """Take the attempt and stay with it until its session ends or this worker does; return what became of it.

    Returns at once when there is nothing to take: a doubled or late doorbell.
    """
    try:
        taken = take(office, assignment_id)
        if taken is None:
            return "nothing to take"
        row = taken.claim.assignment
        assert row.id is not None
        entry = office.book.add(row.id, row.fence, row.bead_id)
    finally:
        office.claims.discard(threading.get_ident())
    with logs.bound(bead=row.bead_id, fence=row.fence, rig=row.rig):
        try:
            return _carry(office, taken, entry)
        except LeaseLost as lost:
            log.warning("letting go, the session goes on: %s", lost)
            return "left to the next worker"
        except (StaleFence, AssignmentNotFound):
            log.info("the attempt is over; letting go")
            return "over"
        finally:
            office.book.remove(entry)


def see_off(office: Office, assignment_id: int) -> str:
    """Stay with a session whose attempt ended while its worker died, as that worker would have; then free its worktree.

    Its agent may wait for the answer to its `gt done`. Returns at once when there is nothing to see off.
    """
    if office.stopping.is_set() or office.book.holds(assignment_id):
        return "nothing to see off"
    row = office.do(lambda session: assignments.get(session, assignment_id))
    entry = office.book.add(assignment_id, row.fence, row.bead_id)
    with logs.bound(bead=row.bead_id, fence=row.fence, rig=row.rig):
        try:
            held = office.do(lambda session: _left_behind(session, office, entry, row))
            if held is None:
                return "nothing to see off"
            log.info("seeing off a session whose worker died")
            return _conclude(office, held, run_session(office, held, adopt=True))
        except (GastownError, OSError) as error:
            log.warning("not seen off yet: %s", error)
            return "left to the next look"
        finally:
            office.book.remove(entry)


def _left_behind(session: Session, office: Office, entry: Entry, row: Assignment) -> Held | None:
    """What see_off needs, unless the polecat has been freed or given to another attempt meanwhile."""
    polecat = agents.get(session, row.polecat or "")
    last = last_claimed(session, polecat.address)
    is_free = polecat.worktree_state is not WorktreeState.BUSY
    if is_free or last is None or last.id != row.id or last.state is AssignmentState.RUNNING:
        return None
    rig = session.get_one(Rig, row.rig)
    site = worksite.site_of(office.settings, rig, row, polecat)
    return Held(row, polecat, rig, site, entry, policy.load(session))


def _carry(office: Office, taken: Taken, entry: Entry) -> str:
    while True:
        try:
            return _carry_once(office, taken, entry)
        except DatabaseAway as error:
            # Nothing is decided without the database. The session goes on in its grace; we take it up where it is then.
            log.warning("waiting until the database is back: %s", error)
        if office.stopping.wait(AWAY_PAUSE_S):
            return "unbooked"  # the next worker of this host adopts it, running or ended
        with contextlib.suppress(DatabaseAway):
            claim = taken.claim
            claim = replace(claim, assignment=office.do(lambda session: assignments.get(session, entry.assignment_id)))
            taken = replace(taken, claim=claim, is_adopted=True)


def _carry_once(office: Office, taken: Taken, entry: Entry) -> str:
    row = taken.claim.assignment
    rig = office.do(lambda session: session.get_one(Rig, row.rig))
    try:
        _check_deaths(taken)
        held = _settle_in(office, taken, rig, entry)
        ending = run_session(office, held, adopt=taken.is_adopted)
        return _conclude(office, held, ending)
    except (StaleFence, LeaseLost, AssignmentNotFound, DatabaseAway):
        raise
    except Exception as error:
        # Whatever it is, an attempt that ends is tried again and at last escalated; one that nobody ends is not.
        if not isinstance(error, GastownError | OSError):
            log.exception("a bug of ours")
        return _trouble(office, row, rig, error)


def _check_deaths(taken: Taken) -> None:
    """Refuse a session under which one worker after the other has died, before this one does."""
    deaths = taken.claim.assignment.adoptions
    if taken.is_adopted and deaths >= taken.claim.policy.count("cap.adoptions"):
        raise TakenForCause(f"{deaths} workers died while they held this session")


def _settle_in(office: Office, taken: Taken, rig: Rig, entry: Entry) -> Held:
    """Make the worktree ready, unless an earlier worker did."""
    row, polecat = taken.claim.assignment, taken.claim.polecat
    assert row.id is not None
    if taken.is_adopted and row.branch:
        site = worksite.site_of(office.settings, rig, row, polecat)
        return Held(row, polecat, rig, site, entry, taken.claim.policy)
    previous = office.do(lambda session: _previous_branch(session, row))
    if not polecat.worktree:
        polecat = replace_path(office, row, polecat)
    row_id, fence = row.id, row.fence
    with worksite.alone(office.settings, polecat):
        # Whoever was stopped on the way here, for longer than its lease, must not clean up under a running agent.
        office.do(lambda session: assignments.held(session, row_id, fence, holder=office.holder))
        site = worksite.prepare(office.settings, rig, row, polecat, previous_branch=previous)
    row = office.do(
        lambda session: assignments.note_site(session, row_id, fence, branch=site.branch, base_oid=site.base_oid)
    )
    return Held(row, polecat, rig, site, entry, taken.claim.policy)


def replace_path(office: Office, row: Assignment, polecat: agents.Polecat) -> agents.Polecat:
    """Give the polecat a worktree path that no attempt has used: its name, else its name and the attempt's number."""
    fresh = polecat.name
    if (rigs.polecats_dir(office.settings.town, polecat.rig) / fresh).exists():
        fresh = f"{polecat.name}-{row.id}"

    def note(session: Session) -> agents.Polecat:
        agents.mark_worktree(session, polecat.address, WorktreeState.BUSY, worktree=fresh)
        return agents.get(session, polecat.address)

    return office.do(note)


def _previous_branch(session: Session, row: Assignment) -> str | None:
    """The branch on which the attempt's start was left."""
    for past in reversed(assignments.history(session, row.bead_id)):
        if past.fence < row.fence and past.head_oid and past.head_oid == row.base_oid:
            return past.branch
    return None


def _trouble(office: Office, row: Assignment, rig: Rig, error: Exception) -> str:
    """The session could not be started or kept for reasons that are not its agent's."""
    assert row.id is not None
    row_id, fence = row.id, row.fence
    office.do(lambda session: assignments.held(session, row_id, fence, holder=office.holder))
    log.warning("attempt lost to trouble here: %s", error)
    _end_stray(office, row)
    words = error.message if isinstance(error, GastownError) else str(error)
    why = (words or type(error).__name__)[:500]
    head = _save_stray(office, row_id, rig, why)

    def give_up(session: Session) -> None:
        if head is not None:
            assignments.note_saved(session, row_id, row.fence, actor=office.holder, head_oid=head, why=why)
            session.flush()
        # Where leases are short, everything else is to be as quick.
        delay_s = min(TROUBLE_DELAY_S, policy.load(session).number("lease.ttl_s") / 2)
        assignments.lose(session, row_id, row.fence, actor=office.holder, outcome=why, delay_s=delay_s)
        agents.mark_worktree(session, row.polecat or "", WorktreeState.SPENT)

    office.do(give_up)
    return "lost"


def _save_stray(office: Office, row_id: int, rig: Rig, why: str) -> str | None:
    """The commit with what the attempt's agent left, for the next one to start from; None where it never ran."""
    row, polecat = office.do(lambda session: _attempt(session, row_id))
    if not row.runs:
        return None
    try:
        site = worksite.site_of(office.settings, rig, row, polecat)
        return worksite.save(site, row_id, agent=polecat.address, why=why).oid
    except (GastownError, OSError) as error:
        log.warning("what %s left is in its worktree only: %s", polecat.address, error)
        return None


def _attempt(session: Session, row_id: int) -> tuple[Assignment, agents.Polecat]:
    row = assignments.get(session, row_id)
    return row, agents.get(session, row.polecat or "")


def _end_stray(office: Office, row: Assignment) -> None:
    """End what may run of the attempt before the next one starts; its keeper's deadline ends what we cannot."""
    folder = paths.latest_run_dir(office.settings, row.id or 0)
    process = host.find(folder) if folder is not None else None
    if process is None:
        strays.end_all_below(paths.session_dir(office.settings, row.id or 0))
        return
    try:
        host.stop(process, "its worker cannot keep it")
        host.wait(process, STRAY_PATIENCE_S)
    except (GastownError, OSError) as error:
        log.warning("the session in %s may run on until its deadline: %s", folder, error)


def _conclude(office: Office, held: Held, ending: Ending) -> str:
    """Save the work, then record what the ending means, in that order."""
    if ending.kind is EndKind.LEFT:
        return "left to the next worker"
    if ending.kind is EndKind.DETACHED:
        _detach(office, held)
        return "detached"
    row, is_ours = office.do(lambda session: _stands(session, held.row.id or 0))
    if not is_ours:
        return row.state.value  # another worker saw the end before us, and the polecat has new work
    if row.state is AssignmentState.RUNNING and row.holder != office.holder:
        return "left to the next worker"  # who sees the same end
    push = row.state is not AssignmentState.SUBMITTED and saving.may_push(office, held)
    kept = worksite.save(held.site, held.id, agent=held.polecat.address, why=ending.words or "session ended", push=push)
    head = kept.oid
    state = WorktreeState.CLEAN if kept.is_whole else WorktreeState.SPENT

    def settle(session: Session) -> str:
        free_worktree(session, row, state)
        now = assignments.get(session, row.id or 0, lock=True)
        if now.state is not AssignmentState.RUNNING or now.fence != held.row.fence:
            return now.state.value
        if head is not None:
            assignments.note_saved(
                session, row.id or 0, row.fence, actor=office.holder, head_oid=head, why=ending.words
            )
            session.flush()
        return _what_follows(session, office, now, ending)

    return office.do(settle)


def _stands(session: Session, row_id: int) -> tuple[Assignment, bool]:
    row = assignments.get(session, row_id)
    return row, _has_polecat(session, row)


def _has_polecat(session: Session, row: Assignment) -> bool:
    """Whether the attempt has, or was the last to have, its polecat."""
    last = last_claimed(session, row.polecat or "")
    return last is not None and last.id == row.id


def free_worktree(session: Session, row: Assignment, state: WorktreeState) -> None:
    """Note how the attempt left its polecat's worktree, unless that has gone to another attempt since."""
    if _has_polecat(session, row):
        agents.mark_worktree(session, row.polecat or "", state)


def _what_follows(session: Session, office: Office, row: Assignment, ending: Ending) -> str:
    assert row.id is not None
    match ending.kind:
        case EndKind.STOPPED if row.desired is Desired.HAND_OVER:
            assignments.resume_later(session, row.id, row.fence, actor=office.holder)
            return "handed over"
        case EndKind.STOPPED if row.desired is Desired.GIVE_UP:
            assignments.fail(session, row.id, row.fence, actor=office.holder, outcome=row.outcome or ending.words)
            return "failed"
        case EndKind.STOPPED:
            assignments.put_back(session, row.id, row.fence, actor=office.holder)
            return "released"
        case EndKind.LOST:
            assignments.lose(session, row.id, row.fence, actor=office.holder, outcome=ending.words)
            return "lost"
        case _:
            assignments.fail(session, row.id, row.fence, actor=row.polecat or office.holder, outcome=ending.words)
            return "failed"


def _detach(office: Office, held: Held) -> None:
    grace = held.policy.number("lease.grace_s")
    try:
        office.do(lambda session: assignments.detach(session, [held.row.id or 0], holder=office.holder, grace_s=grace))
    except Unavailable as error:
        log.warning("could not mark the lease detached; it expires by itself: %s", error)
