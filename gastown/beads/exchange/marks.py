"""What changed since a file was written: the log says it, from a mark that is kept beside the store."""

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import or_, text
from sqlmodel import Session, col, select

from gastown.db import is_sqlite
from gastown.events import Event, EventKind

# Below this distance from the newest event a number that was given may still be written (PostgreSQL).
_LOOK_BACK = 200_000
_MOST_GAPS = 500
# After one of these a file is written anew: lines go, or other beads than the event's change.
_UPSETTING = frozenset({EventKind.BEAD_PURGED, EventKind.BEAD_RENAMED})
FOLDER = "export-state"


@dataclass(frozen=True)
class Mark:
    """A place in the log."""

    event: int
    at: str
    gaps: tuple[tuple[int, int], ...] = ()
    """Numbers before it that were given and not written yet, or never: first and last of each span."""


@dataclass(frozen=True)
class Written:
    """A file as this store wrote it."""

    path: str
    options: str
    seal: tuple[int, ...]
    mark: Mark
    store: str


def take_mark(session: Session) -> Mark | None:
    """Where the log is now; None where that cannot be said with few words."""
    newest = session.exec(select(Event).order_by(col(Event.id).desc()).limit(1)).first()
    if newest is None or newest.id is None:
        return Mark(0, "")
    gaps: tuple[tuple[int, int], ...] = ()
    if not is_sqlite(session):  # SQLite gives numbers in the order of commits
        gaps = tuple((first, last) for first, last in session.execute(_GAPS, {"low": newest.id - _LOOK_BACK}))
        if len(gaps) > _MOST_GAPS:
            return None
    return Mark(newest.id, newest.at.isoformat(), gaps)


_GAPS = text(
    f"""
SELECT before + 1, id - 1
  FROM (SELECT id, lag(id) OVER (ORDER BY id) AS before FROM events WHERE id > :low) numbers
 WHERE id - before > 1 LIMIT {_MOST_GAPS + 1}
"""  # noqa: S608 - constants only
)


@dataclass(frozen=True)
class Changes:
    """What a file lacks since its mark."""

    beads: frozenset[str] = field(default_factory=frozenset)
    among: Any = None
    """The condition on the rows of the log."""
    others: bool = False
    """Something else than a bead changed: keys of the store, memories among them."""

    def __bool__(self) -> bool:
        return bool(self.beads) or self.others


def changes_since(session: Session, mark: Mark) -> Changes | None:
    """What changed since; None when only a look at everything can tell."""
    if mark.event:
        held = session.get(Event, mark.event)
        if held is None or held.at.isoformat() != mark.at:
            return None  # another store, or an older copy of this one
    since = [col(Event.id) > mark.event, *(col(Event.id).between(*gap) for gap in mark.gaps)]
    among = or_(*since)
    rows = session.execute(select(Event.bead_id, Event.kind).where(among).distinct()).all()
    kinds = {kind for _, kind in rows}
    if kinds & _UPSETTING:
        return None
    beads = frozenset(bead_id for bead_id, _ in rows if bead_id is not None)
    return Changes(beads, among, EventKind.STORE_CONFIGURED in kinds)


def seal(path: Path) -> tuple[int, ...]:
    """What changes when anybody writes to the file."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _state_file(folder: Path, path: Path) -> Path:
    return folder / FOLDER / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.json"


def find_written(folder: Path | None, path: Path, options: str, store: str) -> Mark | None:
    """The mark of the file, if it is as this store wrote it with the same options; None otherwise."""
    if folder is None:
        return None
    try:
        said = json.loads(_state_file(folder, path).read_bytes())
        mark = Mark(**{**said.pop("mark"), "gaps": tuple(tuple(gap) for gap in said["gaps"])})
        expected = (str(path), options, list(seal(path)), store)
        if (said["path"], said["options"], said["seal"], said["store"]) == expected:
            return mark
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def note_written(folder: Path | None, written: Written) -> None:
    """Keep the mark; where that is not possible the next export looks at everything."""
    if folder is None:
        return
    file = _state_file(folder, Path(written.path))
    said = asdict(written)
    said["gaps"] = said["mark"].pop("gaps")
    with contextlib.suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        waiting = file.with_suffix(".new")
        waiting.write_text(json.dumps(said))
        waiting.replace(file)
