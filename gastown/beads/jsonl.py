"""Reading a line of the exchange format without loss (rendering.py writes it).

What a column cannot give back exactly (unknown keys, explicit empties, times with nine digits) is kept beside the
columns and written out again.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gastown import ids
from gastown.beads.models import (
    LOWEST_PRIORITY,
    BeadStatus,
    DependencyType,
    counts_as_failure,
)
from gastown.errors import Invalid

# Longer lines are refused unread.
LINE_LIMIT = 64 * 1024 * 1024
_YEARS = range(1900, 2201)

_TEXTS = (
    *("title", "description", "design", "acceptance_criteria", "notes", "spec_id", "status", "issue_type", "assignee"),
    *("owner", "created_by", "close_reason", "closed_by_session", "external_ref", "source_system"),
    *("compacted_at_commit", "sender", "wisp_type", "await_type", "await_id", "source_formula", "source_location"),
    *("mol_type", "work_type", "event_kind", "actor", "target", "payload", "deleted_by", "delete_reason"),
    "original_type",
)
_NUMBERS = ("priority", "estimated_minutes", "compaction_level", "original_size", "timeout")
_FLAGS = ("ephemeral", "no_history", "pinned", "is_template")
TIMES = (
    *("created_at", "updated_at", "started_at", "closed_at", "due_at", "defer_until", "compacted_at", "deleted_at"),
)
_LISTS = ("bonded_from", "waiters")
_RELATED = ("labels", "dependencies", "comments")
# Derived; written by others, never believed.
_COUNTS = ("dependency_count", "dependent_count", "comment_count")
# Columns whose absence and emptiness differ: they are written when they are not None.
OPTIONAL = ("external_ref", "estimated_minutes", "compacted_at_commit")

COLUMNS = ("title", *(name for name in _TEXTS if name != "title"), *_NUMBERS, *_FLAGS, *TIMES, *_LISTS)
"""The columns whose JSON name is their own; `meta` is written as `metadata`."""
EXCHANGED = (*COLUMNS, "meta", "extra", "exact_times")
"""Everything that a line says about a bead's own row."""

_EMPTY: dict[str, Any] = {
    **dict.fromkeys(_TEXTS, ""),
    **dict.fromkeys(_NUMBERS, 0),
    **dict.fromkeys(_FLAGS, False),
    **dict.fromkeys(TIMES, None),
    **{name: [] for name in _LISTS},
    **dict.fromkeys(OPTIONAL, None),
    "status": BeadStatus.OPEN.value,
    "issue_type": "task",
}
# Written with every bead: to say nothing means the default.
_ALWAYS_SAID = frozenset({"status", "issue_type", "priority"})
_LIMITS = {"status": 64, "issue_type": 64, "assignee": 255, "owner": 255, "created_by": 255, "external_ref": 255}


class LineRefused(Invalid):
    """A line that is not a bead; the message says why."""


@dataclass
class Line:
    """One parsed line: values for the bead's columns, and what hangs on it."""

    number: int
    id: str
    values: dict[str, Any]
    labels: list[str]
    edges: list[dict[str, Any]]
    comments: list[dict[str, Any]]
    untimed: tuple[str, ...] = ()
    """Which of created_at and updated_at the line did not say."""


def parse(raw: bytes, number: int, now: datetime, *, prefix: str = "hq") -> Line:
    """Read one line; refuses what cannot be stored and given back. `now` fills in times that are not said."""
    return read_bead(decode(raw), number, now, prefix=prefix)


def read_bead(data: dict[str, Any], number: int, now: datetime, *, prefix: str = "hq") -> Line:
    """A bead's line; refuses what cannot be stored and given back. One without id gets one with `prefix`."""
    kind = data.pop("_type", "issue")
    if kind != "issue":
        raise LineRefused(f"a line of type {str(kind)[:60]!r}, which this store does not keep")
    if not isinstance(data.get("title"), str) or not data["title"].strip():
        raise LineRefused("it has no title")
    extra: dict[str, Any] = {}
    exact: dict[str, str] = {}
    values = _columns(data, extra, exact)
    untimed = tuple(name for name in ("created_at", "updated_at") if values[name] is None)
    values["created_at"] = values["created_at"] or values["updated_at"] or now
    values["updated_at"] = values["updated_at"] or values["created_at"]
    _check_closed(values)
    bead_id = _id(data, values, untimed, prefix)
    known = {*COLUMNS, *_RELATED, *_COUNTS, "id", "metadata", "wisp"}
    extra.update({key: value for key, value in data.items() if key not in known})
    if "wisp" in data:
        values["ephemeral"] = values["ephemeral"] or _typed("wisp", data["wisp"], bool, "a flag")
        extra["wisp"] = data["wisp"]
    return Line(
        number=number,
        id=bead_id,
        values={**values, "meta": _metadata(data, extra), "extra": extra, "exact_times": exact},
        labels=_labels(data),
        edges=[_edge(bead_id, item) for item in _items(data, "dependencies")],
        comments=[_comment(bead_id, item, place) for place, item in enumerate(_items(data, "comments"), 1)],
        untimed=untimed,
    )


