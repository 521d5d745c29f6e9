"""`bd doctor`: look at a store, mend what can be mended without losing anything, and look again.

The checks are imported inside the functions: with all that they look at they would slow down every other command that
uses this noun.
"""

import platform
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from gastown import __version__, beads, clock
from gastown.beads import soundness
from gastown.config import Settings
from gastown.errors import GastownError
from gastown.stores import githooks, layout
from gastown.stores.copies import copy_store, new_name

if TYPE_CHECKING:
    from gastown.patrols import Check, Finding, Here

SUPPRESS = "doctor.suppress."
_RANKS = ("ok", "warning", "error")


def _checks(*, deep: bool) -> dict[str, "tuple[Check, ...]"]:
    """Every check, by category."""
    from gastown.stores.checks import file, folder, graph

    return {"Core System": file.DEEP if deep else file.ALL, "Data Integrity": graph.ALL, "Git Integration": folder.ALL}


def _mend_columns(settings: Settings, write: "Write", actor: str) -> None:
    with write() as session:
        soundness.mend_columns(session, actor=actor)


def _mend_blocked(settings: Settings, write: "Write", actor: str) -> None:
    with write() as session:
        soundness.mend_blocked(session)


def _mend_ignored(settings: Settings, write: "Write", actor: str) -> None:
    from gastown.stores.checks.folder import mend_ignored

    mend_ignored(settings.town)


def _mend_hooks(settings: Settings, write: "Write", actor: str) -> None:
    githooks.install_hooks(settings.town.parent)


Write = Callable[[], AbstractContextManager[Session]]
# What can be mended, in the order in which one follows from the other; nothing here takes anything away.
_REMEDIES: dict[str, Callable[[Settings, Write, str], None]] = {
    "Derived Fields": _mend_columns,
    "External Dependencies": _mend_blocked,
    "Blocked State": _mend_blocked,
    "Gitignore": _mend_ignored,
    "Git Hooks": _mend_hooks,
}
# Those that change rows: a copy of the store is made before.
_CHANGE_ROWS = frozenset({"Derived Fields", "External Dependencies", "Blocked State"})


@dataclass(frozen=True)
class Result:
    """What one check said, all its findings together."""

    name: str
    category: str
    status: str
    message: str
    detail: str = ""
    fix: str = ""

    def shown(self) -> dict[str, str]:
        """For programs."""
        return {
            "name": self.name,
            "status": self.status,
            "message": self.message,
            "detail": self.detail,
            "fix": self.fix,
            "category": self.category,
        }


@dataclass
class Report:
    """What the doctor found, and what it did."""

    settings: Settings
    results: list[Result]
    suppressed: int = 0
    fixable: list[str] = field(default_factory=list)
    """Checks that said something which `mend` can set right."""
    fixed: list[str] = field(default_factory=list)
    """Checks that said something before the mending and say nothing after it."""
    not_fixed: list[str] = field(default_factory=list)
    """Checks that still say it, or whose remedy did not work."""
    copy: str = ""
    """Where the store as it was before the mending is kept."""

    @property
    def is_well(self) -> bool:
        """Whether nothing is an error."""
        return all(result.status != "error" for result in self.results)

    def shown(self) -> dict[str, Any]:
        """For programs."""
        return {
            "path": str(self.settings.town),
            "checks": [result.shown() for result in self.results],
            "overall_ok": self.is_well,
            "cli_version": __version__,
            "timestamp": clock.now().isoformat(),
            "platform": f"{platform.system().lower()}/{platform.machine()}",
            "suppressed_count": self.suppressed,
            "fixed": self.fixed,
            "not_fixed": self.not_fixed,
            "backup": self.copy or None,
        }


def examine(here: "Here", *, deep: bool = False) -> Report:
    """Look at everything; changes nothing."""
    from gastown import patrols

    checks = [(category, check) for category, found in _checks(deep=deep).items() for check in found]
    categories = {check.name: category for category, check in checks}
    found: dict[str, list[Finding]] = {check.name: [] for _, check in checks}
    for finding in patrols.run(here, [check for _, check in checks]):
        found[finding.check].append(finding)
    results = [_combine(name, categories[name], findings) for name, findings in found.items() if findings]
    hushed = _suppressed(here, results)
    kept = [result for result in results if result.name not in hushed]
    wrong = {result.name for result in kept if result.status != "ok"}
    fixable = [name for name in _REMEDIES if name in wrong]
    return Report(here.settings, kept, len(hushed), fixable)


def _combine(name: str, category: str, findings: "Sequence[Finding]") -> Result:
    worst = max(findings, key=lambda finding: _RANKS.index(finding.level.value))
    lines = [f"{finding.subject}: {finding.message}" if finding.subject else finding.message for finding in findings]
    if len(findings) == 1:
        return Result(name, category, worst.level.value, lines[0], "", worst.hint)
    return Result(name, category, worst.level.value, f"{len(findings)} findings", "\n".join(lines), worst.hint)


def _suppressed(here: "Here", results: Sequence[Result]) -> set[str]:
    """The checks whose warnings the store's keys hush; errors are always told."""
    warned = {result.name: slug(result.name) for result in results if result.status == "warning"}
    if not warned:
        return set()
    try:
        with here.read() as session:
            keys = beads.list_config(session, SUPPRESS)
    except GastownError:
        return set()
    off = ("", "0", "false", "no", "off")
    return {name for name, word in warned.items() if keys.get(SUPPRESS + word, "").lower() not in off}


def slug(name: str) -> str:
    """A check's name as a word of a key."""
    return name.lower().replace(" ", "-")


def mend(here: "Here", report: Report, write: Write, *, actor: str, deep: bool = False) -> Report:
    """Apply the remedies for what `report` says, keeping a copy of the store, then look again at everything."""
    copy = _keep_copy(here.settings, report)
    failed = {}
    for name in report.fixable:
        try:
            _REMEDIES[name](here.settings, write, actor)
        except (GastownError, OSError) as error:
            failed[name] = str(error)
    after = examine(here, deep=deep)
    still = {result.name for result in after.results if result.status != "ok"}
    after.fixed = [name for name in report.fixable if name not in still]
    after.not_fixed = [
        f"{name}: {failed[name]}" if name in failed else name for name in report.fixable if name in still
    ]
    after.copy = copy
    return after


def _keep_copy(settings: Settings, report: Report) -> str:
    if settings.is_town or not (_CHANGE_ROWS & set(report.fixable)):
        return ""
    kept = copy_store(settings.database_file, new_name(settings.town / layout.BACKUPS, "before-fix"))
    return str(kept)
