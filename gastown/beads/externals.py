"""What other projects provide: `external:<project>:<capability>` is there once a closed bead is labelled so.

A project is a rig of this database (by name or prefix), or a store elsewhere that the key `external_projects` names:
a JSON object of project -> path. Those are read when somebody asks what is ready, never written, never remembered; a
store that is missing or cannot be read provides nothing.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import column, select, table
from sqlmodel import Session, col

from gastown.beads.models import EXTERNAL, Bead, BeadStatus, ConfigEntry, Label
from gastown.config import find_folder, follow
from gastown.db.engine import read_file
from gastown.errors import GastownError

PROVIDES = "provides:"
PROJECTS = "external_projects"
_DATABASE = "beads.db"
_WAIT_S = 2.0  # for a writer of the other store
_RIGS = table("rigs", column("name"), column("prefix"))  # a sibling's table, by name: a capability names a rig
_ELSEWHERE = """
SELECT DISTINCT l.label FROM labels l JOIN beads b ON b.id = l.bead_id
 WHERE b.status = 'closed' AND l.label >= 'provides:' AND l.label < 'provides;'
"""


def is_rig(session: Session, prefix: str) -> bool:
    """Whether a rig of this database has the prefix."""
    return session.execute(select(_RIGS.c.name).where(_RIGS.c.prefix == prefix).limit(1)).first() is not None


def provided_among(session: Session, targets: Iterable[str]) -> set[str]:
    """Those of the external targets that are provided now; each project is asked once."""
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for target in targets:
        project, _, capability = target.removeprefix(EXTERNAL).partition(":")
        wanted[project][PROVIDES + capability] = target
    paths = projects(session) if wanted else {}
    found: set[str] = set()
    for project, labels in wanted.items():
        here = set(_provided_here(session, project, labels))
        if project in paths and len(here) < len(labels):
            here |= provided_by(paths[project])
        found.update(target for label, target in labels.items() if label in here)
    return found


def _provided_here(session: Session, project: str, labels: Iterable[str]) -> Iterator[str]:
    prefixes = select(_RIGS.c.prefix).where(_RIGS.c.name == project)
    yield from session.execute(
        select(col(Label.label))
        .join(Bead, col(Bead.id) == col(Label.bead_id))
        .where(
            col(Label.label).in_(sorted(labels)),
            col(Bead.status) == BeadStatus.CLOSED,
            (col(Bead.prefix) == project) | col(Bead.prefix).in_(prefixes),
        )
        .distinct()
    ).scalars()


def projects(session: Session) -> Mapping[str, Path]:
    """Where the stores of other projects are, by name. Relative paths start where this store's repository is."""
    entry = session.get(ConfigEntry, PROJECTS)
    try:
        said = json.loads(entry.value) if entry is not None else {}
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        return {}
    file = session.get_bind().engine.url.database or ""
    base = Path(file).parent.parent if os.path.isabs(file) else Path("/")
    return {name: base / Path(path).expanduser() for name, path in said.items() if isinstance(path, str) and path}


def provided_by(path: Path) -> set[str]:
    """The `provides:` labels of closed beads in the store at `path`, or of the repository there; none where none is."""
    try:
        folder = follow(path if path.name == ".beads" else find_folder(path) or path)
        file = folder / _DATABASE
        if not file.is_file():
            return set()
        return {str(label) for (label,) in read_file(file, _ELSEWHERE, wait_s=_WAIT_S)}
    except (OSError, ValueError, GastownError):
        return set()
