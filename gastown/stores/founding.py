"""`bd init`: a folder gets a store of its own. It is made under another name and appears with one rename."""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown import beads
from gastown.config import sqlite_url
from gastown.db import dispose
from gastown.errors import GastownError
from gastown.stores import githooks, guide, layout
from gastown.stores.copies import set_aside
from gastown.stores.errors import BadStoreFolder, LinesRefused, StoreExists, cannot_write

if TYPE_CHECKING:
    from gastown.beads import Imported

Units = Callable[[str], AbstractContextManager[Session]]
# Stores of the original's other backend, which we do not read.
_FOREIGN_STORES = ("dolt", "embeddeddolt")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*")
PREFIX_LIMIT = 40
_FALLBACK_PREFIX = "bd"
_SHOWN = 3  # refused lines that an error names


@dataclass(frozen=True)
class Wanted:
    """What the person asked for."""

    folder: Path
    """The `.beads` folder."""
    prefix: str = ""
    """Of new ids; empty means what the folder says, or its name."""
    take_what_can: bool = False
    """Make the store although some lines of issues.jsonl cannot be taken in."""
    again: bool = False
    """Make a new store although there is one; the old one is kept aside."""
    stealth: bool = False
    """Nothing that git would see."""
    guide: bool = True
    """Write our section into AGENTS.md."""
    hooks: bool = True
    """Put our section into the hooks of the git checkout around it."""


@dataclass
class Founded:
    """What there is now."""

    folder: Path
    prefix: str = ""
    imported: "Imported | None" = None
    kept: Path | None = None
    """Where the earlier store lies."""
    copies: list[Path] = field(default_factory=list)
    """Copies of earlier stores that lay there already."""
    notes: list[str] = field(default_factory=list)
    """What could not be done, and matters less than the store."""

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.folder / layout.DATABASE

    def shown(self) -> dict[str, Any]:
        """For programs."""
        taken = self.imported
        return {
            "path": str(self.folder),
            "prefix": self.prefix,
            "database_path": str(self.database),
            "imported": len(taken.created) if taken else 0,
            "refused": [{"line": number, "reason": reason} for number, reason in taken.refused] if taken else [],
            "skipped_dependencies": taken.skipped_edges if taken else [],
            "kept": str(self.kept) if self.kept else None,
        }


def init(wanted: Wanted, units: Units, *, actor: str) -> Founded:
    """Make the store, take in the issues.jsonl that is there, and only then give it its name.

    Refuses a folder with a store (StoreExists) unless `again` says so, and then keeps a copy. Killed at any moment it
    leaves either no store or a whole one.
    """
    folder = wanted.folder
    if not folder.parent.is_dir():
        raise BadStoreFolder(f"no such folder: {folder.parent}", hint="Make the project's folder first.")
    prefix = check_prefix(wanted.prefix) if wanted.prefix else ""
    try:
        folder.mkdir(exist_ok=True)
        with layout.alone(folder):
            _refuse_other(wanted)
            result = Founded(folder, copies=sorted((folder / layout.BACKUPS).glob("*.db")))
            _make(wanted, units, result, prefix, actor)
            if os.path.lexists(result.database):
                result.kept = set_aside(folder)
            (folder / layout.NEW_DATABASE).replace(result.database)
            layout.sync_folder(folder)
            layout.furnish(folder)
    except FileExistsError:
        raise BadStoreFolder(f"{folder} is not a folder", hint="Move that file elsewhere, then try again.") from None
    except OSError as error:
        raise cannot_write(folder, error) from error
    _tell_others(wanted, result)
    return result


def _refuse_other(wanted: Wanted) -> None:
    folder = wanted.folder
    if os.path.lexists(folder / layout.DATABASE) and not wanted.again:
        raise StoreExists(
            f"there is a store already: {folder / layout.DATABASE}",
            hint="Nothing was changed. `bd where` and `bd list` show what it holds.",
        )
    foreign = next((name for name in _FOREIGN_STORES if (folder / name).is_dir()), None)
    if foreign is not None and not (wanted.take_what_can and (folder / layout.EXCHANGE).is_file()):
        raise StoreExists(
            f"there is a Dolt store already: {folder / foreign}, which this version does not read",
            hint=f"Write {folder / layout.EXCHANGE} with the program that made it (`bd export`), then "
            "`bd init --from-jsonl` takes that in and leaves the Dolt store as it is.",
        )