def decode(raw: bytes) -> dict[str, Any]:
    """The object that a line holds, of whatever kind; refuses what is none, and text that no database takes."""
    if len(raw) > LINE_LIMIT:
        raise LineRefused(f"longer than {LINE_LIMIT // 1024 // 1024} MB")
    if raw.startswith((b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")):
        raise LineRefused("a git conflict marker")
    try:
        data = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise LineRefused("not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise LineRefused(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise LineRefused("not a JSON object")
    if b"\\u" in raw or b"\x00" in raw:
        _check_text(json.dumps(data, ensure_ascii=False))
    return data


def _check_text(text: str) -> None:
    if "\\u0000" in text or "\x00" in text:
        raise LineRefused("it holds a null character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise LineRefused("it holds half of a surrogate pair") from None


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is out of range")
    return value


def _typed(name: str, value: Any, kind: type, word: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise LineRefused(f"{name} is not {word}")
    return value


def _columns(data: Mapping[str, Any], extra: dict[str, Any], exact: dict[str, str]) -> dict[str, Any]:
    values = dict(_EMPTY)
    for names, kind, word in (
        (_TEXTS, str, "a text"),
        (_NUMBERS, int, "a whole number"),
        (_FLAGS, bool, "true or false"),
        (_LISTS, list, "a list"),
    ):
        for name in names:
            if name in data:
                _take(name, data[name], kind, word, values=values, extra=extra)
    for name in TIMES:
        if data.get(name) is not None:
            values[name] = _take_time(name, data[name], extra, exact)
    _check_ranges(values)
    return values


def _check_ranges(values: Mapping[str, Any]) -> None:
    if not 0 <= values["priority"] <= LOWEST_PRIORITY:
        raise LineRefused(f"invalid priority {values['priority']}")
    for name, limit in _LIMITS.items():
        if values[name] is not None and len(values[name]) > limit:
            raise LineRefused(f"{name} is longer than {limit} characters")
    for name in _NUMBERS:
        bits = 63 if name == "timeout" else 31
        if values[name] is not None and not -(2**bits) <= values[name] < 2**bits:
            raise LineRefused(f"{name} is out of range")


def _take(name: str, value: Any, kind: type, word: str, *, values: dict[str, Any], extra: dict[str, Any]) -> None:
    if value is None or (not value and name not in OPTIONAL and kind is not int):
        if name not in _ALWAYS_SAID:
            extra[name] = value  # said explicitly: written again
        return
    values[name] = _typed(name, value, kind, word)


def _take_time(name: str, value: Any, extra: dict[str, Any], exact: dict[str, str]) -> datetime | None:
    moment, is_exact = parse_time(_typed(name, value, str, "a time"))
    if moment is None:
        if name in ("created_at", "updated_at"):
            raise LineRefused(f"{name} is out of range: {value}")
        extra[name] = value
    elif not is_exact:
        exact[name] = value
    return moment


def parse_time(text: str) -> tuple[datetime | None, bool]:
    """The instant to the microsecond, and whether that is all the text says; None for a year that no bead is from."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise LineRefused(f"not a time: {text!r}") from None
    if moment.tzinfo is None:
        raise LineRefused(f"a time without a zone: {text!r}")
    if moment.year not in _YEARS:
        return None, True
    digits = text.partition(".")[2]
    count = len(digits) - len(digits.lstrip("0123456789"))
    return moment.astimezone(UTC), not digits[6:count].strip("0")


def _check_closed(values: dict[str, Any]) -> None:
    if values["status"] == BeadStatus.CLOSED and values["closed_at"] is None:
        values["closed_at"] = max(values["created_at"], values["updated_at"]) + timedelta(seconds=1)
    if values["status"] not in (BeadStatus.CLOSED, BeadStatus.TOMBSTONE) and values["closed_at"] is not None:
        raise LineRefused("it has closed_at and is not closed")


def _id(data: Mapping[str, Any], values: Mapping[str, Any], untimed: Sequence[str], prefix: str) -> str:
    given = data.get("id")
    if given is None or given == "":
        moment = 0 if "created_at" in untimed else unix_ns(values["created_at"])
        seed = f"{values['title']}|{values['description']}|import|{moment}|0"
        return f"{prefix}-{ids.hash_part(seed, ids.MAX_HASH_LENGTH)}"
    try:
        return ids.check_bead_id(_typed("id", given, str, "a text"))
    except ids.BadName as error:
        raise LineRefused(error.message) from None


def unix_ns(moment: datetime) -> int:
    """Nanoseconds since 1970, exactly."""
    span = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds) * 1000


def _metadata(data: Mapping[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    value = data.get("metadata")
    if isinstance(value, dict) and value:
        return value
    if "metadata" in data:
        if value and not isinstance(value, str):
            raise LineRefused("metadata is not an object")
        extra["metadata"] = value
    return {}


def _items(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise LineRefused(f"{name} is not a list of objects")
    return value


def _labels(data: Mapping[str, Any]) -> list[str]:
    value = data.get("labels") or []
    if not isinstance(value, list) or not all(isinstance(word, str) and 0 < len(word) <= 255 for word in value):
        raise LineRefused("labels is not a list of words")
    return sorted(set(value))


def _string(item: Mapping[str, Any], name: str, limit: int) -> str:
    value = item.get(name) or ""
    if not isinstance(value, str) or len(value) > limit:
        raise LineRefused(f"{name} is not a text of at most {limit} characters")
    return value


def _loose_time(item: Mapping[str, Any], extra: dict[str, Any]) -> datetime | None:
    """An edge's or comment's time: never changed here, so its text is kept whenever the column says less."""
    text = item.get("created_at")
    if text is None:
        return None
    moment, is_exact = parse_time(_typed("created_at", text, str, "a time"))
    if moment is None or not is_exact:
        extra["created_at"] = text
    return moment


def _edge(bead_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
    if (item.get("issue_id") or bead_id) != bead_id:
        raise LineRefused(f"it holds a dependency of another bead, {str(item['issue_id'])[:60]!r}")
    if "depends_on_id" not in item and "dependency_type" in item:
        # As `show --json` has it: the bead that is depended on, with the type among its fields.
        item = {"depends_on_id": item.get("id"), "type": item["dependency_type"]}
    extra = {key: value for key, value in item.items() if key not in _EDGE_KEYS}
    target = _string(item, "depends_on_id", 512)
    if not target:
        raise LineRefused("a dependency has no depends_on_id")
    metadata = item.get("metadata", "")
    if not isinstance(metadata, str):
        extra["metadata"] = metadata
        metadata = json.dumps(metadata, ensure_ascii=False)
    kind = _string(item, "type", 64) or DependencyType.BLOCKS.value
    return {
        "issue_id": bead_id,
        "depends_on_id": target,
        "type": kind,
        "created_at": _loose_time(item, extra),
        "created_by": _string(item, "created_by", 255),
        "meta": metadata,
        "thread_id": _string(item, "thread_id", 255),
        "any_child": kind == DependencyType.WAITS_FOR and wants_any_child(metadata),
        "is_provided": False,
        "extra": extra,
    }


_EDGE_KEYS = frozenset({"issue_id", "depends_on_id", "type", "created_at", "created_by", "metadata", "thread_id"})
_COMMENT_KEYS = frozenset({"id", "issue_id", "author", "text", "created_at"})


def wants_any_child(metadata: str) -> bool:
    """Whether a waits-for edge is satisfied by the first child that closes."""
    try:
        value = json.loads(metadata or "{}")
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("gate") == "any-children"


def _comment(bead_id: str, item: Mapping[str, Any], place: int) -> dict[str, Any]:
    extra = {key: value for key, value in item.items() if key not in _COMMENT_KEYS}
    given = item.get("id")
    if isinstance(given, str) and given.isdigit():
        extra["id"] = given  # a number in quotes
    if given is not None and (isinstance(given, bool) or not isinstance(given, int | str) or len(str(given)) > 64):
        raise LineRefused("a comment's id is neither a number nor a short text")
    text = item.get("text")
    return {
        "bead_id": bead_id,
        "id": str(given) if given not in (None, "") else f"line-{place}",
        "author": _string(item, "author", 255),
        "text": _typed("a comment's text", "" if text is None else text, str, "a text"),
        "created_at": _loose_time(item, extra),
        "extra": extra,
    }


def failure_of(values: Mapping[str, Any]) -> bool:
    """The derived column `is_failure` of a line's values."""
    return bool(values["status"] == BeadStatus.CLOSED) and counts_as_failure(values["close_reason"])
