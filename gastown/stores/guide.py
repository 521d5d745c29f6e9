"""What a project's AGENTS.md says about beads: one section of ours, and the rest as it is."""

from pathlib import Path

from gastown.stores import sections
from gastown.stores.sections import Section

FILE = "AGENTS.md"
GUIDE = Section(
    "<!-- BEGIN BEADS INTEGRATION -->",
    "<!-- END BEADS INTEGRATION -->",
    """\
## Work is tracked with beads

Use `bd` for all work items; keep no lists in Markdown. `bd prime` explains the workflow.

    bd ready --json                 what can be started now
    bd ready --claim --json         take the next one
    bd create "Title" -t bug -p 1   file what you find (link it: --deps discovered-from:ID)
    bd close ID -r "What was done"  when it is done
""",
)


def write_guide(project: Path) -> bool:
    """Put our section into the project's AGENTS.md, or bring it up to date; False when it is as it should be."""
    return sections.put(project / FILE, GUIDE)
