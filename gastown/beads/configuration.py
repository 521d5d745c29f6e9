"""The keys of a store: its prefix, its custom words, what `remember` keeps."""

import re

from sqlmodel import Session, col, select

from gastown.beads.creation import check_text
from gastown.beads.errors import BadField
from gastown.beads.models import ConfigEntry
from gastown.events import EventKind, record

PREFIX = "issue_prefix"
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:-]{0,254}")
VALUE_LIMIT = 1_000_000  # characters


def check_key(key: str) -> str:
    """The key itself; refuses what is no key."""
    if not _KEY.fullmatch(key):
        raise BadField(f"invalid key {key[:60]!r}", hint="Use letters, digits and . _ - / :, at most 255 of them.")
    return key


def find_config(session: Session, key: str) -> str | None:
    """A key's value, or None where it was never set."""
    entry = session.get(ConfigEntry, key)
    return entry.value if entry is not None else None


def get_config(session: Session, key: str, default: str = "") -> str:
    """A key's value, or `default` where it was never set."""
    value = find_config(session, key)
    return default if value is None else value


def list_config(session: Session, prefix: str = "") -> dict[str, str]:
    """Every key that begins with `prefix`, with its value, by key."""
    rows = session.exec(select(ConfigEntry).where(col(ConfigEntry.key).startswith(prefix, autoescape=True)))
    return {row.key: row.value for row in sorted(rows, key=lambda row: row.key)}


def set_config(session: Session, key: str, value: str, *, actor: str) -> bool:
    """Give a key its value; False when it has it. Refuses what is no key and what no database can hold."""
    check_key(key)
    if len(value) > VALUE_LIMIT:
        raise BadField(f"the value of {key} is longer than {VALUE_LIMIT} characters")
    entry = session.get(ConfigEntry, key, with_for_update=True)
    if entry is not None and entry.value == value:
        return False
    if entry is None:
        entry = ConfigEntry(key=key, value="")
    entry.value = check_text(f"the value of {key}", value)
    session.add(entry)
    record(session, EventKind.STORE_CONFIGURED, actor=actor, key=key, value=value)
    return True


def unset_config(session: Session, key: str, *, actor: str) -> bool:
    """Forget a key; False when it was not set."""
    entry = session.get(ConfigEntry, check_key(key), with_for_update=True)
    if entry is None:
        return False
    session.delete(entry)
    record(session, EventKind.STORE_CONFIGURED, actor=actor, key=key, value=None)
    return True
