"""The words of this store: built-in types and statuses, and what its keys `types.custom` and `status.custom` add."""

from sqlmodel import Session, select

from gastown.beads.errors import BadField
from gastown.beads.models import CATEGORIES, ISSUE_TYPES, TYPE_ALIASES, Bead, BeadStatus, Category
from gastown.beads.words.configuration import get_config
from gastown.beads.words.keys import words_of

CUSTOM_TYPES = "types.custom"
CUSTOM_STATUSES = "status.custom"
ACTIVE = (BeadStatus.OPEN.value,)
"""The built-in statuses from which work may start."""


def custom_types(session: Session) -> tuple[str, ...]:
    """The types that this store adds."""
    return tuple(words_of(get_config(session, CUSTOM_TYPES)))


def custom_statuses(session: Session) -> dict[str, Category | None]:
    """The statuses that this store adds, with their category where one is said."""
    pairs = (word.partition(":") for word in words_of(get_config(session, CUSTOM_STATUSES)))
    return {name: Category(category) if category else None for name, _, category in pairs}


def known_types(session: Session) -> tuple[str, ...]:
    """Every type that a bead may be given."""
    return tuple(dict.fromkeys((*ISSUE_TYPES, *custom_types(session))))


def known_statuses(session: Session) -> dict[str, Category | None]:
    """Every status that a bead may be given, with its category."""
    return {**CATEGORIES, **custom_statuses(session)}


def hidden_statuses(session: Session) -> tuple[str, ...]:
    """The statuses of this store's own that listings hide: what is done, or frozen."""
    hides = (Category.DONE, Category.FROZEN)
    return tuple(name for name, category in custom_statuses(session).items() if category in hides)


def active_statuses(session: Session) -> tuple[str, ...]:
    """The statuses from which work may start: `open`, and this store's own of category active."""
    own = (name for name, category in custom_statuses(session).items() if category is Category.ACTIVE)
    return (*ACTIVE, *own)


def check_type(session: Session, name: str) -> str:
    """The type's own name; aliases are accepted, unknown words refused."""
    name = TYPE_ALIASES.get(name.lower(), name.lower())
    if name not in ISSUE_TYPES and name not in custom_types(session):
        known = ", ".join(known_types(session))
        raise BadField(f"invalid issue type {name[:60]!r}", hint=f"Known: {known}.")
    return name


def check_status(session: Session, status: str) -> str:
    """The status itself: built in, of this store's own, or one that imported beads have."""
    if status in CATEGORIES or status in custom_statuses(session):
        return status
    is_used = (
        status != BeadStatus.TOMBSTONE and session.exec(select(Bead.id).where(Bead.status == status).limit(1)).first()
    )
    if not is_used:
        raise BadField(f"invalid status {status[:60]!r}", hint=f"Known: {', '.join(known_statuses(session))}.")
    return status
