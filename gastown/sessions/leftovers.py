"""What a crash left on this host: sessions nobody watches, worktrees nobody knows the end of."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import agents, assignments, logs, rigs
from gastown.agents import Polecat, WorktreeState
from gastown.assignments import Assignment, AssignmentState
from gastown.config import Settings
from gastown.db import database_time
from gastown.errors import GastownError
from gastown.runtimes import host
from gastown.sessions import paths, worksite
from gastown.sessions.office import Office
from gastown.sessions.take import is_dead_here

log = logs.get(__name__)


@dataclass(frozen=True)
class Leftovers:
    """What a sweep found and did."""

    to_see_off: tuple[int, ...]
    """Attempts that ended while their worker died: their agents may still wait for an answer."""
    saved: int
    """Worktrees whose work was saved."""


def list_orphans(office: Office) -> tuple[int, ...]:
    """Running attempts of this host whose holder is gone; costs one or two questions."""
    return office.do(lambda session: _orphans(session, office))


def sweep_leftovers(office: Office) -> Leftovers:
    """Save worktrees whose session is over, which takes git; find who is to be seen off. Safe twice and beside another
    sweep.
    """
    to_see_off, saved = _settle_unknown_ends(office)
    return Leftovers(to_see_off, saved)


def has_ended_unbooked(settings: Settings, assignment_id: int) -> bool:
    """Whether the agent of a running attempt is over on this host: nothing goes on while nobody holds the attempt."""
    folder = paths.latest_run_dir(settings, assignment_id)
    return folder is not None and (folder / "keeper.json").exists() and host.find(folder) is None


def _orphans(session: Session, office: Office) -> tuple[int, ...]:
    here = office.settings.host_id
    rows = {row.id: row for row in assignments.list_running_on(session, here) if row.id is not None}
    unheld = {number: row for number, row in rows.items() if not office.book.holds(number)}
    if not unheld:
        return ()
    now = database_time(session)
    found = []
    for number, row in unheld.items():
        expired = row.expires_at is None or row.expires_at <= now
        if expired or (row.holder != office.holder and is_dead_here(row.holder or "", here)):
            found.append(number)
    return tuple(found)


def _settle_unknown_ends(office: Office) -> tuple[tuple[int, ...], int]:
    """Busy worktrees of this host without a running attempt: those with a session to see off, and how many were saved.

    What a living worker still sees off itself is its own business.
    """
    here = office.settings.host_id
    with_ends = office.do(lambda session: _busy_without_attempt(session, here))
    to_see_off, saved = [], 0
    for polecat, row, rig in with_ends:
        if row.id is None or office.book.holds(row.id):
            continue
        if row.holder and row.holder != office.holder and not is_dead_here(row.holder, here):
            continue
        folder = paths.latest_run_dir(office.settings, row.id)
        if folder is not None and (folder / "keeper.json").exists():
            to_see_off.append(row.id)
        else:
            saved += _save(office, polecat, row, rig)
    return tuple(to_see_off), saved


def _save(office: Office, polecat: Polecat, row: Assignment, rig: rigs.Rig) -> bool:
    """Save and free a worktree whose session was never started."""
    is_whole = False
    try:
        if row.branch:
            site = worksite.site_of(office.settings, rig, row, polecat)
            is_whole = worksite.save(site, row.id or 0, agent=polecat.address, why="found after a crash").is_whole
    except (GastownError, OSError) as error:
        log.warning("worktree of %s not settled yet: %s", polecat.address, error)
        return False
    state = WorktreeState.CLEAN if is_whole else WorktreeState.SPENT
    office.do(lambda session: agents.mark_worktree(session, polecat.address, state))
    return True


def _busy_without_attempt(session: Session, here: str) -> list[tuple[Polecat, Assignment, rigs.Rig]]:
    rows = session.exec(select(Polecat).where(Polecat.host == here, Polecat.worktree_state == WorktreeState.BUSY)).all()
    found = []
    for polecat in rows:
        last = last_claimed(session, polecat.address)
        if last is None or last.state is AssignmentState.RUNNING:
            continue
        found.append((polecat, last, session.get_one(rigs.Rig, polecat.rig)))
    return found


def last_claimed(session: Session, polecat: str) -> Assignment | None:
    """The attempt that has or had the polecat last; a number says when it was made, not when it was claimed."""
    query = select(Assignment).where(Assignment.polecat == polecat)
    return session.exec(query.order_by(col(Assignment.claimed_at).desc(), col(Assignment.id).desc()).limit(1)).first()
