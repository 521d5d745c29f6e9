"""Bringing an exchange file into the store: all of it in one transaction, in sets of rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from gastown import clock, ids
from gastown.beads import graph, jsonl, readiness
from gastown.beads.changes import Cause, note
from gastown.beads.jsonl import EXCHANGED, Line, LineRefused, failure_of
from gastown.beads.models import (
    BLOCKING_TYPES,
    UNDER_WAY,
    Bead,
    BeadStatus,
    Comment,
    Dependency,
    Label,
)
from gastown.events import Event, EventKind

CHUNK = 1000
_NEVER = datetime.min.replace(tzinfo=UTC)
# What the engine decides on; a file does not know it.
_OWN = ("is_code",)


@dataclass
class Imported:
    """What became of each line."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    stale: list[str] = field(default_factory=list)
    """Older than what is stored: left as it is."""
    refused: list[tuple[int, str]] = field(default_factory=list)
    """Line number and reason."""
    skipped_edges: list[str] = field(default_factory=list)
    """Edges that would close a cycle."""


def import_lines(session: Session, data: bytes, *, actor: str) -> Imported:
    """Store every line of `data` that is a bead: new ones are added, newer ones replace, labels and edges only grow.

    Refused lines are reported and the others taken. Of several lines with one id the newest is taken, and of equally
    new ones the first. A bead that an attempt is at work on keeps its status: such a line is refused.
    """
    readiness.lock_graph(session)
    result, now = Imported(), clock.now()
    new_edges: list[tuple[str, str]] = []
    for lines in _chunks(_chosen(data, now, result)):
        new_edges += _store(session, lines, actor=actor, now=now, result=result)
    _drop_cycles(session, new_edges, actor, result)
    if result.created or result.updated:
        _raise_child_counters(session, [*result.created])
        readiness.refresh_external(session)
        readiness.recompute_all(session)
    result.refused.sort()
    return result


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, numbered from 1, without copying the whole."""
    start, number = 0, 1
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        raw = data[start:end].strip()
        if raw:
            yield number, raw
        start, number = end + 1, number + 1


def _chosen(data: bytes, now: datetime, result: Imported) -> Iterator[Line]:
    """Each bead's best line, in the order of the file. Lines are read twice, so that only ids are held in memory."""
    best: dict[str, tuple[datetime, int]] = {}
    for number, raw in _split(data):
        try:
            line = jsonl.parse(raw, number, now)
        except LineRefused as error:
            result.refused.append((number, error.message))
            continue
        held = best.get(line.id)
        if held is None or line.values["updated_at"] > held[0]:
            best[line.id] = (line.values["updated_at"], number)
    refused = {number for number, _ in result.refused}
    for number, raw in _split(data):
        if number in refused:
            continue
        line = jsonl.parse(raw, number, now)
        taken = best[line.id][1]
        if taken == number:
            yield line
        else:
            result.refused.append((number, f"{line.id} is also on line {taken}, which is taken"))


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    part: list[Line] = []
    for line in lines:
        part.append(line)
        if len(part) == CHUNK:
            yield part
            part = []
    if part:
        yield part


@dataclass
class _Stored:
    """What the store holds of one chunk's beads."""

    rows: dict[str, dict[str, Any]]
    labels: set[tuple[str, str]]
    edges: dict[tuple[str, str, str], Mapping[str, Any]]
    comments: set[tuple[str, str]]
    remarks: set[tuple[str, str, datetime | None, str]]


_ROW = [getattr(Bead, name).label(name) for name in ("id", *EXCHANGED, *_OWN)]


def _load(session: Session, names: Sequence[str]) -> _Stored:
    rows = session.execute(select(*_ROW).where(col(Bead.id).in_(names))).mappings()
    labels = session.exec(select(Label.bead_id, Label.label).where(col(Label.bead_id).in_(names)))
    edges = session.exec(select(Dependency).where(col(Dependency.issue_id).in_(names)))
    comments = session.exec(select(Comment).where(col(Comment.bead_id).in_(names))).all()
    return _Stored(
        rows={row["id"]: dict(row) for row in rows},
        labels=set(labels),
        edges={(edge.issue_id, edge.depends_on_id, edge.type): edge.model_dump() for edge in edges},
        comments={(row.bead_id, row.id) for row in comments},
        remarks={(row.bead_id, row.author, row.created_at, row.text) for row in comments},
    )


