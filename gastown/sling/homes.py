"""Where a bead's work goes: onto the integration branch of the nearest epic above it, else to the rig of its prefix.

An integration branch is a rig of its own over the repository of another. The epic's metadata tells of it; a rig is
believed to be the epic's only if its prefix says so, which is made from the epic's id and which nobody can write but
whoever adds the rig: metadata may come from anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import ids, rigs
from gastown.beads import Bead, BeadStatus, Dependency, DependencyType
from gastown.rigs import Rig

KEY = "integration"
"""The key of an epic's metadata."""
LEVELS = 10
"""So far up is an epic looked for, and so far down are its beads."""
_PREFIXES = 40  # integration branches that one epic may have, one after the other


@dataclass(frozen=True)
class Integration:
    """The branch on which the work of an epic comes together, as the epic's metadata tells of it."""

    rig: str
    branch: str
    of: str
    """The rig on whose target it lands."""
    base: str
    """The commit with which it began."""
    is_made: bool
    """Whether we made the branch; one that was there is not ours to delete."""

    def as_metadata(self) -> dict[str, object]:
        """What `read` reads."""
        words = {"rig": self.rig, "branch": self.branch, "of": self.of, "base": self.base}
        return {KEY: {**words, "made": self.is_made}}


def read(epic: Bead) -> Integration | None:
    """What the bead's metadata tells of its integration branch; None where that is nothing, or nonsense."""
    said = epic.meta.get(KEY)
    if not isinstance(said, dict):
        return None
    words = [said.get(name) for name in ("rig", "branch", "of", "base")]
    rig, branch, of, base = (word if isinstance(word, str) else "" for word in words)
    return Integration(rig, branch, of, base, said.get("made") is True) if rig and branch and of and base else None


def own_prefixes(epic_id: str) -> list[str]:
    """The prefixes that the rig of this epic's integration branch may have. No bead is ever made with one of them."""
    return [f"ib{ids.hash_part(f'{epic_id} {number}', 8)}" for number in range(_PREFIXES)]


def find_own_rig(session: Session, epic: Bead) -> Rig | None:
    """The rig of the bead's own integration branch, a removed one too."""
    said = read(epic)
    row = session.get(Rig, said.rig) if said else None
    return row if row is not None and row.prefix in own_prefixes(epic.id) else None


def find_home(session: Session, bead: Bead) -> Rig | None:
    """The rig that the bead's work goes to unless somebody names another; None: no rig has its prefix."""
    for above in _ancestors(session, bead):
        rig = find_own_rig(session, above)
        # What comes after the epic has landed would never follow it to the target.
        if rig is not None and rig.removed_at is None and above.status != BeadStatus.CLOSED:
            return rig
    return rigs.find_by_prefix(session, bead.prefix)


def _ancestors(session: Session, bead: Bead) -> Iterator[Bead]:
    """The beads above, the nearest first."""
    below = bead.id
    for _ in range(LEVELS):
        above = session.exec(
            select(Bead)
            .join(Dependency, col(Dependency.depends_on_id) == col(Bead.id))
            .where(Dependency.issue_id == below, Dependency.type == DependencyType.PARENT_CHILD.value)
            .where(Bead.status != BeadStatus.TOMBSTONE.value)
            .order_by(col(Bead.id))
        ).first()
        if above is None:
            return
        yield above
        below = above.id


def list_below(session: Session, bead_id: str) -> dict[str, str]:
    """Every bead under this one, at any depth that counts, with its status."""
    found: dict[str, str] = {}
    level = [bead_id]
    for _ in range(LEVELS):
        rows = session.exec(
            select(Bead.id, Bead.status)
            .join(Dependency, col(Dependency.issue_id) == col(Bead.id))
            .where(col(Dependency.depends_on_id).in_(level), Dependency.type == DependencyType.PARENT_CHILD.value)
            .where(Bead.status != BeadStatus.TOMBSTONE.value)
            .order_by(col(Bead.id))
        ).all()
        level = [name for name, _status in rows if name not in found]
        found.update((name, status) for name, status in rows)
        if not level:
            break
    return found


def find_prefix_at_work(session: Session, rig: Rig, bead_id: str) -> str:
    """The prefix of the beads that belong to whoever works on this one in `rig`.

    That is the rig's, except where the bead, or one above it, is of another rig on the same repository: an integration
    branch has no beads of its own, and its agents file theirs where they stay when it is gone.
    """
    bead = None if ids.prefix_of(bead_id) == rig.prefix else session.get(Bead, bead_id)
    if bead is not None:
        for one in (bead, *_ancestors(session, bead)):
            own = rigs.find_by_prefix(session, one.prefix)
            if own is not None and own.remote_url == rig.remote_url:
                return own.prefix
    return rig.prefix
