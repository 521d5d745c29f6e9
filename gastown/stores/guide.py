"""What a project's AGENTS.md says about beads: one section of ours between two marks, and the rest as it is."""

from pathlib import Path

from gastown.errors import Invalid
from gastown.stores.layout import replace_text

FILE = "AGENTS.md"
BEGIN = "<!-- BEGIN BEADS INTEGRATION -->"
END = "<!-- END BEADS INTEGRATION -->"
_SECTION = f"""\
{BEGIN}
## Work is tracked with beads

Use `bd` for all work items; keep no lists in Markdown. `bd prime` explains the workflow.

    bd ready --json                 what can be started now
    bd ready --claim --json         take the next one
    bd create "Title" -t bug -p 1   file what you find (link it: --deps discovered-from:ID)
    bd close ID -r "What was done"  when it is done
{END}
"""


class TornMarks(Invalid):
    """A file holds one of our two marks, or has them in the wrong order."""


def write_guide(project: Path) -> bool:
    """Put our section into the project's AGENTS.md, or bring it up to date; False when it is as it should be."""
    path = project / FILE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = with_section(before)
    if after == before:
        return False
    replace_text(path, after)
    return True


def with_section(text: str) -> str:
    """`text` with our section in it, once."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 and end < 0:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + _SECTION
    if begin < 0 or end < begin:
        raise TornMarks(f"{FILE} holds only one of the marks of our section", hint=f"Put {BEGIN} before {END}.")
    return text[:begin] + _SECTION.rstrip("\n") + text[end + len(END) :]
