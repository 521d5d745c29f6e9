"""An exchange file on disk: written at once or not at all, anew only where something changed, and never made smaller
by mistake."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from gastown.beads import jsonl
from gastown.beads.exchange import exporter, marks, replacing, source
from gastown.beads.exchange.exporter import ExportOptions
from gastown.beads.exchange.other_lines import EVENT, MEMORY, kind_of
from gastown.beads.jsonl import LineRefused
from gastown.beads.words.memory import MEMORIES
from gastown.errors import Refused, Unavailable
from gastown.events import Event, EventKind

_SHOWN = 5
_ID = re.compile(rb'\{"id":"([^"\\]+)"')


class WouldShrink(Refused):
    """The file holds what the store does not; writing it would lose that."""


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    path: str
    number: int
    """Beads in the file."""
    rendered: int
    """Beads whose lines were made anew; the others were taken from the file as it was."""
    is_changed: bool
    """False: the file held all this already, and was not touched."""
    seal: tuple[int, ...] = ()
    """What tells whether somebody wrote to the file after this."""


@dataclass
class _Held:
    """What a file holds that somebody else may have written."""

    beads: dict[str, str] = field(default_factory=dict)
    """The time of the last change, as the line says it, by id."""
    memories: set[str] = field(default_factory=set)
    events: int = 0
    unreadable: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """Where an export goes."""

    path: Path
    state: Path | None = None
    """The folder of the store, for what is remembered of earlier exports; None remembers nothing."""
    allow_shrink: bool = False


def export_file(session: Session, target: Target, options: ExportOptions = exporter.WHOLE) -> Exported:
    """Write the store to a file. Where it wrote the file before, only what changed since is made anew.

    Refuses to replace a file that holds beads, newer versions of beads, or lines that nobody can read, which would be
    lost, unless shrinking is allowed; and never replaces a file of beads by one without any.
    """
    names = exporter.choose(session, options)
    if replacing.is_stream(target.path):
        lines = exporter.export_lines(session, options=options)
        replacing.stream(target.path, lines)
        return Exported(str(target.path), len(names), len(names), True)
    path = Path(os.path.realpath(target.path))
    asked, store = json.dumps(asdict(options), sort_keys=True), store_name(session)
    mark = marks.take_mark(session)
    before = marks.find_written(target.state, path, asked, store)
    changes = marks.changes_since(session, before) if before is not None else None
    if changes is not None and not changes:
        return Exported(str(target.path), len(names), 0, False, marks.seal(path))
    if changes is None:
        _guard(session, path, options, names, target.allow_shrink)
    counted: list[int] = []
    lines = _lines(session, path, options, list(names), changes, counted)
    is_changed = replacing.replace(target.path, lines)
    sealed = marks.seal(path)
    if mark is not None:
        marks.note_written(target.state, marks.Written(str(path), asked, sealed, mark, store))
    return Exported(str(target.path), len(names), sum(counted), is_changed, sealed)


def store_name(session: Session) -> str:
    """Which store this is: two may write to one file."""
    url = session.get_bind().engine.url
    return url.render_as_string(hide_password=True)


def _lines(
    session: Session,
    path: Path,
    options: ExportOptions,
    names: list[str],
    changes: marks.Changes | None,
    counted: list[int],
) -> Iterator[str]:
    held = _places(path) if changes is not None else {}
    fresh = [name for name in names if name not in held or changes is None or name in changes.beads]
    counted.append(len(fresh))
    made = exporter.bead_lines(session, fresh)
    if changes is None:
        for _, line in made:
            yield line
        yield from exporter.tail_lines(session, options)
        return
    anew = set(fresh)
    with path.open("rb") as file:
        for name in names:
            if name in anew:
                yield next(made)[1]
            else:
                yield source.line_at(file, held[name]).decode() + "\n"
    if options.memories or options.everything:
        yield from exporter.memory_lines(session)
    if options.everything and options.is_whole:
        yield from _kept_events(path)
        yield from exporter.event_lines(session, changes.among)


def _places(path: Path) -> dict[str, int]:
    """Where each bead's line begins, in a file of ours."""
    found = {}
    with path.open("rb") as file:
        for raw in source.lines(file):
            match = _ID.match(raw.data or b"")
            if match is not None:
                found[match[1].decode()] = raw.offset
    return found


def _kept_events(path: Path) -> Iterator[str]:
    beginning = json.dumps({"_type": EVENT}, separators=(",", ":"))[:-1].encode()
    with path.open("rb") as file:
        for raw in source.lines(file):
            if raw.data is not None and raw.data.startswith(beginning):
                yield raw.data.decode() + "\n"


