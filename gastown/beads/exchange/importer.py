"""Bringing an exchange file into the store: all of it in one transaction, in sets of rows."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import update
from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import jsonl, readiness
from gastown.beads.exchange import other_lines, source
from gastown.beads.exchange.content import CONTENT, content_hash
from gastown.beads.exchange.plan import Imported, ImportOptions, make_plan
from gastown.beads.exchange.rows import CHUNK, Batch, Stored, complete, is_stale, load, meddles
from gastown.beads.jsonl import Line
from gastown.beads.models import Bead, BeadStatus


def import_lines(
    session: Session, data: bytes | BinaryIO, *, actor: str, options: ImportOptions | None = None
) -> Imported:
    """Store every line that is a bead: new ones are added, newer ones replace, labels, edges and comments only grow.

    Refused lines are reported and the others taken. Of several lines with one id the newest is taken, and of equally
    new ones the first. A bead that an attempt is at work on keeps its status: such a line is refused. Lines that are
    events or memories are taken, too.
    """
    readiness.lock_graph(session)
    work = _Import(session, actor, options or ImportOptions())
    with source.seekable(data) as file:
        work.take(file)
    result = work.result
    if result.created or result.updated:
        _raise_child_counters(session, result.created)
        readiness.refresh_external(session)
        readiness.recompute_all(session)
    result.refused.sort()
    return result


class _Import:
    """One import under way."""

    def __init__(self, session: Session, actor: str, options: ImportOptions) -> None:
        self.session, self.actor, self.options = session, actor, options
        self.now, self.result = clock.now(), Imported()
        self.titles: set[int] = set()
        """Hashes of the titles that were there before."""
        self.told: set[str] = set()
        """Beads that got events of another store."""

    def take(self, file: BinaryIO) -> None:
        """Decide, then write."""
        plan = make_plan(self.session, file, self.now, self.options, self.result)
        self.result.memories = other_lines.take_memories(self.session, plan.memories, actor=self.actor)
        # Before the beads: whatever a line says is the last word about its bead.
        history = other_lines.take_events(self.session, file, plan.events, plan.best)
        self.result.events, self.result.skipped_events, self.told = history.number, history.skipped, history.taken
        self.titles = {hash(title) for title in self.session.exec(select(Bead.title))}
        self.result.resurrected = plan.missing_parents
        self.store([_stand_in(name, self.now) for name in plan.missing_parents])
        for lines in _chunks(plan.lines(file, self.now)):
            self.store(lines)

    def store(self, lines: Sequence[Line]) -> None:
        """Write one chunk."""
        stored = load(self.session, [line.id for line in lines])
        batch = Batch()
        created = []
        for line in lines:
            row = stored.rows.get(line.id)
            if row is None:
                batch.add(line)
                created.append(line)
            elif is_stale(line, row) and line.id not in self.options.exact:
                self.result.stale.append(line.id)
            elif meddles(line, row):
                self.result.refused.append((line.number, f"{line.id} is slung: its attempt sets its status"))
            else:
                self.renew(batch, line, stored)
        self.compare([line for line in created if hash(line.values["title"]) in self.titles])
        self.result.created += [line.id for line in created]
        batch.write(self.session, actor=self.actor, now=self.now)

    def renew(self, batch: Batch, line: Line, stored: Stored) -> None:
        """A bead that the store has."""
        row = stored.rows[line.id]
        complete(line, row)
        grown = batch.grow(line, stored)
        if batch.replace(line, row) or grown:
            self.result.updated.append(line.id)
            batch.changed.append(line)
            return
        self.result.unchanged += 1
        if line.id in self.told:
            batch.repeat(line)

    def compare(self, lines: Sequence[Line]) -> None:
        """Note which new beads say the same as beads that are there under other ids."""
        if not lines:
            return
        titles = sorted({line.values["title"] for line in lines})
        columns = [getattr(Bead, name).label(name) for name in ("id", *CONTENT)]
        found = self.session.execute(select(*columns).where(col(Bead.title).in_(titles))).mappings()
        known = {content_hash(dict(row)): row["id"] for row in found}
        pairs = ((line.id, known.get(content_hash(line.values))) for line in lines)
        self.result.same_content += [(bead_id, other) for bead_id, other in pairs if other is not None]


def _stand_in(bead_id: str, now: datetime) -> Line:
    """A closed bead in the place of a parent that is gone."""
    said = {
        "id": bead_id,
        "title": f"(missing parent {bead_id})",
        "description": "An import had children of this bead and not the bead itself.",
        "status": BeadStatus.CLOSED.value,
        "close_reason": "Stands in for a bead that is gone.",
        "issue_type": "epic",
        "priority": 4,
        "closed_at": now.isoformat(),
    }
    return jsonl.parse(json.dumps(said).encode(), 0, now)


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    part: list[Line] = []
    for line in lines:
        part.append(line)
        if len(part) == CHUNK:
            yield part
            part = []
    if part:
        yield part


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
