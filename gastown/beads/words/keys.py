"""The keys of a store that mean something: default, meaning, and what values they take. Others are kept as said."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from gastown.beads.errors import BadField
from gastown.beads.models import BeadStatus

# Keys of other tools and of later versions are kept under their own names, when the first word says whose they are.
_FREE = re.compile(r"(kv|doctor\.suppress|custom|x|jira|linear|github|gitlab|ado|notion)\..+")
_WORDS = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_CATEGORIES = frozenset({"active", "wip", "done", "frozen"})
_MANY_WORDS = 50  # custom statuses, as in the original


class BadValue(BadField):
    """The value is not one that the key takes."""


def _word(*allowed: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise BadValue(f"invalid value {value[:60]!r}", hint=f"Give one of: {', '.join(allowed)}.")
        return value

    return check


def _number(least: int, most: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not (value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most):
            raise BadValue(f"invalid value {value[:60]!r}", hint=f"Give a whole number from {least} to {most}.")
        return str(int(value))

    return check


def _share(value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < 1:
        raise BadValue(f"invalid value {value[:60]!r}", hint="Give a number between 0 and 1, like 0.25.")
    return value


def _span(value: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}(ms|s|m|h|d)", value):
        raise BadValue(f"invalid value {value[:60]!r}", hint="Give a span like 60s, 15m or 2h.")
    return value


def _map(value: str) -> str:
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not all(isinstance(item, str) for item in said.values()):
        raise BadValue("the value is no JSON object of texts", hint="""Write it like '{"name": "value"}'.""")
    return value


def words_of(value: str) -> list[str]:
    """The words of a comma list."""
    return [word.strip() for word in value.split(",") if word.strip()]


def _words(value: str) -> str:
    for word in words_of(value):
        if not _WORDS.fullmatch(word):
            raise BadValue(f"invalid word {word[:60]!r}", hint="Use a-z, 0-9, _ and -, beginning with a letter.")
    return ",".join(dict.fromkeys(words_of(value)))


def _statuses(value: str) -> str:
    names = []
    for item in words_of(value):
        name, _, category = item.partition(":")
        if not _WORDS.fullmatch(name) or (category and category not in _CATEGORIES):
            known = ", ".join(sorted(_CATEGORIES))
            raise BadValue(f"invalid status {item[:60]!r}", hint=f"Write name or name:category ({known}).")
        if name in BeadStatus.__members__.values():
            raise BadValue(f"{name} is a built-in status", hint="Give the custom one another name.")
        names.append(name)
    if len(set(names)) != len(names) or len(names) > _MANY_WORDS:
        raise BadValue(f"a status is named twice, or more than {_MANY_WORDS} are named")
    return ",".join(words_of(value))


def _text(value: str) -> str:
    return value


@dataclass(frozen=True)
class Key:
    """One key: what it is when unset, what it means, and what it takes."""

    default: str
    meaning: str
    check: Callable[[str], str] = _text


_BOOL = _word("true", "false")
_STRICTNESS = _word("none", "warn", "error")

KEYS: dict[str, Key] = {
    "issue_prefix": Key("", "what new ids begin with (in a town the rig decides)", _words),
    "allowed_prefixes": Key("", "other prefixes that --id may use, with commas", _words),
    "issue_id_mode": Key("hash", "hash, or counter: ids are numbers", _word("hash", "counter")),
    "min_hash_length": Key("4", "shortest hash of a new id", _number(3, 8)),
    "max_hash_length": Key("8", "longest hash of a new id", _number(3, 8)),
    "max_collision_prob": Key("0.25", "how likely a collision may get before ids grow", _share),
    "hierarchy.max-depth": Key("3", "how deep children may nest", _number(1, 50)),
    "types.custom": Key("", "issue types of your own, with commas", _words),
    "types.infra": Key("agent,rig,role,message", "issue types that lists and exports hide", _words),
    "status.custom": Key("", "statuses of your own: name:category, with commas", _statuses),
    "create.require-description": Key("false", "refuse beads without a description", _BOOL),
    "validation.on-create": Key("none", "missing sections at create: none, warn, error", _STRICTNESS),
    "validation.on-close": Key("none", "too short reasons at close: none, warn, error", _STRICTNESS),
    "directory.labels": Key("{}", "JSON: folder -> label that `bd ready` filters by when called there", _map),
    "external_projects": Key("{}", "JSON: project -> path of its repository, for external: dependencies", _map),
    "backup.path": Key("", "where `bd backup sync` puts copies (default: `backups` beside the store)"),
    "export.auto": Key("false", "write the exchange file after changes", _BOOL),
    "export.path": Key("issues.jsonl", "the exchange file, beside the store"),
    "export.interval": Key("60s", "at most one automatic export in this time", _span),
    "import.auto": Key(
        "false", "take in the exchange file after git merges and checkouts (needs `bd hooks install`)", _BOOL
    ),
    "import.path": Key("issues.jsonl", "the exchange file that import.auto reads"),
    "import.orphan_handling": Key(
        "allow", "child beads without a parent: strict, skip, allow", _word("strict", "skip", "allow", "resurrect")
    ),
    "mail.delegate": Key("", "the program that `bd mail` hands over to"),
    "compact_tier1_days": Key("30", "closed this long: may be compacted", _number(1, 10_000)),
    "compact.command": Key("", "the program that reads a bead's texts and prints a summary"),
    "compact_tier2_days": Key("90", "closed this long: may be compacted once more", _number(1, 10_000)),
}
# Spellings of the original's files.
_SAME = {"issue-prefix": "issue_prefix", "prefix": "issue_prefix", "id.mode": "issue_id_mode"}


def canonical(name: str) -> str:
    """The key's one spelling; refuses what is neither a known key nor in somebody's own name space."""
    name = _SAME.get(name, name)
    if name in KEYS or _FREE.fullmatch(name):
        return name
    import difflib

    close = difflib.get_close_matches(name, KEYS, n=1)
    hint = (
        f"Did you mean {close[0]}?" if close else "`bd config list --all` shows every key; your own begin with custom."
    )
    raise BadField(f"unknown key {name[:60]!r}", hint=hint)


def checked(name: str, value: str) -> str:
    """The value as it is kept; refuses what the key does not take."""
    key = KEYS.get(name)
    try:
        return key.check(value) if key is not None else value
    except BadValue as error:
        raise BadValue(f"{name}: {error.message}", hint=error.hint) from None
