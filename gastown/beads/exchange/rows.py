"""The rows that lines of an exchange file become, beside those that the store has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from gastown import ids
from gastown.beads.jsonl import EXCHANGED, Line, failure_of
from gastown.beads.models import UNDER_WAY, Bead, BeadStatus, Comment, Dependency, Label
from gastown.events import Event, EventKind

CHUNK = 1000
_NEVER = datetime.min.replace(tzinfo=UTC)
# What the engine decides on; a file does not know it.
_OWN = ("is_code",)


@dataclass
class Stored:
    """What the store holds of one chunk's beads."""

    rows: dict[str, dict[str, Any]]
    labels: set[tuple[str, str]]
    edges: dict[tuple[str, str, str], Mapping[str, Any]]
    comments: set[tuple[str, str]]
    remarks: set[tuple[str, str, datetime | None, str]]


_ROW = [getattr(Bead, name).label(name) for name in ("id", *EXCHANGED, *_OWN)]


def load(session: Session, names: Sequence[str]) -> Stored:
    """What the store holds of these beads."""
    # Held until the commit: nobody's change may come between this look and what is written on the strength of it.
    rows = session.execute(select(*_ROW).where(col(Bead.id).in_(names)).order_by(Bead.id).with_for_update()).mappings()
    labels = session.exec(select(Label.bead_id, Label.label).where(col(Label.bead_id).in_(names)))
    edges = session.exec(select(Dependency).where(col(Dependency.issue_id).in_(names)))
    comments = session.exec(select(Comment).where(col(Comment.bead_id).in_(names))).all()
    return Stored(
        rows={row["id"]: dict(row) for row in rows},
        labels=set(labels),
        edges={(edge.issue_id, edge.depends_on_id, edge.type): edge.model_dump() for edge in edges},
        comments={(row.bead_id, row.id) for row in comments},
        remarks={(row.bead_id, row.author, row.created_at, row.text) for row in comments},
    )


def is_stale(line: Line, row: Mapping[str, Any]) -> bool:
    """Whether the store knows more than the line."""
    return "updated_at" not in line.untimed and bool(line.values["updated_at"] < row["updated_at"])


def meddles(line: Line, row: Mapping[str, Any]) -> bool:
    """Whether the line would take a slung bead from its attempt, or close for code what has not landed."""
    status = line.values["status"]
    if row["is_code"] is None or status == row["status"]:
        return False
    return row["status"] in UNDER_WAY or (row["is_code"] and status == BeadStatus.CLOSED)


def complete(line: Line, row: Mapping[str, Any]) -> None:
    """A time that the line does not say stays what it is."""
    for name in line.untimed:
        line.values[name] = row[name]


class Batch:
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

    def repeat(self, line: Line) -> None:
        """Say once more how the bead is here, after events of another store."""
        self.said[line.id] = _told({**line.values, "is_failure": failure_of(line.values)})
        self.changed.append(line)

    def grow(self, line: Line, stored: Stored) -> bool:
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
                session.execute(_all_columns(table), rows)
        plain = [row for row in self.replaced if "landed_sha" not in row]
        reopened = [row for row in self.replaced if "landed_sha" in row]
        for table, rows in ((Bead, plain), (Bead, reopened), (Dependency, self.changed_edges)):
            if rows:
                session.execute(update(table), rows)
        if self.changed:
            rows = [_event(line, self.said.get(line.id), actor, now) for line in self.changed]
            session.execute(_all_columns(Event), rows)
        session.flush()
        session.expire_all()


def _all_columns(table: Any) -> Any:
    """An insert of rows that all have the same keys. Otherwise each change between NULL and not NULL is a statement."""
    return insert(table).execution_options(render_nulls=True)


_BLANK = Bead(id="", prefix="", title="", created_at=_NEVER, updated_at=_NEVER).model_dump()
_NOTHING = Stored({}, set(), {}, set(), set())


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
