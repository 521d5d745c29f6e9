"""The sections that a new bead's text should have, where the store or the caller wants them."""

from sqlmodel import Session

from gastown.beads.errors import BadField
from gastown.beads.models import Bead
from gastown.beads.upkeep.lint import lint_text
from gastown.beads.words.configuration import get_config

ON_CREATE = "validation.on-create"


def check_sections(session: Session, bead: Bead, *, strict: bool = False) -> list[str]:
    """What a bead's text lacks, for a warning; refuses it where `strict` or the store wants whole texts."""
    wanted = "error" if strict else get_config(session, ON_CREATE)
    if wanted not in ("warn", "error"):
        return []
    missing = lint_text(bead.issue_type, bead.description, bead.acceptance_criteria)
    if missing and wanted == "error":
        raise BadField(
            f"missing sections for a {bead.issue_type}: {', '.join(missing)}",
            hint="Add them to the description as headings: ## " + missing[0],
        )
    return missing
