"""An exchange file that was taken already: known by its bytes, as long as nothing changed in the store since."""

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from sqlmodel import Session

from gastown.beads.exchange import importer, marks, source
from gastown.beads.exchange.files import store_name
from gastown.beads.exchange.marks import Mark
from gastown.beads.exchange.plan import Imported, ImportOptions

_NAME = "taken.json"
_MOST = 8  # files that are remembered; of more, the newest


def import_file(
    session: Session, data: bytes | BinaryIO, folder: Path, *, actor: str, options: ImportOptions
) -> Imported:
    """As `import_lines`, and at once where the same bytes were taken before and nothing has changed since.

    What is remembered is kept in `folder`, beside the store. It names an event of the import: should that be rolled
    back, nobody finds it again, and the file is looked at line by line.
    """
    with source.seekable(data) as file:
        seen = _digest(file, f"{store_name(session)} {options}")
        taken = _find_taken(session, folder, seen)
        if taken is not None:
            return taken
        result = importer.import_lines(session, file, actor=actor, options=options)
        session.flush()
        _note_taken(folder, seen, marks.take_mark(session), result)
    return result


def _digest(file: BinaryIO, how: str) -> str:
    """The file's bytes, and by which store and how they are taken, in a word; leaves the file at its beginning."""
    found = hashlib.sha256(how.encode())
    file.seek(0)
    while piece := file.read(1 << 20):
        found.update(piece)
    file.seek(0)
    return found.hexdigest()


def _find_taken(session: Session, folder: Path, seen: str) -> Imported | None:
    """What taking the file once more comes to, if it was taken whole and no bead or key has changed since."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        said = _load(folder)[seen]
        mark = Mark(said["event"], said["at"], tuple(tuple(gap) for gap in said["gaps"]))
        changes = marks.changes_since(session, mark)
        if changes is not None and not changes:
            return Imported(unchanged=int(said["beads"]))
    return None


def _note_taken(folder: Path, seen: str, mark: Mark | None, result: Imported) -> None:
    """Remember a file of which every line was taken; anything else is looked at line by line each time."""
    beads = len(result.created) + len(result.updated) + result.unchanged
    if mark is None or result != Imported(created=result.created, updated=result.updated, unchanged=result.unchanged):
        return
    held: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        held = _load(folder)
    held.pop(seen, None)
    held[seen] = {**asdict(mark), "beads": beads}
    path = folder / marks.FOLDER / _NAME
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        waiting = path.with_suffix(".new")
        waiting.write_text(json.dumps(dict(list(held.items())[-_MOST:])))
        waiting.replace(path)


def _load(folder: Path) -> dict[str, Any]:
    said = json.loads((folder / marks.FOLDER / _NAME).read_bytes())
    if not isinstance(said, dict):
        raise ValueError("not an object")
    return said
