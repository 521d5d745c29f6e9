"""What can be wrong with a request about beads."""

from gastown.errors import Conflict, Invalid, NotFound, Refused


class BeadNotFound(NotFound):
    """No bead has this id; tombstones count as gone."""

    def __init__(self, bead_id: str) -> None:
        super().__init__(f"no issue found matching {bead_id!r}", hint="`bd list --all` shows what there is.")
        self.bead_id = bead_id


class ParentNotFound(NotFound):
    """The parent named for a bead does not exist."""


class ParentClosed(Refused):
    """The parent named for a new bead is closed."""


class AmbiguousBead(Invalid):
    """A partial id fits more than one bead."""


class BadField(Invalid):
    """A field's value is not one that a bead can have."""


class BeadExists(Conflict):
    """The id is taken."""


class BeadMoved(Conflict):
    """The bead is no longer in the state that the caller acted on."""


class AlreadyClaimed(Conflict):
    """Somebody else has it, or it is not open."""


class CloseRefused(Refused):
    """A guard stands between this bead and `closed`."""


class CodeBead(CloseRefused):
    """Only its landing closes a bead that was slung for code."""


class DependencyRefused(Refused):
    """The edge would make the graph senseless: a cycle, a deadlock, an epic behind a task."""


class DeleteRefused(Refused):
    """Others depend on it, or an attempt at it is running."""


class NoIdLeft(Conflict):
    """Every candidate id of every length is taken; the store holds millions of this prefix."""


class CompactionRefused(Refused):
    """The bead is not one that a tier takes, or the summary is not shorter."""


class NotCompacted(NotFound):
    """No text from before a compaction is stored."""


class RenameRefused(Refused):
    """The id is in use, or other tables name the bead."""


class InteractionNotFound(NotFound):
    """No interaction was kept under this id."""