def _store(
    session: Session, lines: Sequence[Line], *, actor: str, now: datetime, result: Imported
) -> list[tuple[str, str]]:
    """Write one chunk; return its new blocking edges."""
    stored = _load(session, [line.id for line in lines])
    batch = _Batch()
    for line in lines:
        row = stored.rows.get(line.id)
        if row is None:
            batch.add(line)
            result.created.append(line.id)
        elif _is_stale(line, row):
            result.stale.append(line.id)
            continue
        elif _meddles(line, row):
            result.refused.append((line.number, f"{line.id} is slung: its attempt sets its status"))
            continue
        else:
            _complete(line, row)
            grown = batch.grow(line, stored)
            if batch.replace(line, row) or grown:
                result.updated.append(line.id)
                batch.changed.append(line)
            else:
                result.unchanged += 1
    batch.write(session, actor=actor, now=now)
    return [(edge["issue_id"], edge["depends_on_id"]) for edge in batch.edges if edge["type"] in BLOCKING_TYPES]


def _is_stale(line: Line, row: Mapping[str, Any]) -> bool:
    return "updated_at" not in line.untimed and bool(line.values["updated_at"] < row["updated_at"])


def _meddles(line: Line, row: Mapping[str, Any]) -> bool:
    """Whether the line would take a slung bead from its attempt, or close for code what has not landed."""
    status = line.values["status"]
    if row["is_code"] is None or status == row["status"]:
        return False
    return row["status"] in UNDER_WAY or (row["is_code"] and status == BeadStatus.CLOSED)


def _complete(line: Line, row: Mapping[str, Any]) -> None:
    """A time that the line does not say stays what it is."""
    for name in line.untimed:
        line.values[name] = row[name]


class _Batch:
    """The rows that one chunk adds or changes."""

    def __init__(self) -> None:
        self.beads: list[dict[str, Any]] = []
        self.replaced: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []
        self.changed_edges: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.changed: list[Line] = []
        self.said: dict[str, dict[str, Any]] = {}
        """What the events of those whose own fields changed say of them."""

    def add(self, line: Line) -> None:
        """A bead that the store does not have."""
        derived = {"prefix": ids.prefix_of(line.id), "is_top": "." not in line.id}
        failure = {"is_failure": failure_of(line.values)}
        self.beads.append({**_BLANK, **line.values, "id": line.id, **derived, **failure})
        self.said[line.id] = _told({**line.values, **failure})
        self.changed.append(line)
        self.grow(line, _NOTHING)

    def replace(self, line: Line, row: Mapping[str, Any]) -> bool:
        """The bead's own fields, when they differ from what is stored."""
        if all(line.values[name] == row[name] for name in EXCHANGED):
            return False
        reopened = row["status"] == BeadStatus.CLOSED and line.values["status"] != BeadStatus.CLOSED
        own = {"is_code": None, "landed_sha": ""} if reopened else {"is_code": row["is_code"]}
        failure = {"is_failure": failure_of(line.values)}
        self.replaced.append({**line.values, "id": line.id, **failure, **own})
        self.said[line.id] = _told({**line.values, **failure}) | (own if reopened else {})
        return True

    def grow(self, line: Line, stored: _Stored) -> bool:
        """Labels, edges and comments that the bead does not have yet."""
        labels = [label for label in line.labels if (line.id, label) not in stored.labels]
        self.labels += [{"bead_id": line.id, "label": label} for label in labels]
        edges = 0
        for edge in _unique(line.edges, ("depends_on_id", "type")):
            held = stored.edges.get((edge["issue_id"], edge["depends_on_id"], edge["type"]))
            if held is None:
                self.edges.append(edge)
                edges += 1
            elif any(held[name] != edge[name] for name in edge if name != "is_provided"):
                self.changed_edges.append({**edge, "is_provided": held["is_provided"]})
                edges += 1
        comments = [
            comment
            for comment in _unique(line.comments, ("id",))
            if (line.id, comment["id"]) not in stored.comments
            and (line.id, comment["author"], comment["created_at"], comment["text"]) not in stored.remarks
        ]
        self.comments += comments
        return bool(labels or edges or comments)

    def write(self, session: Session, *, actor: str, now: datetime) -> None:
        """Send everything, one statement a table."""
        for table, rows in (
            (Bead, self.beads),
            (Label, self.labels),
            (Dependency, self.edges),
            (Comment, self.comments),
        ):
            if rows:
                session.execute(insert(table), rows)
        plain = [row for row in self.replaced if "landed_sha" not in row]
        reopened = [row for row in self.replaced if "landed_sha" in row]
        for table, rows in ((Bead, plain), (Bead, reopened), (Dependency, self.changed_edges)):
            if rows:
                session.execute(update(table), rows)
        if self.changed:
            rows = [_event(line, self.said.get(line.id), actor, now) for line in self.changed]
            session.execute(insert(Event), rows)
        session.flush()
        session.expire_all()


