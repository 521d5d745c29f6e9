"""Giving beads other ids: everywhere at once, and their history follows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, update
from sqlmodel import Session, col, select

from gastown import clock, ids
from gastown.beads import externals, readiness
from gastown.beads.changes import Cause, as_json, note
from gastown.beads.errors import BadField, BeadExists, RenameRefused
from gastown.beads.models import Bead, BeadStatus, Comment, Dependency, Label
from gastown.beads.patches import LONG_TEXTS
from gastown.beads.queries import CHUNK
from gastown.beads.upkeep.removal import referred
from gastown.beads.words.configuration import PREFIX, get_config, set_config
from gastown.events import EventKind

# Texts in which ids are mentioned. Remarks are never changed.
_TEXTS = ("title", *LONG_TEXTS, "await_id")
_MENTION = re.compile(r"(?<![\w-])[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)+(?:\.[A-Za-z0-9_-]+)*")
_NEW_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,6}")
_LOOKED_FOR = 50  # words in one scan of the texts; more are looked for by their common beginning


@dataclass(frozen=True)
class Renaming:
    """What a renaming does, or would do."""

    names: dict[str, str]
    """By old id: the new one."""
    references: int
    """Other beads that named one of them, in their text or in a dependency."""


def rename(session: Session, old: str, new: str, *, actor: str) -> Renaming:
    """Give a bead, and with it what its id is the beginning of (`<old>.1`), another id.

    Refuses an id that is in use, and beads that were slung: other tables and branches name them.
    """
    below = session.exec(select(Bead.id).where(col(Bead.id).startswith(f"{old}.", autoescape=True)))
    names = {old: ids.check_bead_id(new), **{name: ids.check_bead_id(new + name[len(old) :]) for name in below}}
    return _rename_all(session, names, actor=actor)


def rename_prefix(session: Session, new: str, *, actor: str, repair: bool = False) -> tuple[str, Renaming]:
    """Give every bead of the store's prefix another prefix; return the old one. `repair` takes in all other prefixes.

    Refuses what is no prefix, prefixes that a rig has, and beads of several prefixes unless `repair`.
    """
    prefix = new.removesuffix("-")
    if not _NEW_PREFIX.fullmatch(prefix) or prefix.endswith("-"):
        raise BadField(
            f"invalid prefix {new[:40]!r}",
            hint="Use at most 7 of a-z, 0-9 and -, beginning with a letter, like 'app-'.",
        )
    readiness.lock_graph(session)
    old = get_config(session, PREFIX)
    found = dict(session.exec(select(Bead.id, Bead.prefix)).all())
    others = sorted(set(found.values()) - {old, prefix})
    if others and not repair:
        raise RenameRefused(
            f"the beads have several prefixes: {', '.join([old, *others][:5])}",
            hint="--repair gives all of them the new one.",
        )
    for name in (old, prefix, *others):
        if externals.is_rig(session, name):
            raise RenameRefused(f"{name} is the prefix of a rig", hint="`gt rig list` shows the rigs.")
    result = _rename_all(session, _new_names(found, prefix), actor=actor)
    set_config(session, PREFIX, prefix, actor=actor)
    return old, result


def _new_names(found: Mapping[str, str], prefix: str) -> dict[str, str]:
    """By id: what each bead of another prefix is called then. What is taken gets another hash."""
    taken = {name for name, held in found.items() if held == prefix}
    names: dict[str, str] = {}
    for name in sorted(
        (name for name, held in found.items() if held != prefix), key=lambda name: (name.count("."), name)
    ):
        top, dot, rest = name.partition(".")
        if dot and top in names:
            names[name] = f"{names[top]}.{rest}"
            continue
        wanted, number = f"{prefix}-{name[len(found[name]) + 1 :]}", 0
        while wanted in taken:
            wanted, number = f"{prefix}-{ids.hash_part(f'{name}|{number}', ids.MAX_HASH_LENGTH)}{dot}{rest}", number + 1
        taken.add(wanted)
        names[name] = ids.check_bead_id(wanted)
    return names


def _rename_all(session: Session, names: dict[str, str], *, actor: str) -> Renaming:
    """Rename beads everywhere, in this transaction."""
    readiness.lock_graph(session)
    session.flush()
    if not names:
        return Renaming({}, 0)
    rows = _load(session, list(names))
    _check(session, names, rows)
    targets = _targets(session, names)
    texts = _texts(session, names)
    now, cause = clock.now(), Cause(actor)
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        session.execute(insert(Bead), [_renamed(row, names, texts.get(row["id"], {}), now) for row in part])
    moved = [{"old": old, "new": new} for old, new in names.items()]
    for column in (Label.bead_id, Comment.bead_id, Dependency.issue_id, Dependency.depends_on_id):
        statement = update(column.class_).where(col(column) == bindparam("old")).values({column.key: bindparam("new")})  # type: ignore[attr-defined]
        session.connection().execute(statement, moved)
    for start in range(0, len(rows), CHUNK):
        part = [row["id"] for row in rows[start : start + CHUNK]]
        session.execute(delete(Bead).where(col(Bead.id).in_(part)), execution_options={"synchronize_session": False})
    others = sorted(({*targets, *texts}) - set(names))
    for name in others:
        values = {**texts.get(name, {}), "updated_at": now}
        session.execute(
            update(Bead).where(col(Bead.id) == name).values(values), execution_options={"synchronize_session": False}
        )
    for kind, changed in ((EventKind.BEAD_RENAMED, list(names)), (EventKind.BEAD_UPDATED, others)):
        for name in changed:
            said: dict[str, Any] = {"was": name} if name in names else {"reason": "renamed"}
            said |= {**texts.get(name, {}), "updated_at": as_json(now)}
            said |= {"targets": targets[name]} if name in targets else {}
            note(session, kind, names.get(name, name), cause, **said)
    session.flush()
    session.expire_all()
    readiness.recompute(session, readiness.refresh_external(session))
    return Renaming(names, len(others))


def _load(session: Session, names: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    columns = [getattr(Bead, name).label(name) for name in Bead.model_fields]
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        query = select(*columns).where(col(Bead.id).in_(part)).order_by(col(Bead.id)).with_for_update()
        rows += [dict(row) for row in session.execute(query).mappings()]
    return rows


def _check(session: Session, names: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    held = referred(session, list(names))
    slung = [row["id"] for row in rows if row["is_code"] is not None or row["id"] in held]
    if slung:
        raise RenameRefused(
            f"cannot rename {slung[0]}: it was slung, and branches and attempts name it",
            hint="File a new bead and `bd supersede` this one with it.",
        )
    new = list(names.values())
    for start in range(0, len(new), CHUNK):
        part = new[start : start + CHUNK]
        taken = session.exec(select(Bead.id).where(col(Bead.id).in_(part)).limit(1)).first()
        if taken is not None:
            raise BeadExists(
                f"issue {taken} already exists", hint="Give another id; `bd history ID` shows deleted ones."
            )
        query = select(Dependency.issue_id, Dependency.depends_on_id).where(col(Dependency.depends_on_id).in_(part))
        awaited = session.exec(query.limit(1)).first()
        if awaited is not None:
            raise RenameRefused(f"{awaited[0]} depends on an absent bead called {awaited[1]}", hint="Give another id.")


def _targets(session: Session, names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By bead: which targets of its dependencies get which names."""
    found: dict[str, dict[str, str]] = {}
    old = list(names)
    for start in range(0, len(old), CHUNK):
        part = old[start : start + CHUNK]
        query = select(Dependency.issue_id, Dependency.depends_on_id).where(col(Dependency.depends_on_id).in_(part))
        for name, target in session.exec(query):
            found.setdefault(name, {})[target] = names[target]
    return found


