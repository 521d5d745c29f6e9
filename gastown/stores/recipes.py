"""What `bd setup` writes so that an agent or an editor works with beads: a section in the file that it reads.

Claude Code and Gemini CLI also run commands at the start of a session; there `bd prime` is entered as such a hook.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gastown.errors import Invalid, NotFound
from gastown.stores import sections
from gastown.stores.guide import GUIDE
from gastown.stores.layout import replace_text

PRIME = "bd prime --hook-json"
_FRONT = "---\ndescription: Work is tracked with beads\nalwaysApply: true\n---\n"


class NoSuchRecipe(NotFound):
    """No agent or editor of that name."""


class BadSettingsFile(Invalid):
    """A settings file that is no JSON object."""


@dataclass(frozen=True)
class Recipe:
    """How one agent or editor is told."""

    title: str
    file: str
    """What it reads, in the project."""
    hooks: tuple[str, tuple[str, ...]] | None = None
    """The settings file, and the events at which it runs a command."""
    front: str = ""
    """What a new file of its kind begins with."""
    note: str = ""


RECIPES: dict[str, Recipe] = {
    "claude": Recipe("Claude Code", "CLAUDE.md", (".claude/settings.json", ("SessionStart", "PreCompact"))),
    "gemini": Recipe("Gemini CLI", "GEMINI.md", (".gemini/settings.json", ("SessionStart", "PreCompress"))),
    "codex": Recipe("Codex", "AGENTS.md"),
    "factory": Recipe("Factory Droid", "AGENTS.md"),
    "mux": Recipe("Mux", "AGENTS.md"),
    "opencode": Recipe("OpenCode", "AGENTS.md"),
    "cursor": Recipe("Cursor", ".cursor/rules/beads.mdc", front=_FRONT),
    "copilot": Recipe("GitHub Copilot", ".github/copilot-instructions.md"),
    "windsurf": Recipe("Windsurf", ".windsurf/rules/beads.md"),
    "cody": Recipe("Cody", ".cody/rules/beads.md"),
    "kilocode": Recipe("Kilo Code", ".kilocode/rules/beads.md"),
    "junie": Recipe("Junie", ".junie/guidelines.md"),
    "aider": Recipe("Aider", "CONVENTIONS.md", note="Start it with `aider --read CONVENTIONS.md`."),
}


def find_recipe(name: str) -> Recipe:
    """The recipe of this name; refuses unknown ones."""
    if name not in RECIPES:
        raise NoSuchRecipe(f"no recipe {name[:40]!r}", hint=f"Known: {', '.join(RECIPES)}.")
    return RECIPES[name]


def is_set_up(project: Path, recipe: Recipe) -> bool:
    """Whether everything of the recipe is in the project as this version writes it."""
    text = sections.read(project / recipe.file)
    is_told = sections.has_section(text, GUIDE) and sections.with_section(text, GUIDE, where=recipe.file) == text
    if recipe.hooks is None:
        return is_told
    settings = _settings(project / recipe.hooks[0])
    return is_told and all(_has_hook(settings, event) for event in recipe.hooks[1])


def set_up(project: Path, recipe: Recipe) -> list[str]:
    """Write what the recipe says; return the files that changed. Safe to repeat; what others wrote stays."""
    changed = []
    path = project / recipe.file
    if recipe.front and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, recipe.front)
    if sections.put(path, GUIDE):
        changed.append(recipe.file)
    if recipe.hooks is not None:
        name, events = recipe.hooks
        settings = _settings(project / name)
        missing = [event for event in events if not _has_hook(settings, event)]
        if missing:
            hooks = settings.setdefault("hooks", {})
            for event in missing:
                hooks.setdefault(event, []).append({"matcher": "", "hooks": [{"type": "command", "command": PRIME}]})
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            replace_text(project / name, json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
            changed.append(name)
    return changed


def take_down(project: Path, recipe: Recipe) -> list[str]:
    """Take out what `set_up` wrote; return the files that changed. Files stay, also when nothing is left in them."""
    changed = []
    if sections.take_out(project / recipe.file, GUIDE):
        changed.append(recipe.file)
    if recipe.hooks is not None:
        name, events = recipe.hooks
        settings = _settings(project / name)
        if any(_has_hook(settings, event) for event in events):
            for event in events:
                kept = [entry for entry in settings["hooks"].get(event, []) if not _is_ours(entry)]
                settings["hooks"][event] = kept
            replace_text(project / name, json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
            changed.append(name)
    return changed


def _settings(path: Path) -> dict[str, Any]:
    text = sections.read(path)
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        found = None
    hooks = found.get("hooks", {}) if isinstance(found, dict) else None
    is_usable = isinstance(hooks, dict) and all(isinstance(entries, list) for entries in hooks.values())
    if not isinstance(found, dict) or not is_usable:
        raise BadSettingsFile(f"{path} is not the settings file that it should be", hint="It was left as it is.")
    return found


def _has_hook(settings: dict[str, Any], event: str) -> bool:
    return any(_is_ours(entry) for entry in settings.get("hooks", {}).get(event, []))


def _is_ours(entry: object) -> bool:
    commands = entry.get("hooks", []) if isinstance(entry, dict) else []
    return isinstance(commands, list) and any(
        isinstance(command, dict) and command.get("command") == PRIME for command in commands
    )