_BLANK = Bead(id="", prefix="", title="", created_at=_NEVER, updated_at=_NEVER).model_dump()
_NOTHING = _Stored({}, set(), {}, set(), set())


def _unique(items: Sequence[dict[str, Any]], key: tuple[str, ...]) -> list[dict[str, Any]]:
    return list({tuple(item[name] for name in key): item for item in items}.values())


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return _plain({name: value for name, value in values.items() if value != _BLANK[name]})


def _event(line: Line, said: Mapping[str, Any] | None, actor: str, now: datetime) -> dict[str, Any]:
    # Fields that the line did not change are left out: somebody else may be changing them at this moment.
    return {
        "at": now,
        "kind": EventKind.BEAD_IMPORTED,
        "actor": actor,
        "bead_id": line.id,
        "payload": {
            **({"bead": said} if said is not None else {}),
            "labels": line.labels,
            "dependencies": [_plain(edge) for edge in line.edges],
            "comments": [_plain(comment) for comment in line.comments],
        },
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def _drop_cycles(session: Session, new: Sequence[tuple[str, str]], actor: str, result: Imported) -> None:
    """Take back the new edges that make beads wait for themselves."""
    if not new:
        return
    fresh = set(new)
    rows = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id).where(col(Dependency.type).in_(BLOCKING_TYPES))
    )
    old = [(bead_id, target) for bead_id, target in rows if (bead_id, target) not in fresh]
    for bead_id, target in graph.choose_dropped(old, new):
        for edge in session.exec(
            select(Dependency).where(
                Dependency.issue_id == bead_id,
                Dependency.depends_on_id == target,
                col(Dependency.type).in_(BLOCKING_TYPES),
            )
        ):
            session.delete(edge)
            values = {"depends_on_id": edge.depends_on_id, "type": edge.type}
            note(session, EventKind.DEPENDENCY_REMOVED, bead_id, Cause(actor), **values)
        result.skipped_edges.append(f"{bead_id} -> {target}: would create a cycle")


def _raise_child_counters(session: Session, created: Sequence[str]) -> None:
    """Let the next child of each parent get a number above those that came with the file."""
    highest: dict[str, int] = {}
    for name in created:
        parent, _, last = name.rpartition(".")
        if parent and last.isdigit() and len(last) < 10:
            highest[parent] = max(highest.get(parent, 0), int(last))
    for start in range(0, len(highest), CHUNK):
        part = dict(list(highest.items())[start : start + CHUNK])
        rows = session.exec(select(Bead.id, Bead.last_child).where(col(Bead.id).in_(list(part))))
        raised = [{"id": name, "last_child": part[name]} for name, held in rows if held < part[name]]
        if raised:
            session.execute(update(Bead), raised)
