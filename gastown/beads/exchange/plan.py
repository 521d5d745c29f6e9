"""What will be taken of an exchange file: decided on a first reading, before anything is written.

A line costs a few words of memory until it is read again, so that the size of a file hardly matters.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown.beads import jsonl
from gastown.beads.exchange import circles, other_lines, source
from gastown.beads.exchange.rows import CHUNK
from gastown.beads.graphs import deadlocks
from gastown.beads.graphs.deadlocks import ONE_WAY, TypedEdge
from gastown.beads.jsonl import LINE_LIMIT, Line, LineRefused
from gastown.beads.models import BLOCKING_TYPES, SETTLED, Bead, BeadStatus, Dependency, DependencyType
from gastown.beads.words.configuration import PREFIX, get_config
from gastown.errors import Conflict

_HELD_TYPES = frozenset({*BLOCKING_TYPES, DependencyType.WAITS_FOR, DependencyType.PARENT_CHILD, *ONE_WAY})


class OrphansRefused(Conflict):
    """The file has children without parents, and strictness was asked for."""


class Orphans(StrEnum):
    """What becomes of a line like `gt-a1b2.3` when neither the store nor the file has `gt-a1b2`."""

    ALLOW = "allow"
    SKIP = "skip"
    STRICT = "strict"  # nothing is taken
    RESURRECT = "resurrect"  # a closed bead stands in for the parent


@dataclass(frozen=True)
class ImportOptions:
    """How a file is taken."""

    dedup: bool = False
    """Leave out a line that is titled like an open bead with another id."""
    orphans: Orphans = Orphans.ALLOW
    exact: frozenset[str] = frozenset()
    """Beads whose lines count however old they are."""


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
    deduplicated: list[str] = field(default_factory=list)
    """Titled like an open bead."""
    orphans: list[str] = field(default_factory=list)
    """Children left out for want of a parent."""
    resurrected: list[str] = field(default_factory=list)
    """Parents that closed beads stand in for."""
    same_content: list[tuple[str, str]] = field(default_factory=list)
    """New beads that say the same as another one that was there."""
    memories: int = 0
    events: int = 0
    skipped_events: int = 0


@dataclass(slots=True)
class _Best:
    """Of the lines with one id the one that is taken."""

    updated_at: datetime
    number: int
    offset: int
    is_timed: bool
    is_settled: bool
    waits: tuple[TypedEdge, ...]


@dataclass
class Plan:
    """What is read again, and what of it stays out."""

    best: dict[str, _Best] = field(default_factory=dict)
    events: "array[int]" = field(default_factory=lambda: array("Q"))
    memories: dict[str, str] = field(default_factory=dict)
    dropped: frozenset[TypedEdge] = frozenset()
    missing_parents: list[str] = field(default_factory=list)
    prefix: str = "hq"

    def lines(self, file: BinaryIO, now: datetime) -> Iterator[Line]:
        """The lines to take, in the order of the file, without the edges that stay out."""
        for best, bead_id in sorted(
            ((best, name) for name, best in self.best.items()), key=lambda each: each[0].number
        ):
            try:
                line = jsonl.parse(source.line_at(file, best.offset), best.number, now, prefix=self.prefix)
            except LineRefused:
                line = None
            if line is None or line.id != bead_id:
                raise source.FileChanged("the file changed while it was read", hint="Nothing was taken; try it again.")
            if self.dropped and best.waits:
                line.edges = [edge for edge in line.edges if _typed(edge) not in self.dropped]
            yield line


def _typed(edge: dict[str, str]) -> TypedEdge:
    return edge["issue_id"], edge["depends_on_id"], edge["type"]


def make_plan(session: Session, file: BinaryIO, now: datetime, options: ImportOptions, result: Imported) -> Plan:
    """Read the whole file once; refused and left out lines are noted in `result`."""
    plan = Plan(prefix=get_config(session, PREFIX) or "hq")
    double = _titles(session) if options.dedup else lambda _line: False
    for raw in source.lines(file):
        try:
            if raw.data is None:
                raise LineRefused(f"longer than {LINE_LIMIT // 1024 // 1024} MB")
            line = _note(plan, raw.data, raw, now)
        except LineRefused as error:
            result.refused.append((raw.number, error.message))
            continue
        if line is not None and double(line):
            result.deduplicated.append(line.id)
        elif line is not None:
            _choose(plan, line, raw, result)
    _leave_stale(session, plan, options, result)
    _settle_orphans(session, plan, options, result)
    _drop_circles(session, plan, result)
    return plan


def _note(plan: Plan, data: bytes, raw: source.Raw, now: datetime) -> Line | None:
    """The line, if it is a bead's; others are noted in the plan."""
    said = jsonl.decode(data)
    kind = other_lines.kind_of(said)
    if kind == other_lines.EVENT:
        other_lines.read_event(said)
        plan.events.append(raw.offset)
    elif kind == other_lines.MEMORY:
        key, text = other_lines.read_memory(said)
        plan.memories[key] = text
    elif kind != "_schema":
        return jsonl.read_bead(said, raw.number, now, prefix=plan.prefix)
    return None