def _texts(session: Session, names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By bead: the texts in which one of these is mentioned, with the new names."""
    words = list(names) if len(names) <= _LOOKED_FOR else sorted({f"{ids.prefix_of(name)}-" for name in names})
    columns = [col(getattr(Bead, name)) for name in _TEXTS]
    query = select(col(Bead.id), *columns).where(
        col(Bead.status) != BeadStatus.TOMBSTONE.value,
        or_(*(column.contains(word, autoescape=True) for column in columns for word in words)),
    )
    replace = _replacer(names)
    found: dict[str, dict[str, str]] = {}
    for row in session.execute(query):
        changed = {name: replace(text) for name, text in zip(_TEXTS, row[1:], strict=True)}
        changed = {name: text for name, text in changed.items() if text != getattr(row, name)}
        if changed:
            found[row.id] = changed
    return found


def _replacer(names: Mapping[str, str]) -> Callable[[str], str]:
    def rename_one(match: re.Match[str]) -> str:
        # A sentence may go on right behind the dot: `see app-a1b2.Then`.
        said, rest = match[0], ""
        while said not in names:
            said, dot, tail = said.rpartition(".")
            if not dot or tail.isdigit():
                return match[0]
            rest = f".{tail}{rest}"
        return names[said] + rest

    return lambda text: _MENTION.sub(rename_one, text)


def _renamed(row: Mapping[str, Any], names: Mapping[str, str], texts: Mapping[str, str], now: object) -> dict[str, Any]:
    name = names[row["id"]]
    return {**row, **texts, "id": name, "prefix": ids.prefix_of(name), "is_top": "." not in name, "updated_at": now}
