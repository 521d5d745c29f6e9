"""Writing the store as an exchange file."""

import json
from collections.abc import Iterator

from sqlmodel import Session, col, select

from gastown.beads.models import INFRA_TYPES, Bead
from gastown.beads.queries import load_relations
from gastown.beads.rendering import line_json

_CHUNK = 1000


def export_lines(session: Session, *, everything: bool = False) -> Iterator[str]:
    """Each bead as a line, sorted by id, tombstones and dangling edges included.

    Without `everything` wisps, templates and the town's own beads (agents, rigs, roles, messages) are left out.
    """
    query = select(Bead.id)
    if not everything:
        query = query.where(
            col(Bead.issue_type).not_in(INFRA_TYPES), col(Bead.is_template).is_(False), col(Bead.ephemeral).is_(False)
        )
    names = sorted(session.exec(query).all())  # by code point, whatever the database's collation is
    for start in range(0, len(names), _CHUNK):
        part = names[start : start + _CHUNK]
        beads = {bead.id: bead for bead in session.exec(select(Bead).where(col(Bead.id).in_(part)))}
        found = load_relations(session, part, comments=True)
        for name in part:
            line = line_json(
                beads[name], found.labels.get(name, ()), found.edges.get(name, ()), found.comments.get(name, ())
            )
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
        session.expunge_all()
