"""Many small operations as lines of text, in one transaction: all of them or none."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from gastown.beads.closing import close
from gastown.beads.creation import create
from gastown.beads.edges import add_dependency, remove_dependency
from gastown.beads.errors import BadField
from gastown.beads.lifecycle import update_bead
from gastown.beads.models import DependencyType, NewBead
from gastown.errors import GastownError, Invalid

LINE_LIMIT = 10_000
_WORD = re.compile(r'((?:[^\s"]|"(?:[^"\\]|\\.)*")+)(?:\s+|$)')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_UPDATED = {"status": "status", "priority": "priority", "title": "title", "assignee": "assignee"}


class BatchFailed(Invalid):
    """A line of a batch cannot be done; nothing of the batch was."""


@dataclass(frozen=True)
class Operation:
    """One line: what to do with what."""

    line: int
    op: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Means:
    """How a batch acts: for whom, where new beads belong, and what its ids mean: to change, to close, to wait for."""

    actor: str
    prefix: str
    changes: Callable[[str], str]
    closes: Callable[[str], str]
    target: Callable[[str], str]


@dataclass(frozen=True)
class Done:
    """What a line did, and to which bead."""

    line: int
    op: str
    target: str


def split_words(line: str) -> tuple[str, ...]:
    """The words of a line; double quotes group, and a backslash in them takes the next character as it is."""
    words, place = [], 0
    text = line.strip()
    while place < len(text):
        found = _WORD.match(text, place)
        if found is None:
            raise BadField("a quote is not closed")
        words.append(_QUOTED.sub(lambda quoted: _ESCAPED.sub(r"\1", quoted[1]), found[1]))
        place = found.end()
    return tuple(words)


def read_batch(text: str) -> list[Operation]:
    """The operations of a text; lines that are empty or begin with # say nothing."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            words = split_words(line)
            size = 2 if words[0] == "dep" else 1
            op = " ".join(words[:size])
            if op not in _ACTS:
                raise BadField(f"unknown operation {op[:60]!r}", hint=f"Known: {', '.join(_ACTS)}.")
            _check_size(op, len(words) - size)
        except BadField as error:
            raise BatchFailed(f"line {number}: {error.message}", hint=error.hint) from None
        found.append(Operation(number, op, words[size:]))
    if len(found) > LINE_LIMIT:
        raise BatchFailed(f"more than {LINE_LIMIT} operations", hint="Split the file.")
    return found


def run_batch(session: Session, operations: Sequence[Operation], means: Means) -> list[Done]:
    """Do every operation in its order; the first that cannot be done stops all, and its error names the line."""
    done = []
    for operation in operations:
        try:
            target = _ACTS[operation.op](session, operation.words, means)
        except GastownError as error:
            message = f"line {operation.line}: {operation.op}: {error.message} (nothing of the batch was done)"
            raise BatchFailed(message, hint=error.hint) from None
        done.append(Done(operation.line, operation.op, target))
    return done


def _close(session: Session, words: Sequence[str], means: Means) -> str:
    name = means.closes(words[0])
    for _, error in close(session, [name], actor=means.actor, reason=" ".join(words[1:])).refused:
        raise error
    return name


def _update(session: Session, words: Sequence[str], means: Means) -> str:
    patch: dict[str, Any] = {}
    for pair in words[1:]:
        key, equals, value = pair.partition("=")
        if not equals or key not in _UPDATED:
            raise BadField(f"not a change: {pair[:60]!r}", hint=f"Write key=value; keys: {', '.join(_UPDATED)}.")
        if key in patch:
            raise BadField(f"{key} is given twice")
        patch[key] = _priority(value) if key == "priority" else value
    name = means.changes(words[0])
    update_bead(session, name, patch, actor=means.actor)  # type: ignore[arg-type]
    return name


def _priority(text: str) -> int:
    digits = text[1:] if text[:1] in "pP" else text
    if digits not in ("0", "1", "2", "3", "4"):
        raise BadField(f"invalid priority {text[:20]!r}", hint="Give 0 (most urgent) to 4.")
    return int(digits)


def _create(session: Session, words: Sequence[str], means: Means) -> str:
    new = NewBead(title=" ".join(words[2:]), issue_type=words[0], priority=_priority(words[1]), prefix=means.prefix)
    return create(session, new, actor=means.actor).id


def _add(session: Session, words: Sequence[str], means: Means) -> str:
    name, target = means.changes(words[0]), words[1]
    kind = words[2] if len(words) > 2 else DependencyType.BLOCKS
    target = target if target.startswith("external:") else means.target(target)
    add_dependency(session, name, target, actor=means.actor, type=kind)
    return name


def _remove(session: Session, words: Sequence[str], means: Means) -> str:
    name, target = means.changes(words[0]), words[1]
    target = target if target.startswith("external:") else means.target(target)
    if not remove_dependency(session, name, target, actor=means.actor):
        raise BadField(f"{name} does not depend on {target}")
    return name


_ACTS: dict[str, Callable[[Session, Sequence[str], Means], str]] = {
    "close": _close,
    "update": _update,
    "create": _create,
    "dep add": _add,
    "dep remove": _remove,
}
# How few and how many words each takes.
_SIZES: dict[str, tuple[int, int, str]] = {
    "close": (1, 1000, "close <id> [reason]"),
    "update": (2, 5, "update <id> key=value..."),
    "create": (3, 1000, "create <type> <priority> <title>"),
    "dep add": (2, 3, "dep add <a> <b> [type]"),
    "dep remove": (2, 2, "dep remove <a> <b>"),
}


def _check_size(op: str, size: int) -> None:
    least, most, form = _SIZES[op]
    if not least <= size <= most:
        raise BadField(f"{op} takes other words", hint=f"Write: {form}")
