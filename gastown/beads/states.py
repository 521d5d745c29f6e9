"""States of a bead, `dimension:value`: labels of which a bead has one for each dimension, with a log of the changes."""

import json
import re
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown.beads.checks import check_label
from gastown.beads.closing import close
from gastown.beads.creation import create
from gastown.beads.errors import BadField
from gastown.beads.labels import add_label, remove_label
from gastown.beads.models import Label, NewBead
from gastown.beads.queries import get

_DIMENSION = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# Labels with a colon that mean something else.
_RESERVED = frozenset({"provides", "export", "gt"})


@dataclass(frozen=True)
class StateChange:
    """What became of `set_state`."""

    bead_id: str
    dimension: str
    old: str | None
    new: str
    event_id: str
    """The bead that logs the change; empty when there was none."""


def check_dimension(name: str) -> str:
    """The dimension itself; refuses what is none."""
    if _DIMENSION.fullmatch(name) is None or name in _RESERVED:
        raise BadField(f"invalid dimension {name[:60]!r}", hint="Write it like patrol=muted or health=ok.")
    return name


def list_states(session: Session, bead_id: str) -> dict[str, str]:
    """Every state of a bead, by dimension; the first in alphabetical order where labels say several."""
    words = session.exec(select(Label.label).where(Label.bead_id == bead_id).order_by(Label.label))
    found: dict[str, str] = {}
    for word in words:
        dimension, colon, value = word.partition(":")
        if colon and value and _DIMENSION.fullmatch(dimension) and dimension not in _RESERVED:
            found.setdefault(dimension, value)
    return found


def set_state(
    session: Session, bead_id: str, dimension: str, value: str, *, actor: str, reason: str = ""
) -> StateChange:
    """Give a bead the state `dimension:value` instead of what it has, and log it as a closed child; once is enough."""
    check_dimension(dimension)
    if not value.strip():
        raise BadField(f"the value of {dimension} is empty", hint=f"Write it like {dimension}=on.")
    wanted = check_label(f"{dimension}:{value.strip()}")
    bead = get(session, bead_id)
    words = session.exec(
        select(Label.label)
        .where(Label.bead_id == bead_id, col(Label.label).startswith(f"{dimension}:", autoescape=True))
        .order_by(Label.label)
    ).all()
    old = words[0].partition(":")[2] if words else None
    new = wanted.partition(":")[2]
    if words == [wanted]:
        return StateChange(bead_id, dimension, old, new, "")
    for word in words:
        if word != wanted:
            remove_label(session, bead_id, word, actor=actor)
    add_label(session, bead_id, wanted, actor=actor)
    said = {"dimension": dimension, "old_value": old, "new_value": new}
    log = create(
        session,
        NewBead(
            title=f"State change: {dimension} {old or '(none)'} -> {new}"[:500],
            description=reason,
            issue_type="event",
            priority=4,
            parent=bead_id,
            inherit_labels=False,
            ephemeral=bead.ephemeral,
            more={
                "event_kind": "state.changed",
                "actor": actor,
                "target": bead_id,
                "payload": json.dumps(said, ensure_ascii=False),
            },
        ),
        actor=actor,
    )
    close(session, [log.id], actor=actor, reason=reason or f"{dimension} is {new} from here on", force=True)
    return StateChange(bead_id, dimension, old, new, log.id)
