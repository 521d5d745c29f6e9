"""Going on within a molecule: from the step that was closed to the next one that is ready."""

from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session, select

from gastown.beads.claims import claim
from gastown.beads.errors import AlreadyClaimed
from gastown.beads.filters import Filters, Sort
from gastown.beads.models import Bead, BeadStatus, Dependency, DependencyType
from gastown.beads.queries import find_many, get, list_
from gastown.beads.shapes import list_json
from gastown.beads.startable import list_ready


@dataclass(frozen=True)
class Continuation:
    """Where a molecule stands after one of its steps."""

    closed_step: Bead
    molecule_id: str
    next_step: Bead | None
    auto_advanced: bool
    """The next step was taken for who asked."""
    molecule_complete: bool


def molecule_of(session: Session, bead_id: str) -> str | None:
    """The molecule that a bead is a step of: the nearest above it, else the top of its tree; None for no step."""
    seen, name, top = {bead_id}, bead_id, None
    while True:
        parents = session.exec(
            select(Dependency.depends_on_id)
            .where(Dependency.issue_id == name, Dependency.type == DependencyType.PARENT_CHILD.value)
            .order_by(Dependency.depends_on_id)
        ).all()
        found = find_many(session, [parent for parent in parents if parent not in seen])
        if not found:
            return top
        top = name = min(found)
        seen.add(name)
        if found[name].issue_type == "molecule":
            return name


def next_steps(session: Session, molecule_id: str) -> list[Bead]:
    """The steps of a molecule that are ready and nobody's, in their order."""
    asked = Filters(below=molecule_id, include_ephemeral=True, unassigned=True, sort=Sort.OLDEST)
    found = [bead for bead in list_ready(session, asked) if bead.id != molecule_id]
    return sorted(found, key=lambda bead: (bead.created_at, len(bead.id), bead.id))


def continue_after(session: Session, bead_id: str, *, actor: str, advance: bool = True) -> Continuation | None:
    """Find the next step of the molecule of a closed step and, with `advance`, take it; None when it is no step.

    Taking is a compare-and-set: a step that somebody else took meanwhile is passed over.
    """
    closed = get(session, bead_id)
    molecule = molecule_of(session, bead_id)
    if molecule is None:
        return None
    session.flush()
    found = Continuation(closed, molecule, None, auto_advanced=False, molecule_complete=False)
    for step in next_steps(session, molecule):
        if not advance:
            return replace(found, next_step=step)
        try:
            return replace(found, next_step=claim(session, step.id, actor=actor), auto_advanced=True)
        except AlreadyClaimed:
            continue
    return replace(found, molecule_complete=not _unfinished(session, molecule))


def _unfinished(session: Session, molecule_id: str) -> bool:
    below = list_(session, Filters(below=molecule_id, any_status=True, limit=0))
    return any(bead.status != BeadStatus.CLOSED for bead in below if bead.id != molecule_id)


def continuation_json(session: Session, found: Continuation) -> dict[str, Any]:
    """Where a molecule stands after one of its steps, as `--json` shows it."""
    steps = [found.closed_step, *([found.next_step] if found.next_step else [])]
    shown = list_json(session, steps)
    return {
        "closed_step": shown[0],
        "next_step": shown[1] if found.next_step else None,
        "auto_advanced": found.auto_advanced,
        "molecule_complete": found.molecule_complete,
        "molecule_id": found.molecule_id,
    }