def _make(wanted: Wanted, units: Units, result: Founded, prefix: str, actor: str) -> None:
    """The whole store under its temporary name."""
    from gastown.town import schema

    new = wanted.folder / layout.NEW_DATABASE
    leftovers = [new.with_name(new.name + end) for end in ("", *layout.COMPANIONS)]
    for path in leftovers:  # of an init that was cut short: it never was anybody's store
        path.unlink(missing_ok=True)
    url = sqlite_url(new)
    try:
        schema.upgrade(url)
        with units(url) as session:
            result.imported = _take_in(wanted, session, actor)
            result.prefix = (
                prefix or _configured(wanted.folder) or _prevailing(session) or default_prefix(wanted.folder)
            )
            beads.set_config(session, beads.PREFIX, result.prefix, actor=actor)
        dispose()  # the last connection writes everything into the one file
    except BaseException:
        dispose()
        for path in leftovers:
            path.unlink(missing_ok=True)
        raise


def _take_in(wanted: Wanted, session: Session, actor: str) -> "Imported | None":
    file = wanted.folder / layout.EXCHANGE
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    result = beads.import_lines(session, data, actor=actor)
    if not result.refused:
        return result
    if not wanted.take_what_can:
        named = "; ".join(f"line {number}: {reason}" for number, reason in result.refused[:_SHOWN])
        more = f"; and {len(result.refused) - _SHOWN} more" if len(result.refused) > _SHOWN else ""
        raise LinesRefused(
            f"{file} holds {len(result.refused)} lines that cannot be taken in ({named}{more})",
            hint="Mend them and run `bd init` again, or take the others in with `bd init --from-jsonl`, which keeps a "
            "copy of the file.",
        )
    _keep_copy(file)
    return result


def _keep_copy(file: Path) -> None:
    """A later export would write the file without the lines that were refused."""
    copy = file.with_name(f"{file.name}.as-found")
    if not copy.exists():
        shutil.copy2(file, copy)


def _configured(folder: Path) -> str:
    """The `issue-prefix` of a config.yaml that came with the project."""
    try:
        text = (folder / "config.yaml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"""^issue-prefix:[ \t]*["']?([^"'#\s]+)""", text, re.MULTILINE)
    word = found.group(1).rstrip("-") if found else ""
    return word if len(word) <= PREFIX_LIMIT and _PREFIX.fullmatch(word) else ""


def _prevailing(session: Session) -> str:
    """The prefix that most of the beads have which were taken in."""
    number = func.count()
    found = session.exec(
        select(beads.Bead.prefix)
        .where(col(beads.Bead.is_top).is_(True))
        .group_by(beads.Bead.prefix)
        .order_by(number.desc(), col(beads.Bead.prefix))
        .limit(1)
    ).first()
    return found or ""


def check_prefix(text: str) -> str:
    """The prefix without a hyphen at its end; refuses what cannot begin an id."""
    prefix = text.rstrip("-")
    if len(prefix) > PREFIX_LIMIT or _PREFIX.fullmatch(prefix) is None:
        raise BadStoreFolder(
            f"not a prefix for ids: {text[:PREFIX_LIMIT]!r}",
            hint=f"Give 1 to {PREFIX_LIMIT} letters, digits, _ and -, starting with a letter.",
        )
    return prefix


def default_prefix(folder: Path) -> str:
    """The project's folder name, reduced to what an id begins with."""
    words = re.sub(r"[^a-z0-9_]+", "-", folder.parent.name.lower()).strip("-_").lstrip("0123456789-_")
    return words[:PREFIX_LIMIT].rstrip("-_") or _FALLBACK_PREFIX


def _tell_others(wanted: Wanted, result: Founded) -> None:
    """The files outside of the store: that one of them cannot be written is only worth a note."""
    project = wanted.folder.parent
    is_in_git = any((folder / ".git").exists() for folder in (project, *project.parents))
    acts: list[tuple[bool, str, Callable[[], object]]] = [
        (wanted.stealth, "git does not overlook the store", lambda: _hide(project, wanted.folder.name)),
        (wanted.guide and not wanted.stealth, f"{guide.FILE} was left as it is", lambda: guide.write_guide(project)),
        (
            wanted.hooks and is_in_git and not wanted.stealth,
            "git's hooks were left as they are",
            lambda: githooks.install_hooks(project),
        ),
    ]
    for is_wanted, failure, act in acts:
        try:
            if is_wanted:
                act()
        except (OSError, UnicodeDecodeError, GastownError) as error:
            result.notes.append(f"{failure}: {error}")


def _hide(project: Path, name: str) -> None:
    """Have git overlook the store, for this clone only."""
    repository = next((folder for folder in (project, *project.parents) if (folder / ".git").is_dir()), None)
    if repository is None:
        return
    exclude = repository / ".git" / "info" / "exclude"
    text = exclude.read_text(encoding="utf-8") if exclude.exists() else ""
    line = f"{name}/"
    if line not in text.splitlines():
        exclude.parent.mkdir(exist_ok=True)
        layout.replace_text(exclude, text + ("" if not text or text.endswith("\n") else "\n") + line + "\n")
