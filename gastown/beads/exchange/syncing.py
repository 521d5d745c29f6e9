"""Keeping the store and an exchange file in step: take in what the file says, then write the file.

The file as it was after the last time is kept beside the store: it tells what each side changed since. When a sync is
cut short between its halves the next one finds the same base, takes the same lines in once more, which changes
nothing, and goes on.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import delete
from sqlmodel import Session, col

from gastown import clock
from gastown.beads import jsonl, readiness
from gastown.beads.changes import Cause, note
from gastown.beads.exchange import exporter, marks, merging, other_lines, replacing, source
from gastown.beads.exchange.files import Exported, Target, export_file
from gastown.beads.exchange.importer import import_lines
from gastown.beads.exchange.merging import Resolve
from gastown.beads.exchange.plan import Imported, ImportOptions
from gastown.beads.jsonl import LineRefused
from gastown.beads.models import Dependency, Label
from gastown.events import EventKind

_CHUNK = 500
_SPOOLED = 8 * 1024 * 1024
Unit = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class SyncJob:
    """What is synchronised, and how."""

    path: Path
    folder: Path
    """Of the store: what is remembered between syncs is kept there."""
    actor: str
    resolve: Resolve = Resolve.NEWEST
    takes: bool = True
    """Take in what the file says."""
    writes: bool = True
    """Write the file."""
    allow_shrink: bool = False
    dry_run: bool = False

    @property
    def base(self) -> Path:
        """The file as it was after the last sync."""
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:16]
        return self.folder / marks.FOLDER / f"base-{digest}.jsonl"


@dataclass
class Synced:
    """What a sync did."""

    path: str
    imported: Imported | None = None
    merged: list[str] = field(default_factory=list)
    """Beads that both sides had changed."""
    exported: Exported | None = None


@dataclass(frozen=True)
class SyncStatus:
    """How far store and file are apart."""

    path: str
    has_file: bool
    to_import: int
    """Lines that are not as they were after the last sync."""
    conflicts: list[str]
    """Beads that both sides changed."""
    to_export: int
    """Beads whose lines the file does not have as they are now."""


def sync(job: SyncJob, write: Unit, read: Unit) -> Synced:
    """Take in what the file says, then write the file; both in units of work of their own."""
    done = Synced(str(job.path))
    if job.takes and job.path.exists():
        with write() as session, job.path.open("rb") as file:
            done.imported, done.merged = _take(session, file, job)
            if job.dry_run:
                session.rollback()
    if job.writes and not job.dry_run:
        with read() as session:
            done.exported = export_file(session, Target(job.path, job.folder, job.allow_shrink))
        _keep_base(job, done.exported.seal)
    return done


def find_status(session: Session, job: SyncJob) -> SyncStatus:
    """Compare, and change nothing."""
    held: set[bytes] = set()
    work = _Work(job.resolve)
    if job.path.exists():
        with job.path.open("rb") as file:
            held = {_digest(raw.data) for raw in source.lines(file) if raw.data is not None}
            with contextlib.closing(tempfile.SpooledTemporaryFile(max_size=_SPOOLED)) as lines:
                work.collect(session, file, job.base, lines)  # type: ignore[arg-type]
    names = list(exporter.choose(session, exporter.WHOLE))
    fresh = sum(_digest(line.strip().encode()) not in held for _, line in exporter.bead_lines(session, names))
    return SyncStatus(str(job.path), job.path.exists(), work.number, sorted(work.merged), fresh)


def _digest(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _keep_base(job: SyncJob, seal: tuple[int, ...]) -> None:
    """Remember the file, unless somebody wrote to it meanwhile: then the next sync looks at what they wrote."""
    with contextlib.suppress(OSError):
        job.base.parent.mkdir(exist_ok=True)
        if marks.seal(job.path) == seal:
            replacing.copy(job.path, job.base, only_if=lambda: marks.seal(job.path) == seal)


def _take(session: Session, file: BinaryIO, job: SyncJob) -> tuple[Imported, list[str]]:
    readiness.lock_graph(session)
    work = _Work(job.resolve)
    with tempfile.SpooledTemporaryFile(max_size=_SPOOLED) as lines:
        work.collect(session, file, job.base, lines)  # type: ignore[arg-type]
        touched = work.remove(session, job.actor)
        options = ImportOptions(exact=frozenset(work.exact))
        result = import_lines(session, lines, actor=job.actor, options=options)  # type: ignore[arg-type]
    readiness.recompute(session, touched)
    result.refused = sorted([*result.refused, *work.refused])
    return result, sorted(work.merged)


class _Work:
    """The lines of the file that say something new, each brought together with what the store has."""

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve
        self.number = 0
        self.exact: set[str] = set()
        self.merged: set[str] = set()
        self.refused: list[tuple[int, str]] = []
        self.gone: list[tuple[str, str, tuple[str, ...]]] = []
        """Labels and edges that the file took away: bead, which of the two, and what it was."""

    def collect(self, session: Session, file: BinaryIO, base: Path, lines: BinaryIO) -> None:
        """Write to `lines` what an import is to take, each line in the place that it has in the file."""
        held, places = _index(base)
        waiting: list[tuple[source.Raw, str | None]] = []
        line_number = 0
        with base.open("rb") if places else contextlib.nullcontext() as known:
            for raw in source.lines(file):
                if raw.data is None:
                    self.refused.append((raw.number, "longer than a line may be"))
                elif _digest(raw.data) not in held:
                    self.number += 1
                    waiting.append((raw, name if (name := _name(raw.data)) in places else None))
                if len(waiting) >= _CHUNK:
                    line_number = self._write(session, waiting, known, places, lines, line_number)
                    waiting = []
            self._write(session, waiting, known, places, lines, line_number)

    def _write(
        self,
        session: Session,
        waiting: list[tuple[source.Raw, str | None]],
        known: BinaryIO | None,
        places: dict[str, int],
        lines: BinaryIO,
        number: int,
    ) -> int:
        ours = dict(exporter.bead_lines(session, [name for _, name in waiting if name is not None]))
        for raw, name in waiting:
            data: bytes | None = raw.data
            if name is not None and name in ours and known is not None:
                before = json.loads(source.line_at(known, places[name]))
                data = self._bring_together(name, before, json.loads(ours[name]), raw.data or b"")
            if data is not None:
                lines.write(b"\n" * (raw.number - 1 - number) + data + b"\n")
                number = raw.number
        return number

    def _bring_together(self, name: str, base: Any, ours: Any, data: bytes) -> bytes | None:
        """The line to take, or None when the file says nothing new about the bead."""
        theirs = json.loads(data)
        if merging.is_same(theirs, base) or merging.is_same(theirs, ours):
            return None
        self.exact.add(name)
        if not merging.is_same(ours, base):
            self.merged.add(name)
            theirs = merging.merge(base, ours, theirs, self.resolve)
            data = json.dumps(theirs, ensure_ascii=False).encode()
        labels = theirs.get("labels") or []
        edges = {(edge.get("depends_on_id"), edge.get("type")) for edge in theirs.get("dependencies") or []}
        self.gone += [(name, "label", (label,)) for label in ours.get("labels") or [] if label not in labels]
        for edge in ours.get("dependencies") or []:
            if (edge["depends_on_id"], edge["type"]) not in edges:
                self.gone.append((name, "edge", (edge["depends_on_id"], edge["type"])))
        return data

    def remove(self, session: Session, actor: str) -> list[str]:
        """Take away what the file took away; return the beads whose readiness that can change."""
        touched = []
        for bead_id, kind, what in self.gone:
            if kind == "label":
                session.execute(delete(Label).where(col(Label.bead_id) == bead_id, col(Label.label) == what[0]))
                note(session, EventKind.LABEL_REMOVED, bead_id, Cause(actor), label=what[0])
                continue
            target, edge_type = what
            session.execute(
                delete(Dependency).where(
                    col(Dependency.issue_id) == bead_id,
                    col(Dependency.depends_on_id) == target,
                    col(Dependency.type) == edge_type,
                )
            )
            note(session, EventKind.DEPENDENCY_REMOVED, bead_id, Cause(actor), depends_on_id=target, type=edge_type)
            touched += [bead_id, target]
        session.flush()
        return touched


def _index(base: Path) -> tuple[set[bytes], dict[str, int]]:
    """The lines of the base, and where each bead's line begins."""
    held: set[bytes] = set()
    places: dict[str, int] = {}
    with contextlib.suppress(FileNotFoundError), base.open("rb") as file:
        for raw in source.lines(file):
            if raw.data is not None:
                held.add(_digest(raw.data))
                name = _name(raw.data)
                if name is not None:
                    places[name] = raw.offset
    return held, places


def _name(data: bytes) -> str | None:
    """The id of a bead's line that can be taken; None of any other line."""
    try:
        said = jsonl.decode(data)
        if other_lines.kind_of(said) != "issue" or not said.get("id"):
            return None
        return jsonl.read_bead(said, 0, clock.now()).id
    except LineRefused:
        return None
