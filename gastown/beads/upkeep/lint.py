"""What a bead's text lacks: the sections that its type asks for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gastown.beads.models import Bead

_ACCEPTANCE = "Acceptance Criteria"
SECTIONS: dict[str, tuple[str, ...]] = {
    "bug": ("Steps to Reproduce", _ACCEPTANCE),
    **dict.fromkeys(("task", "feature", "story"), (_ACCEPTANCE,)),
    "epic": ("Success Criteria",),
    "decision": ("Decision", "Rationale", "Alternatives Considered"),
    "spike": ("Goal", "Findings"),
}
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t:]*#*[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Lint:
    """What one bead lacks."""

    bead: Bead
    missing: list[str]

    def as_json(self) -> dict[str, Any]:
        """The finding as `--json` shows it."""
        return {
            "id": self.bead.id,
            "title": self.bead.title,
            "type": self.bead.issue_type,
            "missing": self.missing,
            "warnings": len(self.missing),
        }


def lint_text(issue_type: str, description: str, acceptance_criteria: str = "") -> list[str]:
    """The sections that a bead of this type lacks: headings in its description, in the order in which they are asked.

    The field for acceptance criteria stands for the section of that name.
    """
    found = {heading.strip().lower() for heading in _HEADING.findall(description)}
    if acceptance_criteria.strip():
        found.add(_ACCEPTANCE.lower())
    return [name for name in SECTIONS.get(issue_type, ()) if name.lower() not in found]


def lint(beads: Iterable[Bead]) -> list[Lint]:
    """Those of these beads that lack something."""
    found = (Lint(bead, lint_text(bead.issue_type, bead.description, bead.acceptance_criteria)) for bead in beads)
    return [each for each in found if each.missing]
