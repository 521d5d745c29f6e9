"""Every write to agents."""

from collections.abc import Set

from sqlmodel import Session, col, select

from gastown import clock
from gastown.agents.address import polecat_address
from gastown.agents.models import Polecat, WorktreeState
from gastown.agents.names import choose_name
from gastown.events import EventKind, record, say_time


def take_polecat(  # noqa: PLR0913 - one keyword a condition
    session: Session, *, rig: str, host: str, busy: Set[str], preferred: str | None, theme: str, actor: str
) -> Polecat:
    """The polecat that shall take a bead of `rig` on `host`: the preferred one, else an idle one, else a new one.

    `busy` are the addresses that have a running assignment.
    """
    rows = session.exec(
        select(Polecat).where(Polecat.rig == rig).order_by(col(Polecat.last_used_at).desc(), col(Polecat.address))
    ).all()
    idle = [
        row
        for row in rows
        if row.host == host and row.address not in busy and row.worktree_state is not WorktreeState.BUSY
    ]
    chosen = next((row for row in idle if row.address == preferred), None)
    if chosen is None:
        # A worktree that is ready saves its making.
        chosen = next((row for row in idle if row.worktree_state is WorktreeState.CLEAN), None) or next(
            iter(idle), None
        )
    if chosen is None:
        name = choose_name({row.name for row in rows}, theme)
        chosen = Polecat(address=polecat_address(rig, name), rig=rig, name=name, host=host, created_at=clock.now())
        session.add(chosen)
        session.flush()
        record(
            session,
            EventKind.POLECAT_NAMED,
            actor=actor,
            rig=rig,
            agent=chosen.address,
            host=host,
            name=name,
            created_at=say_time(chosen.created_at),
        )
    chosen.last_used_at = clock.now()
    if chosen.worktree_state is WorktreeState.SPENT:
        chosen.worktree = ""  # a path is never used again after a crash
    return chosen


def mark_worktree(session: Session, address: str, state: WorktreeState, *, worktree: str | None = None) -> None:
    """Note the state of a polecat's worktree, and its path where that is new; whoever waits for the polecat is rung."""
    session.flush()
    row = session.get(Polecat, address, with_for_update={"key_share": True}, populate_existing=True)
    if row is None:
        return
    row.worktree_state = state
    if worktree is not None:
        row.worktree = worktree
    record(
        session,
        EventKind.POLECAT_UPDATED,
        actor=address,
        rig=row.rig,
        agent=address,
        worktree_state=state.value,
        worktree=row.worktree,
    )
