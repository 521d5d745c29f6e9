"""Rebuilding a bead from its events: one pure step an event."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gastown import clock, ids
from gastown.beads.jsonl import COLUMNS, EXCHANGED, TIMES, wants_any_child
from gastown.beads.models import Bead, BeadStatus, Comment, Dependency, DependencyType, Label
from gastown.events import Event, EventKind, Fact

# The columns that the log does not give back. All are derived: the first two from edges and from the ids of children
# (readiness.py, creation.py), the third from the labels of other beads.
NOT_REPLAYED = frozenset({"is_blocked", "last_child", "is_provided"})

_TIMES = frozenset(TIMES)
_FIELDS = frozenset(Bead.model_fields) - {"id"} - NOT_REPLAYED
_BLANK = {
    name: value
    for name, value in Bead(id="", prefix="", title="", created_at=clock.now(), updated_at=clock.now())
    .model_dump()
    .items()
    if name in _FIELDS
}
# Words of a payload that a column is called, too: the branch that a landing went to.
_FACTS: dict[EventKind, frozenset[str]] = {EventKind.BEAD_CLOSED: frozenset({"target"})}


@dataclass
class State:
    """A bead as its events leave it: its columns, and what hangs on it."""

    id: str
    fields: dict[str, Any]
    labels: set[str] = field(default_factory=set)
    edges: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """By target and type: the other columns."""
    comments: dict[str, dict[str, Any]] = field(default_factory=dict)

    def rows(self) -> dict[type, list[dict[str, Any]]]:
        """The rows that the tables would hold, by table."""
        return {
            Bead: [{"id": self.id, **self.fields, "is_blocked": False, "last_child": 0}],
            Label: [{"bead_id": self.id, "label": label} for label in self.labels],
            Dependency: [
                {"issue_id": self.id, "depends_on_id": target, "type": kind, **values, "is_provided": False}
                for (target, kind), values in self.edges.items()
            ],
            Comment: [{"bead_id": self.id, "id": name, **values} for name, values in self.comments.items()],
        }


def replay(events: Iterable[Event]) -> State | None:
    """The bead after these events, oldest first; None where it is not there any more, or not yet."""
    state: State | None = None
    for event in events:
        state = step(state, event)
    return state


def replay_all(events: Iterable[Event]) -> list[State]:
    """Every bead that is there after these events, oldest first."""
    states: dict[str, State | None] = {}
    for event in events:
        name = str(event.bead_id)
        held = (
            states.pop(str(event.payload.get("was")), None)
            if event.kind == EventKind.BEAD_RENAMED
            else states.get(name)
        )
        states[name] = step(held, event)
    return [state for state in states.values() if state is not None]


def step(state: State | None, event: Event | Fact) -> State | None:
    """The bead after one more event. Events of other nouns, and those of a bead that is not there, change nothing.

    Nor do those that do not say what their kind says: events of an imported file may say anything.
    """
    try:
        first = _FIRST.get(event.kind)
        if first is not None:
            return first(state, event)
        change = _CHANGES.get(event.kind)
        if state is not None and change is not None:
            change(state, event)
            state.fields |= _values(event.payload, ("updated_at",))
    except (AttributeError, KeyError, TypeError, ValueError):
        return state
    return state


def _blank(bead_id: str) -> dict[str, Any]:
    return {**_BLANK, "prefix": ids.prefix_of(bead_id), "is_top": "." not in bead_id}


def _values(said: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(name, said[name]) for name in names if name in said}


_OPTIONAL: dict[str, type] = {
    "is_code": bool,
    "estimated_minutes": int,
    "external_ref": str,
    "compacted_at_commit": str,
}


def _value(name: str, value: Any, blanks: Mapping[str, Any] | None = None) -> Any:
    """What a column holds for what an event says; refuses (ValueError, TypeError) what it cannot hold."""
    blank = (_BLANK if blanks is None else blanks)[name]
    if name in _TIMES:
        return _moment(value) if value is not None or blank is not None else None
    kind = _OPTIONAL[name] if blank is None else type(blank)
    if not (isinstance(value, kind) or (value is None and blank is None)):
        raise TypeError(name)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(name)
    return value


def _moment(said: Any) -> datetime:
    moment = datetime.fromisoformat(said)
    if moment.tzinfo is None:
        raise ValueError(said)
    return moment


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _created(_state: State | None, event: Event | Fact) -> State:
    bead_id = str(event.bead_id)
    said = event.payload["bead"]
    fields = _blank(bead_id) | _values(said, COLUMNS) | {"meta": _value("meta", said.get("metadata", {}))}
    state = State(bead_id, fields, labels={_text(label) for label in said.get("labels", ())})
    if event.payload.get("parent"):
        edge = {"created_at": fields["created_at"], "created_by": event.actor}
        state.edges[(_text(event.payload["parent"]), DependencyType.PARENT_CHILD.value)] = _edge(edge)
    return state


_EDGE: dict[str, Any] = {
    "created_at": None,
    "created_by": "",
    "meta": "",
    "thread_id": "",
    "any_child": False,
    "extra": {},
}
_REMARK: dict[str, Any] = {"author": "", "text": "", "created_at": None, "extra": {}}


def _edge(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**_EDGE, **values}


def _imported(state: State | None, event: Event | Fact) -> State:
    bead_id, payload = str(event.bead_id), event.payload
    if state is None:
        state = State(bead_id, _blank(bead_id))
    said = payload.get("bead")
    if said is not None:
        blank = _blank(bead_id)
        state.fields |= {name: blank[name] for name in (*EXCHANGED, "is_failure")}
        state.fields |= _values(said, _FIELDS)
    state.labels.update(map(_text, payload["labels"]))
    for edge in payload["dependencies"]:
        key = _text(edge["depends_on_id"]), _text(edge["type"])
        state.edges[key] = _edge({name: _value(name, edge[name], _EDGE) for name in _EDGE if name in edge})
    remarks = {_remark(comment) for comment in state.comments.values()}
    known = set(state.comments)
    for comment in payload["comments"]:
        values = {name: _value(name, comment[name], _REMARK) for name in _REMARK}
        if _text(comment["id"]) not in known and _remark(values) not in remarks:
            state.comments[comment["id"]] = values
    return state


def _remark(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return values["author"], values["created_at"], values["text"]


def _purged(_state: State | None, _event: Event | Fact) -> None:
    return None


def _set_fields(state: State, event: Event | Fact) -> None:
    names = _FIELDS - _FACTS.get(event.kind, frozenset())
    state.fields |= _values(event.payload, names)
    for old, new in event.payload.get("targets", {}).items():
        for target, kind in [key for key in state.edges if key[0] == old]:
            state.edges[(_text(new), kind)] = state.edges.pop((target, kind))


def _renamed(state: State, event: Event | Fact) -> None:
    state.id = str(event.bead_id)
    state.fields |= {"prefix": ids.prefix_of(state.id), "is_top": "." not in state.id}
    _set_fields(state, event)


def _commented(state: State, event: Event | Fact) -> None:
    said = event.payload
    moment = _moment(said["created_at"]) if "created_at" in said else event.at
    state.comments[_text(said["id"])] = {
        "author": event.actor,
        "text": _text(said["text"]),
        "created_at": moment,
        "extra": {},
    }


def _linked(state: State, event: Event | Fact) -> None:
    said = event.payload
    key = _text(said["depends_on_id"]), _text(said["type"])
    held = state.edges.get(key)
    if held is None:
        moment = _moment(said["created_at"]) if "created_at" in said else event.at
        held = state.edges[key] = _edge({"created_at": moment, "created_by": event.actor})
    held["meta"] = _text(said.get("metadata", ""))
    held["thread_id"] = _text(said.get("thread_id", held["thread_id"]))
    held["any_child"] = key[1] == DependencyType.WAITS_FOR and wants_any_child(held["meta"])
    held["extra"] = {name: value for name, value in held["extra"].items() if name != "metadata"}


def _unlinked(state: State, event: Event | Fact) -> None:
    state.edges.pop((event.payload["depends_on_id"], event.payload["type"]), None)


def _labelled(state: State, event: Event | Fact) -> None:
    state.labels.add(_text(event.payload["label"]))


def _unlabelled(state: State, event: Event | Fact) -> None:
    state.labels.discard(_text(event.payload["label"]))


_FIRST: dict[EventKind, Callable[[State | None, Event | Fact], State | None]] = {
    EventKind.BEAD_CREATED: _created,
    EventKind.BEAD_IMPORTED: _imported,
    EventKind.BEAD_PURGED: _purged,
}
_CHANGES: dict[EventKind, Callable[[State, Event | Fact], None]] = {
    EventKind.BEAD_UPDATED: _set_fields,
    EventKind.BEAD_STATUS_CHANGED: _set_fields,
    EventKind.BEAD_CLAIMED: _set_fields,
    EventKind.BEAD_CLOSED: _set_fields,
    EventKind.BEAD_REOPENED: _set_fields,
    EventKind.BEAD_ESCALATED: _set_fields,
    EventKind.BEAD_DELETED: _set_fields,
    EventKind.BEAD_COMPACTED: _set_fields,
    EventKind.BEAD_RENAMED: _renamed,
    EventKind.BEAD_COMMENTED: _commented,
    EventKind.DEPENDENCY_ADDED: _linked,
    EventKind.DEPENDENCY_REMOVED: _unlinked,
    EventKind.LABEL_ADDED: _labelled,
    EventKind.LABEL_REMOVED: _unlabelled,
}
BEAD_KINDS = frozenset(_FIRST) | frozenset(_CHANGES)


def is_gone(state: State | None) -> bool:
    """Whether there is no such bead for those who look: not there, or a tombstone."""
    return state is None or state.fields["status"] == BeadStatus.TOMBSTONE
