"""What the words and keys of a store mean, for people and programs that ask."""

from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import config
from gastown.beads.errors import BadField
from gastown.beads.models import CATEGORIES, ISSUE_TYPES, Bead, BeadStatus
from gastown.beads.words import keys
from gastown.beads.words.configuration import find_config, get_config, list_config
from gastown.beads.words.vocabulary import custom_statuses, custom_types, known_statuses, known_types

_TYPES = {
    "bug": "something that does not work",
    "feature": "something new that users see",
    "task": "a piece of work",
    "epic": "a large piece of work, made of children",
    "chore": "upkeep that users do not see",
    "decision": "a choice to make, or made, with its reasons",
    "message": "mail between agents",
    "molecule": "an instance of a workflow",
    "gate": "something outside that work waits for",
    "spike": "a limited look into a question",
    "story": "a need, in a user's words",
    "milestone": "a point that others are measured by",
    "event": "something that happened to a bead",
    "merge-request": "a change that waits to land",
    "agent": "an agent's own record",
    "role": "what kind of agent somebody is",
    "rig": "a repository's own record",
    "convoy": "beads that travel together",
}
_STATUSES = {
    BeadStatus.OPEN: ("○", "to be done"),
    BeadStatus.IN_PROGRESS: ("◐", "somebody works on it"),
    BeadStatus.BLOCKED: ("●", "held up, said by hand (dependencies do not set it)"),
    BeadStatus.HOOKED: ("◇", "on an agent's hook, not begun"),
    BeadStatus.SUBMITTED: ("◈", "its work is in the merge queue"),
    BeadStatus.ESCALATED: ("▲", "a person has to decide"),
    BeadStatus.DEFERRED: ("❄", "put off, until a time or for good"),
    BeadStatus.PINNED: ("📌", "context that stays, never work"),
    BeadStatus.CLOSED: ("✓", "done"),
}
_CUSTOM_ICON = "◌"


def describe_types(session: Session) -> dict[str, Any]:
    """The types that beads may have: built in, with what they mean, and this store's own."""
    return {
        "core_types": [{"name": name, "description": _TYPES[name]} for name in ISSUE_TYPES],
        "custom_types": list(custom_types(session)),
    }


def describe_statuses(session: Session) -> dict[str, Any]:
    """The statuses that beads may have: built in and this store's own, with category and meaning."""
    built_in = [
        {"name": status.value, "category": CATEGORIES[status].value, "icon": icon, "description": meaning}
        for status, (icon, meaning) in _STATUSES.items()
    ]
    own = [
        {"name": name, "category": category.value if category else "unspecified", "icon": _CUSTOM_ICON}
        for name, category in custom_statuses(session).items()
    ]
    return {"built_in_statuses": built_in, "custom_statuses": [{**item, "description": "custom"} for item in own]}


def explain_config(session: Session) -> list[dict[str, str]]:
    """Every known key, and each that is set: what counts here, and whether environment, store or default says so."""
    shown = []
    for key in sorted({*keys.KEYS, *list_config(session)}):
        if config.override_of(key) is not None and key in keys.KEYS:
            source = "environment"
        else:
            source = "default" if find_config(session, key) is None else "store"
        shown.append({"key": key, "value": get_config(session, key), "source": source})
    return shown


def check_config(session: Session) -> list[str]:
    """What is wrong with the keys that are set, and which beads have words that no key explains."""
    wrong = []
    for key, value in list_config(session).items():
        try:
            keys.checked(keys.canonical(key), value)
        except BadField as error:
            wrong.append(error.message)
    for name, column, known in (
        ("type", col(Bead.issue_type), known_types(session)),
        ("status", col(Bead.status), (*known_statuses(session), BeadStatus.TOMBSTONE)),
    ):
        rows = session.execute(select(column, func.count()).where(column.not_in(known)).group_by(column)).all()
        hint = "types.custom" if name == "type" else "status.custom"
        wrong += [f"{number} bead(s) have the unknown {name} {word!r}: add it to {hint}" for word, number in rows]
    return wrong
