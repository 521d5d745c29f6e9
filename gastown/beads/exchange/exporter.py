"""Writing the store as an exchange file: which beads, and each of them as a line."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from gastown.beads.errors import BadField, BeadNotFound
from gastown.beads.exchange.other_lines import EXCHANGED_KINDS, MEMORY, event_json
from gastown.beads.jsonl import EXCHANGED
from gastown.beads.models import INFRA_TYPES, Bead, BeadStatus, Comment, Dependency, Label
from gastown.beads.rendering import line_json
from gastown.beads.words.configuration import get_config, list_config
from gastown.beads.words.keys import words_of
from gastown.beads.words.memory import MEMORIES
from gastown.beads.words.vocabulary import check_status, check_type
from gastown.events import Event

_CHUNK = 1000
# Titles that trials leave behind: one of these words, alone or with what it is a trial of and a number.
_TRIAL = re.compile(
    r"(test|testing|tmp|temp|dummy|sample|example|debug|benchmark)([-_ ]?(issue|bead|task|bug|epic))?([-_ #]*[0-9]+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ExportOptions:
    """What an export holds. Several conditions must all be met."""

    everything: bool = False
    """Wisps, templates and the town's own beads, memories, and what happened to beads."""
    memories: bool = False
    scrub: bool = False
    """Leave out what is titled like a trial."""
    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    assignee: str | None = None
    ids: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is filtered out."""
        return not (self.scrub or self.statuses or self.types or self.labels or self.ids or self.assignee is not None)


WHOLE = ExportOptions()


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def choose(session: Session, options: ExportOptions) -> dict[str, datetime]:
    """The ids of the beads to write, by code point whatever the database's collation is, with their last change."""
    query = select(Bead.id, Bead.updated_at, Bead.title if options.scrub else Bead.id)
    for condition in _conditions(session, options):
        query = query.where(condition)
    rows = session.exec(query).all()
    if options.scrub:
        rows = [row for row in rows if not _TRIAL.fullmatch(row[2].strip())]
    return {bead_id: updated_at for bead_id, updated_at, _ in sorted(rows)}


def _conditions(session: Session, options: ExportOptions) -> Iterator[Any]:
    if not options.everything:
        infra = words_of(get_config(session, "types.infra")) or sorted(INFRA_TYPES)
        yield col(Bead.issue_type).not_in(infra)
        yield col(Bead.is_template).is_(False)
        yield col(Bead.ephemeral).is_(False)
    if options.statuses:
        is_gone = BeadStatus.TOMBSTONE.value
        yield col(Bead.status).in_(
            [word if word == is_gone else check_status(session, word) for word in options.statuses]
        )
    if options.types:
        yield col(Bead.issue_type).in_([check_type(session, word) for word in options.types])
    for label in options.labels:
        yield col(Bead.id).in_(select(Label.bead_id).where(Label.label == label))
    if options.assignee is not None:
        yield col(Bead.assignee) == options.assignee
    if options.ids:
        if len(options.ids) > _CHUNK:
            raise BadField(f"more than {_CHUNK} ids", hint="Export everything, or in parts.")
        found = set(session.exec(select(Bead.id).where(col(Bead.id).in_(options.ids))))
        for name in options.ids:
            if name not in found:
                raise BeadNotFound(name)
        yield col(Bead.id).in_(options.ids)


_BEAD = [getattr(Bead, name).label(name) for name in ("id", *EXCHANGED)]


def bead_lines(session: Session, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each of these beads that is there as its id and its line, in their order."""
    for start in range(0, len(names), _CHUNK):
        part = names[start : start + _CHUNK]
        rows = session.execute(select(*_BEAD).where(col(Bead.id).in_(part))).mappings()
        beads: dict[str, Any] = {row["id"]: row for row in rows}
        labels: dict[str, list[str]] = {}
        for bead_id, label in session.exec(select(Label.bead_id, Label.label).where(col(Label.bead_id).in_(part))):
            labels.setdefault(bead_id, []).append(label)
        edges: dict[str, list[Any]] = {}
        for edge in session.execute(select(*_columns(Dependency)).where(col(Dependency.issue_id).in_(part))):
            edges.setdefault(edge.issue_id, []).append(edge)
        comments: dict[str, list[Any]] = {}
        for comment in session.execute(select(*_columns(Comment)).where(col(Comment.bead_id).in_(part))):
            comments.setdefault(comment.bead_id, []).append(comment)
        for name in part:
            if name in beads:
                yield (
                    name,
                    _dumps(
                        line_json(
                            beads[name],
                            sorted(labels.get(name, ())),
                            sorted(edges.get(name, ()), key=lambda edge: (edge.depends_on_id, edge.type)),
                            sorted(comments.get(name, ()), key=_by_time),
                        )
                    ),
                )


def _columns(table: Any) -> list[Any]:
    return [getattr(table, name).label(name) for name in table.model_fields]


def _by_time(comment: Any) -> tuple[Any, ...]:
    moment = comment.created_at
    return moment is None, moment.timestamp() if moment else 0, comment.id.isdigit(), comment.id.rjust(20, "0")


def memory_lines(session: Session) -> Iterator[str]:
    """Each memory as a line."""
    for key, text in list_config(session, MEMORIES).items():
        yield _dumps({"_type": MEMORY, "key": key.removeprefix(MEMORIES), "value": text})


def event_lines(session: Session, among: Any = None) -> Iterator[str]:
    """What happened to beads, oldest first; `among` is a condition on the rows."""
    last = 0
    while True:
        query = select(Event).where(
            col(Event.id) > last, col(Event.bead_id).is_not(None), col(Event.kind).in_(EXCHANGED_KINDS)
        )
        if among is not None:
            query = query.where(among)
        rows = session.exec(query.order_by(col(Event.id)).limit(_CHUNK)).all()
        if not rows:
            return
        for row in rows:
            yield _dumps(event_json(row))
        last = rows[-1].id or 0
        session.expunge_all()


def export_lines(session: Session, *, everything: bool = False, options: ExportOptions | None = None) -> Iterator[str]:
    """Each bead as a line, sorted by id, tombstones and dangling edges included.

    Without `everything` wisps, templates and the town's own beads (agents, rigs, roles, messages) are left out, and
    what is no bead: memories, and events.
    """
    chosen = options or ExportOptions(everything=everything)
    for _, line in bead_lines(session, list(choose(session, chosen))):
        yield line
    yield from tail_lines(session, chosen)


def tail_lines(session: Session, options: ExportOptions) -> Iterator[str]:
    """What follows the beads."""
    if options.memories or options.everything:
        yield from memory_lines(session)
    if options.everything and options.is_whole:
        yield from event_lines(session)
