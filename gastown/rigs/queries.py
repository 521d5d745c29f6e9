"""Reading rigs."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from gastown.errors import Conflict, Invalid, NotFound
from gastown.rigs.models import Gate, Rig

# `hq` is the town's own.
RESERVED_PREFIXES = frozenset({"hq"})


class RigNotFound(NotFound):
    """No rig of this name."""


class RigExists(Conflict):
    """The name or the prefix is taken."""


class NoGates(Invalid):
    """A rig needs a gate, or the words that it has none."""


def get(session: Session, name: str, *, lock: bool = False) -> Rig:
    """The rig called `name`, or RigNotFound; a removed one is not found. Locked: until the transaction ends."""
    if lock:
        session.flush()
    rig = session.get(Rig, name, with_for_update={"key_share": True} if lock else None, populate_existing=lock)
    if rig is None or rig.removed_at is not None:
        known = ", ".join(row.name for row in list_all(session)) or "none yet"
        raise RigNotFound(f"no rig is called {name[:60]!r}", hint=f"Rigs of this town: {known}.")
    return rig


def list_all(session: Session) -> Sequence[Rig]:
    """Every rig, by name."""
    return session.exec(select(Rig).where(col(Rig.removed_at).is_(None)).order_by(col(Rig.name))).all()


def find_by_prefix(session: Session, prefix: str) -> Rig | None:
    """The rig whose beads carry `prefix`."""
    return session.exec(select(Rig).where(Rig.prefix == prefix, col(Rig.removed_at).is_(None))).one_or_none()


def taken_prefixes(session: Session) -> frozenset[str]:
    """Every prefix that no new rig may have; those of removed rigs are among them."""
    return RESERVED_PREFIXES | set(session.exec(select(Rig.prefix)).all())


def check_free(session: Session, name: str, prefix: str | None) -> None:
    """Refuse a name, or a prefix, that a rig has or had."""
    if session.get(Rig, name) is not None:
        raise RigExists(f"a rig called {name!r} exists or existed", hint="Choose another name.")
    taken = session.exec(select(Rig).where(Rig.prefix == prefix)).first() if prefix else None
    if taken is not None or prefix in RESERVED_PREFIXES:
        owner = f"rig {taken.name}" if taken else "the town itself"
        raise RigExists(f"the prefix {prefix!r} belongs to {owner}", hint="Give another with --prefix.")


def list_gates(session: Session, name: str) -> Sequence[Gate]:
    """A rig's gates, in the order in which they run."""
    return session.exec(select(Gate).where(Gate.rig == name).order_by(col(Gate.position), col(Gate.name))).all()
