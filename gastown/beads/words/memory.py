"""What `bd remember` keeps: short notes for whoever works here next, in the store's keys.

A note belongs to the store (`kv.memory.KEY`) or, when an agent of a rig keeps it, to that rig (`kv.memory.RIG/KEY`).
"""

import re

from sqlmodel import Session

from gastown.beads.errors import BadField
from gastown.beads.words.configuration import find_config, list_config, set_config, unset_config

SPACE = "kv."
MEMORIES = "kv.memory."
_SLUG_WORDS = 8
_SLUG_LIMIT = 60
_KEY = re.compile(r"([a-z0-9-]+/)?[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


def slug(text: str) -> str:
    """The key of a memory that was given none: its first eight words, lower-cased, at most 60 characters."""
    words = re.findall(r"[a-z0-9]+", text.lower())[:_SLUG_WORDS]
    made = "-".join(words)[:_SLUG_LIMIT].strip("-")
    if not made:
        raise BadField("the memory has no word to name it by", hint="Name it with --key.")
    return made


def check_memory_key(key: str) -> str:
    """The key itself; refuses what cannot be typed or stored."""
    if not _KEY.fullmatch(key):
        raise BadField(f"invalid key {key[:60]!r}", hint="Use letters, digits, _ . and -, at most 60 of them.")
    return key


def _stored(key: str, rig: str) -> str:
    name = check_memory_key(key)
    if rig and "/" in name:
        raise BadField(f"invalid key {key[:60]!r}", hint="Use letters, digits, _ . and -, at most 60 of them.")
    return f"{MEMORIES}{rig}/{name}" if rig else MEMORIES + name


def remember(session: Session, text: str, *, key: str = "", rig: str = "", actor: str) -> tuple[str, bool]:
    """Keep a note under its key; return the key and whether the note is a new one. Refuses an empty note."""
    text = text.strip()
    if not text:
        raise BadField("nothing to remember: the text is empty")
    name = key or slug(text)
    stored = _stored(name, rig)
    is_new = find_config(session, stored) is None
    set_config(session, stored, text, actor=actor)
    return name, is_new


def recall(session: Session, key: str, *, rig: str = "") -> str | None:
    """The note under this key, or None; of an agent's rig first, then the store's."""
    return find_config(session, _stored(key, rig)) or find_config(session, _stored(key, ""))


def memories(session: Session, words: str = "", *, rig: str = "") -> dict[str, str]:
    """Every note, by key (for an agent: the store's and its rig's); only those that hold `words`, if given."""
    found = {name.removeprefix(MEMORIES): text for name, text in list_config(session, MEMORIES).items()}
    if rig:
        found = {
            name.removeprefix(f"{rig}/"): text
            for name, text in found.items()
            if "/" not in name or name.startswith(f"{rig}/")
        }
    wanted = words.lower()
    return {name: text for name, text in found.items() if wanted in name.lower() or wanted in text.lower()}


def forget(session: Session, key: str, *, rig: str = "", actor: str) -> bool:
    """Drop the note under this key (the event log keeps it); False when there is none."""
    return unset_config(session, _stored(key, rig), actor=actor)
