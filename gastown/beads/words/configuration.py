"""The keys of a store: its prefix, its custom words, what `remember` keeps."""

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from gastown import config
from gastown.beads.errors import BadField
from gastown.beads.models import ConfigEntry
from gastown.beads.words import keys
from gastown.events import EventKind, record

PREFIX = "issue_prefix"
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:-]{0,254}")
VALUE_LIMIT = 1_000_000  # characters
_SEVERAL = select(col(ConfigEntry.key), col(ConfigEntry.value)).where(
    col(ConfigEntry.key).in_(bindparam("names", expanding=True))
)


def check_key(key: str) -> str:
    """The key itself; refuses what is no key."""
    if not _KEY.fullmatch(key):
        raise BadField(f"invalid key {key[:60]!r}", hint="Use letters, digits and . _ - / :, at most 255 of them.")
    return key


def _check_text(key: str, value: str) -> str:
    if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadField(f"the value of {key} is not text that a database can hold")
    return value


def find_config(session: Session, key: str) -> str | None:
    """A key's value, or None where it was never set."""
    entry = session.get(ConfigEntry, key)
    return entry.value if entry is not None else None


def get_config(session: Session, key: str, default: str = "") -> str:
    """What a key is: what `BD_<KEY>` says in the environment, else its value, else its default (keys.py) or `default`.

    Refuses a value from the environment that the key does not take.
    """
    known = keys.KEYS.get(key)
    said = config.override_of(key) if known is not None else None
    if said is not None:
        return keys.checked(key, said)
    value = find_config(session, key)
    if value is not None:
        return value
    return known.default if known is not None else default


def get_several(session: Session, names: Sequence[str]) -> dict[str, str]:
    """`get_config` of several known keys, in one statement."""
    return complete(names, {key: value for key, value in session.execute(_SEVERAL, {"names": list(names)})})


def complete(names: Sequence[str], kept: Mapping[str, str]) -> dict[str, str]:
    """What known keys are where the store keeps these values of them."""
    said = {name: config.override_of(name) for name in names}
    return {
        name: keys.checked(name, text) if text is not None else kept.get(name, keys.KEYS[name].default)
        for name, text in said.items()
    }


def is_on(session: Session, key: str) -> bool:
    """Whether a key of true or false is true."""
    return get_config(session, key) == "true"


def list_config(session: Session, prefix: str = "") -> dict[str, str]:
    """Every key that begins with `prefix`, with its value, by key."""
    rows = session.exec(select(ConfigEntry).where(col(ConfigEntry.key).startswith(prefix, autoescape=True)))
    return {row.key: row.value for row in sorted(rows, key=lambda row: row.key)}


def set_config(session: Session, key: str, value: str, *, actor: str) -> bool:
    """Give a key its value; False when it has it. Refuses what is no key and what no database can hold."""
    key, value = check_key(key), keys.checked(key, value)
    if len(value) > VALUE_LIMIT:
        raise BadField(f"the value of {key} is longer than {VALUE_LIMIT} characters")
    entry = session.get(ConfigEntry, key, with_for_update=True)
    if entry is not None and entry.value == value:
        return False
    if entry is None:
        entry = ConfigEntry(key=key, value="")
    entry.value = _check_text(key, value)
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
