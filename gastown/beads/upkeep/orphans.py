"""Commits that name beads which are still open: work that may be done."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from gastown import git
from gastown.beads.models import SETTLED, Bead
from gastown.beads.queries import CHUNK

# (app-a1b2) anywhere in a message, or a line of its own: `Bead: app-a1b2`.
_MENTION = re.compile(r"\(([A-Za-z][\w.-]*-[\w.-]+)\)|^(?:Bead|Issue): ([A-Za-z][\w.-]*-[\w.-]+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Orphan:
    """An open bead that a commit names."""

    bead: Bead
    commit: str
    subject: str

    def as_json(self) -> dict[str, Any]:
        """The finding as `--json` shows it."""
        return {
            "issue_id": self.bead.id,
            "title": self.bead.title,
            "status": self.bead.status,
            "latest_commit": self.commit,
            "latest_commit_message": self.subject,
        }


def read_mentions(repo: Path) -> dict[str, tuple[str, str]]:
    """By id: the newest commit of the repository at `repo` that names it, and the commit's subject."""
    found: dict[str, tuple[str, str]] = {}
    for commit in git.read_messages(repo):
        for match in _MENTION.finditer(commit.message):
            found.setdefault(match[1] or match[2], (commit.oid, commit.subject))
    return found


def find_mentioned(session: Session, mentions: dict[str, tuple[str, str]]) -> list[Orphan]:
    """Those of the beads that commits name which are not settled."""
    return [
        Orphan(bead, *mentions[bead.id])
        for bead in sorted(_open(session, list(mentions)), key=lambda bead: (bead.priority, bead.id))
    ]


def _open(session: Session, ids: list[str]) -> Iterable[Bead]:
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        yield from session.exec(select(Bead).where(col(Bead.id).in_(part), col(Bead.status).not_in(SETTLED)))
