"""What a bead's fields may hold, where the store need not be asked."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gastown.beads.errors import BadField
from gastown.beads.models import LOWEST_PRIORITY, TITLE_LIMIT

LABEL_LIMIT = 255


def check_title(title: str) -> str:
    """The title without blanks around it; refuses an empty or an overlong one."""
    title = title.strip()
    if not title:
        raise BadField("title cannot be empty", hint="Say in one line what is to be done.")
    if len(title) > TITLE_LIMIT:
        raise BadField(f"title is longer than {TITLE_LIMIT} characters", hint="Put the rest into the description.")
    return check_text("title", title)


def check_text(name: str, text: str) -> str:
    """The text itself; refuses what a database cannot store."""
    if "\x00" in text:
        raise BadField(f"{name} holds a null character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadField(f"{name} is not UTF-8 text") from None
    return text


def check_short(name: str, text: str) -> str:
    """A name or reference of at most 255 characters."""
    if len(text) > LABEL_LIMIT:
        raise BadField(f"{name} is longer than {LABEL_LIMIT} characters")
    return check_text(name, text)


def check_priority(priority: int) -> int:
    """0 (most urgent) to 4."""
    if not 0 <= priority <= LOWEST_PRIORITY:
        raise BadField(f"invalid priority {priority}", hint=f"Give 0 (most urgent) to {LOWEST_PRIORITY}.")
    return priority


def check_label(label: str) -> str:
    """The label without blanks around it; refuses an empty one."""
    label = label.strip()
    if not label:
        raise BadField("label cannot be empty")
    return check_short("label", label)


def check_estimate(minutes: int | None) -> int | None:
    """Minutes, or None."""
    if minutes is not None and not 0 <= minutes < 2**31:
        raise BadField("estimate must be a non-negative number of minutes")
    return minutes


MOLECULE_TYPES = ("swarm", "patrol", "work")
WISP_TYPES = ("heartbeat", "ping", "patrol", "gc_report", "recovery", "error", "escalation")
WORK_TYPES = ("mutex", "open_competition")


def _one_of(name: str, words: tuple[str, ...], value: str) -> str:
    if value and value not in words:
        raise BadField(f"invalid {name} {value[:60]!r}", hint=f"Known: {', '.join(words)}.")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise BadField(f"{name} is not a list")
    return list(value)


# The columns that only some kinds of beads have.
_MORE: dict[str, Callable[[Any], Any]] = {
    **{name: bool for name in ("no_history", "is_template", "pinned")},
    **{
        name: partial(check_text, name.replace("_", " "))
        for name in (
            *("event_kind", "actor", "target", "payload", "await_type", "await_id", "sender"),
            *("source_formula", "source_location", "source_system"),
        )
    },
    "mol_type": partial(_one_of, "mol_type", MOLECULE_TYPES),
    "wisp_type": partial(_one_of, "wisp_type", WISP_TYPES),
    "work_type": partial(_one_of, "work_type", WORK_TYPES),
    "timeout": int,
    "waiters": partial(_list, "waiters"),
    "bonded_from": partial(_list, "bonded_from"),
}


def check_more(more: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that only some kinds of beads have; refuses others."""
    unknown = sorted(set(more) - set(_MORE))
    if unknown:
        raise BadField(f"a new bead has no field {unknown[0]!r}")
    return {name: _MORE[name](value) for name, value in more.items()}


_METADATA_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]*")
METADATA_LIMIT = 64 * 1024  # characters of JSON


def check_metadata(meta: dict[str, Any]) -> dict[str, Any]:
    """Metadata whose keys and size a bead can have; refuses numbers that JSON lacks."""
    for key in meta:
        if _METADATA_KEY.fullmatch(key) is None:
            raise BadField(f"invalid metadata key {key[:60]!r}", hint="Use letters, digits and _ . - : /")
    try:
        text = json.dumps(meta, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise BadField("metadata holds what JSON has no word for", hint="NaN and infinity are no numbers.") from None
    if len(check_text("metadata", text)) > METADATA_LIMIT:
        raise BadField(f"metadata is longer than {METADATA_LIMIT} characters")
    if "\\u0000" in text:
        raise BadField("metadata holds a null character")
    return meta
