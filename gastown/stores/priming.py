"""What `bd prime` tells an agent at the start of its work."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gastown.stores import sections

OVERRIDE = "PRIME.md"
# Notes are shown at every start: what is longer is named only, and `bd recall` prints it.
_MEMORY_SHOWN = 400
_MEMORIES_SHOWN = 50

_SHORT = """\
# Beads

Work is tracked with beads, through the `beads` tools: `ready` finds work, `claim` takes it, `create` files what you
find, `close` ends it. Keep no lists of your own.
"""

_FULL = """\
# Beads

Work is tracked as beads, with `bd`. Keep no lists of your own, in Markdown or elsewhere.

## Rules and conventions
- Find work with `bd ready`; take it with `bd ready --claim` or `bd update ID --claim`: of many callers one gets it.
- File what you find on the way: `bd create "Title" -d "What, and how to see it" --deps discovered-from:ID`.
- What must wait says so: `bd dep add ID DEPENDS_ON`. `bd blocked` shows what waits for what.
- Priorities are 0 (most urgent) to 4; types are bug, feature, task, epic, chore and more (`bd types`).
{closing}

## Commands
    bd ready [--json]                    what can be started now
    bd show ID                           one bead in full
    bd list --status open -l LABEL       by fields; `bd search WORDS` for text, `bd query EXPR` for both
    bd update ID --status in_progress    change fields; --append-notes for what you learnt
    bd comment ID TEXT                   a remark
    bd dep tree ID                       what it stands on
    bd close ID -r REASON                close it; --suggest-next says what that sets free

All commands take --json. Ids may be shortened to a part that fits one bead only.

## Quality Tools
`bd lint` finds beads without the sections that their type needs; `bd preflight` says what is left before a push;
`bd orphans` finds commits that name open beads; `bd doctor` checks the store.

## Lifecycle & Hygiene
`bd defer ID --until +2d` puts off; `bd supersede ID --with NEW` replaces; `bd stale` lists what nobody touched;
`bd human list` shows what waits for a person.

## Structured Workflows
`bd formula list` shows workflows; `bd mol pour NAME` starts one; `bd mol current` says where you are in it;
`bd close STEP --continue` goes on to the next step.

## Memory
`bd remember "..."` keeps a note for whoever works here next.
{memories}
## Before you end a session
{ending}
"""

_CLOSING = {
    True: "- A bead that was slung to you closes when its work lands: finish with `gt done`, never with `bd close`.\n"
    '- Other beads: `bd close ID -r "What was done"`.',
    False: '- When it is done: `bd close ID -r "What was done"`.',
}
_ENDING = {
    True: "1. File beads for what is left.\n2. Commit your work.\n"
    "3. `gt done` submits it; `gt handoff -m NOTE` passes it on unfinished.",
    False: "1. File beads for what is left.\n2. Close what is done; update what is not.\n"
    "3. Commit your work, and `bd export -o .beads/issues.jsonl` if the project keeps that file in git.",
}
_STEALTH_ENDING = "1. File beads for what is left.\n2. Close what is done; update what is not."


@dataclass(frozen=True)
class Occasion:
    """Who is told, and where."""

    is_town: bool
    is_short: bool = False
    """Tools do the work (an MCP server): a few words are enough."""
    is_stealth: bool = False
    """No word of git."""


def prime_text(occasion: Occasion, memories: Mapping[str, str]) -> str:
    """The text of the workflow, with the notes that earlier users left."""
    if occasion.is_short:
        return _SHORT + _notes(memories)
    ending = _STEALTH_ENDING if occasion.is_stealth else _ENDING[occasion.is_town]
    return _FULL.format(closing=_CLOSING[occasion.is_town], memories=_notes(memories), ending=ending)


def own_text(folders: list[Path]) -> str | None:
    """The text that a `PRIME.md` in one of these folders says instead; the first counts."""
    for folder in folders:
        if (folder / OVERRIDE).is_file():
            return sections.read(folder / OVERRIDE)
    return None


def _notes(memories: Mapping[str, str]) -> str:
    if not memories:
        return ""
    lines = []
    for key, text in list(memories.items())[:_MEMORIES_SHOWN]:
        line = " ".join(text.split())
        lines.append(f"- {key}: {line}" if len(line) <= _MEMORY_SHOWN else f"- {key}: long; `bd recall {key}`")
    if len(memories) > _MEMORIES_SHOWN:
        lines.append(f"- and {len(memories) - _MEMORIES_SHOWN} more: `bd memories`")
    return "\nKept by earlier users:\n" + "\n".join(lines) + "\n"
