"""What this store asks of new beads: how ids are given, how deep children nest, and what must be written."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, literal, select
from sqlmodel import Session, col

from gastown.beads.counts import NEWEST, Kept
from gastown.beads.errors import BadField
from gastown.beads.models import INFRA_TYPES, Bead, BeadCount, ConfigEntry, NewBead
from gastown.beads.words.configuration import complete, get_several

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
    return _rules(get_several(session, _KEYS))


def load_rules_and_count(session: Session, prefix: str) -> tuple[Rules, Kept | None]:
    """The rules, and how many ids the prefix had when they were counted last: with one question of the database."""
    rows = session.execute(_RULES_AND_COUNT, {"names": list(_KEYS), "prefix": prefix}).all()
    newest, beads, event_id = rows[0][:3]
    kept = Kept(beads, event_id, newest) if beads is not None else None
    return _rules(complete(_KEYS, {key: value for *_, key, value in rows if key is not None})), kept


# A row for each key, and one where there is none.
_ONE = select(literal(1).label("one")).subquery()
_RULES_AND_COUNT = (
    select(NEWEST, col(BeadCount.beads), col(BeadCount.event_id), col(ConfigEntry.key), col(ConfigEntry.value))
    .select_from(_ONE)
    .outerjoin(BeadCount, col(BeadCount.prefix) == bindparam("prefix"))
    .outerjoin(ConfigEntry, col(ConfigEntry.key).in_(bindparam("names", expanding=True)))
)


def _rules(said: Mapping[str, str]) -> Rules:
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
