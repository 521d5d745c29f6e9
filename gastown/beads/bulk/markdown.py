"""New beads from a Markdown page: each heading of level 2 is one, those of level 3 below it name its fields."""

import re
from dataclasses import dataclass, field

from gastown.beads.errors import BadField

_HEADING = re.compile(r"(#{2,3})\s+(.*?)\s*#*\s*")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_BULLET = re.compile(r"\s*[-*+]\s+")
_FIELDS = {
    "priority": "priority",
    "type": "issue_type",
    "description": "description",
    "design": "design",
    "acceptance criteria": "acceptance_criteria",
    "assignee": "assignee",
    "labels": "labels",
    "dependencies": "deps",
}
_LISTS = ("labels", "deps")


@dataclass
class Draft:
    """One bead of the page: its title, and its fields as texts or lists of words."""

    title: str
    line: int
    texts: dict[str, str] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)


def read_page(text: str) -> list[Draft]:
    """The beads that a page describes; refuses unknown fields and a page without any bead."""
    drafts: list[Draft] = []
    name, lines, fence = "", list[str](), ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if mark is not None and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        heading = None if fence or mark else _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        _keep(drafts, name, lines)
        lines = []
        if len(heading[1]) == 2:
            drafts.append(Draft(heading[2], number))
            name = "description"
        else:
            name = _field(heading[2], number, bool(drafts))
    _keep(drafts, name, lines)
    if not drafts:
        raise BadField("no issues found in the file", hint="Begin each with a heading of level 2: ## Title")
    return drafts


def _field(heading: str, number: int, is_inside: bool) -> str:
    name = _FIELDS.get(heading.strip().lower())
    if name is None:
        known = ", ".join(word.title() for word in _FIELDS)
        raise BadField(f"line {number}: no field is called {heading[:60]!r}", hint=f"Known: {known}.")
    if not is_inside:
        raise BadField(f"line {number}: a field before the first title", hint="Begin with ## Title.")
    return name


def _keep(drafts: list[Draft], name: str, lines: list[str]) -> None:
    if not drafts:
        return  # what stands before the first title introduces the page
    draft, text = drafts[-1], "\n".join(lines).strip()
    if name in _LISTS:
        parts = (_BULLET.sub("", line, count=1) for line in lines)
        draft.words[name] = tuple(word.strip() for part in parts for word in part.split(",") if word.strip())
    elif text:
        said = draft.texts.get(name)
        draft.texts[name] = f"{said}\n\n{text}" if said else text
