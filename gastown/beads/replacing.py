"""Closing a bead in favour of another: duplicates, and what is superseded."""

from sqlmodel import Session, col, select

from gastown.beads.closing import close
from gastown.beads.edges import add_dependency
from gastown.beads.errors import CloseRefused, DependencyRefused
from gastown.beads.models import Bead, Dependency
from gastown.beads.queries import count_open_children, get

DUPLICATES, SUPERSEDES = "duplicates", "supersedes"


def mark_duplicate(session: Session, bead_id: str, canonical: str, *, actor: str) -> Bead:
    """Close a bead as the duplicate of another, which may be closed itself; refuses circles."""
    return _replace(session, bead_id, canonical, DUPLICATES, f"Duplicate of {canonical}", actor)


def supersede(session: Session, bead_id: str, replacement: str, *, actor: str) -> Bead:
    """Close a bead because another takes its place; refuses circles."""
    return _replace(session, bead_id, replacement, SUPERSEDES, f"Superseded by {replacement}", actor)


def _replace(session: Session, bead_id: str, other: str, kind: str, reason: str, actor: str) -> Bead:
    bead = get(session, bead_id)
    get(session, other)
    if bead_id == other:
        raise DependencyRefused(f"{bead_id} cannot take its own place")
    if _leads_to(session, other, bead_id):
        raise DependencyRefused(
            f"{bead_id} -> {other} ({kind}) would create a cycle", hint=f"{other} was closed in favour of {bead_id}."
        )
    if number := count_open_children(session, bead_id):
        raise CloseRefused(
            f"cannot close {bead_id}: {number} open child issue(s)",
            hint="Close or move them (bd update --parent).",
        )
    add_dependency(session, bead_id, other, actor=actor, type=kind)
    # Its blockers no longer matter: nobody will do it.
    for _, error in close(session, [bead_id], actor=actor, reason=reason, force=True).refused:
        raise error
    return bead


def _leads_to(session: Session, start: str, goal: str) -> bool:
    """Whether `start` was closed in favour of `goal`, also by way of others."""
    seen, frontier = {start}, [start]
    while frontier:
        rows = session.exec(
            select(Dependency.depends_on_id).where(
                col(Dependency.issue_id).in_(frontier), col(Dependency.type).in_((DUPLICATES, SUPERSEDES))
            )
        )
        frontier = [name for name in rows if name not in seen]
        if goal in frontier:
            return True
        seen.update(frontier)
    return False
