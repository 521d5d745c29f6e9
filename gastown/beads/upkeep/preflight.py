"""What is left to do before work is pushed."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from gastown.beads.models import Bead, BeadStatus
from gastown.beads.upkeep.lint import lint
from gastown.beads.upkeep.orphans import find_mentioned

_SHOWN = 5


@dataclass(frozen=True)
class Check:
    """One thing that should be done before a push."""

    name: str
    left: list[str]
    """What is not done yet."""
    advice: str

    def as_json(self) -> dict[str, Any]:
        """The check as `--json` shows it."""
        return {"name": self.name, "ok": not self.left, "left": self.left, "advice": self.advice if self.left else ""}

    @property
    def summary(self) -> str:
        """One line of what is left."""
        more = f" and {len(self.left) - _SHOWN} more" if len(self.left) > _SHOWN else ""
        return ", ".join(self.left[:_SHOWN]) + more


def preflight(
    session: Session, *, actor: str, mentions: dict[str, tuple[str, str]], uncommitted: list[str]
) -> list[Check]:
    """What `actor` has in hand, what commits name and is open, what lacks sections, and what git has not got."""
    mine = session.exec(
        select(Bead)
        .where(Bead.status == BeadStatus.IN_PROGRESS.value, Bead.assignee == actor)
        .order_by(col(Bead.priority), col(Bead.id))
    ).all()
    return [
        Check("files", uncommitted, "Commit them, or ignore them."),
        Check("work in hand", [bead.id for bead in mine], "`bd close ID -r WHY`, or `bd update ID --status open`."),
        Check(
            "beads that commits name",
            [found.bead.id for found in find_mentioned(session, mentions)],
            "Close those whose work is done: `bd orphans` shows the commits.",
        ),
        Check("missing sections", [found.bead.id for found in lint(mine)], "`bd lint` says which."),
    ]