def _titles(session: Session) -> Callable[[Line], bool]:
    """Whether a line is titled like an open bead that has another id."""
    rows = session.exec(select(Bead.id, func.lower(Bead.title)).where(Bead.status == BeadStatus.OPEN.value))
    owners: dict[str, str] = {}
    ids = set()
    for bead_id, title in rows:
        owners[title] = bead_id
        ids.add(bead_id)
    return lambda line: line.id not in ids and line.values["title"].lower() in owners


def _choose(plan: Plan, line: Line, raw: source.Raw, result: Imported) -> None:
    """Of several lines with one id the newest counts, of equally new ones the first."""
    waits = tuple(_typed(edge) for edge in line.edges if edge["type"] in _HELD_TYPES)
    is_settled = line.values["status"] in SETTLED
    is_timed = "updated_at" not in line.untimed
    new = _Best(line.values["updated_at"], raw.number, raw.offset, is_timed, is_settled, waits)
    held = plan.best.get(line.id)
    if held is None:
        plan.best[line.id] = new
        return
    taken, other = (new, held) if new.updated_at > held.updated_at else (held, new)
    plan.best[line.id] = taken
    result.refused.append((other.number, f"{line.id} is also on line {taken.number}, which is taken"))


def _leave_stale(session: Session, plan: Plan, options: ImportOptions, result: Imported) -> None:
    for part in _parts(list(plan.best)):
        for bead_id, updated_at in session.exec(select(Bead.id, Bead.updated_at).where(col(Bead.id).in_(part))):
            best = plan.best[bead_id]
            if best.is_timed and best.updated_at < updated_at and bead_id not in options.exact:
                del plan.best[bead_id]
                result.stale.append(bead_id)


def _settle_orphans(session: Session, plan: Plan, options: ImportOptions, result: Imported) -> None:
    """Find children without parents, to any depth, and do with them what was asked for."""
    if options.orphans == Orphans.ALLOW:
        return
    above = {name.rpartition(".")[0] for name in plan.best if "." in name} - {""}
    while further := {name.rpartition(".")[0] for name in above if "." in name} - above - {""}:
        above |= further
    absent = {name for name in above if name not in plan.best}
    for part in _parts(sorted(absent)):
        known = session.exec(select(Bead.id).where(col(Bead.id).in_(part))).all()
        absent -= set(known)
    if options.orphans == Orphans.RESURRECT:
        plan.missing_parents = sorted(absent)
        return
    orphans = [name for name in plan.best if any(_is_below(name, parent) for parent in absent)] if absent else []
    if orphans and options.orphans == Orphans.STRICT:
        raise OrphansRefused(
            f"{len(orphans)} beads have no parent: {', '.join(orphans[:5])}",
            hint="Nothing was taken. --orphan-handling allow, skip or resurrect says what to do with them.",
        )
    for name in orphans:
        best = plan.best.pop(name)
        result.orphans.append(name)
        result.refused.append((best.number, f"{name} has no parent {name.rpartition('.')[0]}"))


def _is_below(name: str, parent: str) -> bool:
    return name.startswith(f"{parent}.")


def _drop_circles(session: Session, plan: Plan, result: Imported) -> None:
    """Leave out new edges that make beads wait for themselves. Those of settled beads hold nobody up: they come in."""
    new = [edge for best in plan.best.values() if not best.is_settled for edge in best.waits]
    if not new:
        return
    known: set[TypedEdge] = set()
    for part in _parts([name for name, best in plan.best.items() if best.waits]):
        columns = (Dependency.issue_id, Dependency.depends_on_id, Dependency.type)
        known.update((one, two, kind) for one, two, kind in session.exec(select(*columns).where(_of(part))))
    new = [edge for edge in dict.fromkeys(new) if edge not in known]
    if not new:
        return
    settled = set(session.exec(select(Bead.id).where(col(Bead.status).in_(SETTLED))))
    for name, best in plan.best.items():
        (settled.add if best.is_settled else settled.discard)(name)
    old, new = (
        [edge for edge in edges if edge[0] not in settled and edge[1] not in settled]
        for edges in (deadlocks.list_waiting(session), new)
    )
    plan.dropped = frozenset(chosen := circles.choose_dropped(old, new))
    result.skipped_edges += [f"{one} -> {two} ({kind}): would create a cycle" for one, two, kind in chosen]


def _of(names: list[str]) -> bool:
    return col(Dependency.issue_id).in_(names)  # type: ignore[return-value]


def _parts(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))
