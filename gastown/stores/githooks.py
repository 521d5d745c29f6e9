"""Git hooks of a checkout: a short section of ours in each, which calls `bd hooks run` and never stops git."""

import re
from dataclasses import dataclass
from pathlib import Path

from gastown import git
from gastown.errors import Invalid
from gastown.stores import sections
from gastown.stores.sections import Section

NAMES = ("pre-commit", "post-merge", "pre-push", "post-checkout", "prepare-commit-msg")
_SHELL = re.compile(r"#!\s*\S*/(env\s+)?(sh|bash|dash|ash|ksh|zsh)\b")
# Where `timeout` is missing (macOS) bd's own time-outs have to do. Statuses: 3 no store, 124 out of time.
_BODY = """\
if command -v bd >/dev/null 2>&1; then
  _bd_limit=""
  command -v timeout >/dev/null 2>&1 && _bd_limit="timeout ${{BEADS_HOOK_TIMEOUT:-300}}"
  BD_GIT_HOOK=1 $_bd_limit bd hooks run {name} "$@" </dev/null || case $? in
    3) ;;
    *) echo "beads: the {name} hook did not finish; git goes on" >&2 ;;
  esac
fi
"""


# Which hook does what, where the store's key is on.
HOOK_SYNC: dict[str, tuple[str, tuple[str, ...]]] = {
    "pre-commit": ("export.auto", ("sync", "--flush-only")),
    "post-merge": ("import.auto", ("sync", "--import-only")),
    "post-checkout": ("import.auto", ("sync", "--import-only")),
}


class NoSuchHook(Invalid):
    """A name that is none of our hooks'."""


def check_hook(name: str) -> None:
    """Refuse a name that is none of our hooks'."""
    if name not in NAMES:
        raise NoSuchHook(f"no hook {name[:40]!r}", hint=f"Known: {', '.join(NAMES)}.")


class ForeignHook(Invalid):
    """A hook that is no shell script: we cannot add to it."""


@dataclass(frozen=True)
class Hook:
    """One hook of a checkout."""

    name: str
    path: Path
    installed: bool
    """Our section is in it."""
    foreign: bool
    """It does something else, too."""


def _section(name: str) -> Section:
    return Section("# BEGIN BEADS INTEGRATION", "# END BEADS INTEGRATION", _BODY.format(name=name), True)


def list_hooks(checkout: Path) -> list[Hook]:
    """The hooks that beads knows, as they are in this checkout."""
    folder = git.hooks_folder(checkout)
    found = []
    for name in NAMES:
        text, section = sections.read(folder / name), _section(name)
        rest = sections.without_section(text, section, where=name)
        lines = [line for line in rest.splitlines() if line.strip() and not line.startswith("#!")]
        found.append(Hook(name, folder / name, sections.has_section(text, section), bool(lines)))
    return found


def install_hooks(checkout: Path) -> list[Hook]:
    """Put our section into each hook, keeping what else is there; refuses, before any change, a hook that is no script.

    Safe to repeat. Return the hooks as they are now.
    """
    hooks = list_hooks(checkout)
    for hook in hooks:
        if hook.path.exists() and not _SHELL.match(sections.read(hook.path)):
            raise ForeignHook(f"{hook.path} is no shell script", hint=f"Let it call `bd hooks run {hook.name}` itself.")
    for hook in hooks:
        if not hook.path.exists():
            hook.path.parent.mkdir(parents=True, exist_ok=True)
            hook.path.write_text("#!/bin/sh\n")
        sections.put(hook.path, _section(hook.name))
        hook.path.chmod(hook.path.stat().st_mode | 0o111)
    return list_hooks(checkout)


def uninstall_hooks(checkout: Path) -> list[str]:
    """Take our section out of each hook, and a hook away that holds nothing else; return the names of those changed."""
    changed = []
    for hook in list_hooks(checkout):
        if not hook.installed:
            continue
        sections.take_out(hook.path, _section(hook.name))
        if not hook.foreign:
            hook.path.unlink()
        changed.append(hook.name)
    return changed