def _guard(session: Session, path: Path, options: ExportOptions, names: Mapping[str, datetime], allow: bool) -> None:
    if path.is_dir():
        raise Unavailable(f"cannot write {path}: it is a folder", hint="Name a file.")
    if not path.exists():
        return
    held = _survey(path)
    if held.beads and not names:
        raise WouldShrink(
            f"{path} holds {len(held.beads)} beads and this store has none to write",
            hint=f"Take them in first: bd import {path}; or write to another file.",
        )
    if allow:
        return
    if held.unreadable:
        shown = ", ".join(map(str, held.unreadable[:_SHOWN]))
        raise WouldShrink(
            f"{path} holds {len(held.unreadable)} lines that are no beads (line {shown}), which would be lost",
            hint="Mend them (`bd import --dry-run` says what is wrong), or add --allow-shrink.",
        )
    _guard_beads(session, path, names, held)
    _guard_others(session, path, options, held)


def _guard_beads(session: Session, path: Path, names: Mapping[str, datetime], held: _Held) -> None:
    gone = _gone(session)
    only = sorted(name for name in held.beads if name not in names and name not in gone)
    if only:
        raise WouldShrink(
            f"{path} holds {len(only)} beads that would be lost: {', '.join(only[:_SHOWN])}"
            f"{', ...' if len(only) > _SHOWN else ''}",
            hint=f"Take them in first: bd import {path}; write wisps and the like with --all; or add --allow-shrink.",
        )
    newer = sorted(name for name, said in held.beads.items() if name in names and _is_newer(said, names[name]))
    if newer:
        raise WouldShrink(
            f"{path} holds newer versions of {len(newer)} beads: {', '.join(newer[:_SHOWN])}"
            f"{', ...' if len(newer) > _SHOWN else ''}",
            hint=f"Take them in first: bd import {path} (or `bd sync`); or add --allow-shrink.",
        )


def _guard_others(session: Session, path: Path, options: ExportOptions, held: _Held) -> None:
    lost = []
    if held.events and not (options.everything and options.is_whole):
        lost.append(f"{held.events} events")
    known = _known_keys(session) if held.memories and (options.memories or options.everything) else set()
    missing = len(held.memories - known)
    if missing:
        lost.append(f"{missing} memories")
    if lost:
        raise WouldShrink(
            f"{path} holds {' and '.join(lost)} that would be lost",
            hint=f"Export with --all, take them in first (bd import {path}), or add --allow-shrink.",
        )


def _gone(session: Session) -> set[str]:
    """The ids that this store had and gave up: purged and renamed beads."""
    kinds = (EventKind.BEAD_PURGED, EventKind.BEAD_RENAMED)
    rows = session.execute(select(Event.kind, Event.bead_id, Event.payload).where(col(Event.kind).in_(kinds)))
    return {
        str(bead_id) if kind == EventKind.BEAD_PURGED else str(payload.get("was")) for kind, bead_id, payload in rows
    }


def _known_keys(session: Session) -> set[str]:
    """Every memory's key that this store has or had."""
    rows = session.exec(select(Event.payload).where(Event.kind == EventKind.STORE_CONFIGURED))
    said = {str(payload.get("key")) for payload in rows}
    return {key.removeprefix(MEMORIES) for key in said if key.startswith(MEMORIES)}


def _is_newer(said: str, known: datetime) -> bool:
    moment, _ = jsonl.parse_time(said)
    return moment is not None and moment > known


def _survey(path: Path) -> _Held:
    held = _Held()
    try:
        with path.open("rb") as file:
            for raw in source.lines(file):
                if raw.data is None or not _survey_line(raw.data, held):
                    held.unreadable.append(raw.number)
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}", hint="Nothing was changed.") from None
    return held


def _survey_line(data: bytes, held: _Held) -> bool:
    """Note what the line holds; False when nobody can read it."""
    try:
        said: dict[str, Any] = jsonl.decode(data)
        kind = kind_of(said)
        if kind == EVENT:
            held.events += 1
        elif kind == MEMORY:
            held.memories.add(str(said.get("key")))
        elif kind != "_schema":
            moment = said.get("updated_at") or said.get("created_at")
            if isinstance(moment, str):
                jsonl.parse_time(moment)
            held.beads[str(said.get("id"))] = moment if isinstance(moment, str) else "1970-01-01T00:00:00Z"
    except LineRefused:
        return False
    return True
