"""What this store asks of new beads: how ids are given, how deep children nest, and what must be written."""

from dataclasses import dataclass

from sqlmodel import Session

from gastown.beads.errors import BadField
from gastown.beads.models import INFRA_TYPES, Bead, NewBead
from gastown.beads.words.configuration import get_several

_KEYS = (
    *("issue_id_mode", "min_hash_length", "max_hash_length", "max_collision_prob", "hierarchy.max-depth"),
    "create.require-description",
)
# Nobody writes these by hand.
_MACHINE_TYPES = INFRA_TYPES | {"event", "gate", "molecule", "merge-request", "convoy"}


@dataclass(frozen=True)
class Rules:
    """The keys of a store that new beads obey."""

    counts: bool
    """Ids are numbers."""
    shortest: int
    longest: int
    odds: float
    max_depth: int
    wants_description: bool


def load_rules(session: Session) -> Rules:
    """The rules of this store."""
    said = get_several(session, _KEYS)
    shortest = int(said["min_hash_length"])
    return Rules(
        counts=said["issue_id_mode"] == "counter",
        shortest=shortest,
        longest=max(shortest, int(said["max_hash_length"])),
        odds=float(said["max_collision_prob"]),
        max_depth=int(said["hierarchy.max-depth"]),
        wants_description=said["create.require-description"] == "true",
    )


def check_described(rules: Rules, new: NewBead) -> None:
    """Refuse a bead without a description where the store wants one."""
    if rules.wants_description and not new.description.strip() and new.issue_type not in _MACHINE_TYPES:
        raise BadField(
            "description is required here (create.require-description)", hint="Add -d with what is to be done and why."
        )


def check_depth(rules: Rules, new: NewBead, parent: Bead) -> None:
    """Refuse a child below the deepest level; the log's own event beads may stand there."""
    if parent.id.count(".") >= rules.max_depth and new.issue_type != "event":
        raise BadField(
            f"maximum hierarchy depth ({rules.max_depth}) exceeded for parent {parent.id}",
            hint="File it beside the parent with --deps, or raise hierarchy.max-depth with `bd config set`.",
        )
