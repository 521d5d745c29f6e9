"""The language of `bd query`: `(status=open OR status=blocked) AND priority<=1 AND NOT label=wontfix`.

Comparisons joined by AND, OR, NOT and brackets, in any case; NOT binds closest, then AND. Values with blanks or signs
stand in quotes. An expression becomes a tree of conditions that SQLAlchemy binds: nothing of it is written into SQL.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlmodel import Session, col

from gastown import clock
from gastown.beads.errors import BadField
from gastown.beads.filters import Filters, contains, has_metadata, is_labelled, metadata_is
from gastown.beads.models import LOWEST_PRIORITY, TYPE_ALIASES, Bead, BeadStatus, Dependency, DependencyType, Label
from gastown.beads.views.asking import check_filters, check_metadata_key
from gastown.beads.when import parse_when

EXPRESSION_LIMIT = 4000  # characters
DEPTH_LIMIT = 100
COMPARISON_LIMIT = 200
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<bracket>[()])
    | (?P<operator>!=|<>|>=|<=|==|=|>|<|~)
    | "(?P<double>(?:[^"\\]|\\.)*)"
    | '(?P<single>(?:[^'\\]|\\.)*)'
    | (?P<word>[^\s()=!<>~"']+)
    )""",
    re.VERBOSE,
)
_EQUAL = {"=": "=", "==": "=", "!=": "!=", "<>": "!="}
_NONE = "none"
_NOBODY = frozenset({"", "none", "null"})
_TIMES = {
    "created": Bead.created_at,
    "updated": Bead.updated_at,
    "started": Bead.started_at,
    "closed": Bead.closed_at,
    "due": Bead.due_at,
    "defer": Bead.defer_until,
}
_TEXTS = {
    "title": Bead.title,
    "description": Bead.description,
    "desc": Bead.description,
    "notes": Bead.notes,
    "design": Bead.design,
    "acceptance": Bead.acceptance_criteria,
}
_NAMES = {"assignee": Bead.assignee, "owner": Bead.owner, "mol_type": Bead.mol_type, "spec": Bead.spec_id}
_FLAGS = {"pinned": Bead.pinned, "ephemeral": Bead.ephemeral, "template": Bead.is_template}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_OTHERS = ("id", "label", "labels", "parent", "priority", "status", "type", "has_metadata_key")
FIELDS = [*sorted({*_TIMES, *_TEXTS, *_NAMES, *_FLAGS, *_OTHERS}), "metadata.<key>"]


class BadQuery(BadField):
    """The text is no query, or asks for what no bead has."""


@dataclass(frozen=True)
class Token:
    """A bracket, operator, word or quoted text, and where it stands."""

    kind: str
    text: str
    place: int


@dataclass(frozen=True)
class Comparison:
    """One `field operator value`."""

    name: str
    operator: str
    value: str
    place: int


@dataclass
class Expression:
    """A compiled query."""

    condition: ColumnElement[bool]
    names_status: bool
    """It speaks of statuses, so that nothing is hidden for being done."""
    words: list[Comparison] = field(default_factory=list)
    """The statuses and types it names; whoever has a session checks them."""


def _fail(why: str, place: int, hint: str = "") -> BadQuery:
    return BadQuery(
        f"bad query: {why} at position {place + 1}",
        hint=hint or 'Write it like: status=open AND (priority<=1 OR label="needs review")',
    )


def tokens(text: str) -> list[Token]:
    """The expression in pieces; refuses what belongs to no piece."""
    if len(text) > EXPRESSION_LIMIT:
        raise BadQuery(f"the query is longer than {EXPRESSION_LIMIT} characters")
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            raise _fail(f"unexpected {text[start]!r}", start, "Close every quote; put values with signs in quotes.")
        kind = match.lastgroup or ""
        said = match.group(kind)
        start = match.end() - len(match.group().lstrip())
        if kind in ("double", "single"):
            kind, said = "quoted", re.sub(r"\\(.)", r"\1", said)
        found.append(Token(kind, said, start))
        place = match.end()
    return found


@dataclass
class _Parser:
    """Recursive descent: or, and, not, brackets, comparison."""

    tokens: Sequence[Token]
    end: int
    now: datetime
    place: int = 0
    depth: int = 0
    comparisons: list[Comparison] = field(default_factory=list)

    def peek(self) -> Token:
        return self.tokens[self.place] if self.place < len(self.tokens) else Token("end", "", self.end)

    def take(self) -> Token:
        token = self.peek()
        self.place += 1
        return token

    def is_word(self, word: str) -> bool:
        token = self.peek()
        return token.kind == "word" and token.text.upper() == word

    def either(self) -> ColumnElement[bool]:
        parts = [self.both()]
        while self.is_word("OR"):
            self.take()
            parts.append(self.both())
        return or_(*parts) if len(parts) > 1 else parts[0]

    def both(self) -> ColumnElement[bool]:
        parts = [self.one()]
        while self.is_word("AND"):
            self.take()
            parts.append(self.one())
        return and_(*parts) if len(parts) > 1 else parts[0]

    def one(self) -> ColumnElement[bool]:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise _fail(f"brackets and NOTs are nested more than {DEPTH_LIMIT} deep", self.peek().place)
        if self.is_word("NOT"):
            self.take()
            found: ColumnElement[bool] = not_(self.one())
        elif self.peek().text == "(" and self.peek().kind == "bracket":
            opened = self.take()
            found = self.either()
            if self.take().text != ")":
                raise _fail("this bracket is not closed", opened.place)
        else:
            found = self.comparison()
        self.depth -= 1
        return found

    def comparison(self) -> ColumnElement[bool]:
        name, operator, value = self.take(), self.take(), self.take()
        if name.kind != "word":
            raise _fail("expected a field" + (f", not {name.text!r}" if name.text else ""), name.place)
        if operator.kind != "operator":
            raise _fail(f"expected an operator after {name.text[:40]!r} (= != > >= < <=)", operator.place)
        if value.kind not in ("word", "quoted"):
            raise _fail(f"expected a value after {name.text[:40]}{operator.text}", value.place)
        said = Comparison(name.text, operator.text, value.text, name.place)
        self.comparisons.append(said)
        if len(self.comparisons) > COMPARISON_LIMIT:
            raise _fail(f"more than {COMPARISON_LIMIT} comparisons", name.place)
        return _compile(said, self.now)


def compile_query(session: Session, text: str) -> Expression:
    """Compile an expression; refuses also the statuses and types that neither beads nor this store know."""
    found = parse_query(text, clock.now())
    for said in found.words:
        if said.name.lower() == "status":
            check_filters(session, Filters(statuses=() if said.value == "all" else (said.value,)))
        else:
            check_filters(session, Filters(types=(TYPE_ALIASES.get(said.value.lower(), said.value.lower()),)))
    return found


def parse_query(text: str, now: datetime) -> Expression:
    """Compile an expression; refuses it with the position of what is wrong."""
    pieces = tokens(text)
    if not pieces:
        raise BadQuery("query expression is required", hint='bd query "status=open AND priority<=1"')
    parser = _Parser(pieces, len(text), now)
    condition = parser.either()
    rest = parser.peek()
    if rest.kind != "end":
        raise _fail(f"unexpected {rest.text[:40]!r}", rest.place, "Join comparisons with AND or OR.")
    named = [each for each in parser.comparisons if each.name.lower() in ("status", "type")]
    return Expression(condition, any(each.name.lower() == "status" for each in named), named)


def _compile(said: Comparison, now: datetime) -> ColumnElement[bool]:
    name = said.name.lower()
    if name in _TIMES:
        return _time(said, _TIMES[name], now)
    if name == "priority":
        return _priority(said)
    if said.operator not in _EQUAL and not (said.operator == "~" and name in (*_TEXTS, "id")):
        raise _fail(f"{said.name[:40]} has no order: use = or !=", said.place)
    found = _same(said, name)
    return not_(found) if _EQUAL.get(said.operator) == "!=" else found


def _same(said: Comparison, name: str) -> ColumnElement[bool]:
    value = said.value
    if name in _TEXTS:
        if value.lower() in _NOBODY:
            return func.trim(_TEXTS[name]) == ""
        return contains(_TEXTS[name], value)
    if name in _FLAGS:
        if value.lower() not in _WORDS:
            raise _fail(f"{name} is true or false, not {value[:40]!r}", said.place)
        return col(_FLAGS[name]).is_(_WORDS[value.lower()])
    if name in _NAMES:
        return _like(_NAMES[name], "" if value.lower() in _NOBODY else value)
    if name == "status":
        return (col(Bead.status) != BeadStatus.TOMBSTONE.value) if value == "all" else col(Bead.status) == value
    if name == "type":
        return col(Bead.issue_type) == TYPE_ALIASES.get(value.lower(), value.lower())
    if name == "id":
        return _like(Bead.id, value)
    return _related(said, name, value)


def _related(said: Comparison, name: str, value: str) -> ColumnElement[bool]:
    if name in ("label", "labels"):
        if value.lower() == _NONE:
            return ~exists(select(col(Label.label)).where(col(Label.bead_id) == col(Bead.id)))
        return is_labelled([value])
    if name == "parent":
        edge = (col(Dependency.issue_id) == col(Bead.id)) & (col(Dependency.type) == DependencyType.PARENT_CHILD.value)
        if value.lower() == _NONE:
            return ~exists(select(col(Dependency.issue_id)).where(edge))
        return exists(select(col(Dependency.issue_id)).where(edge, col(Dependency.depends_on_id) == value))
    if name == "has_metadata_key":
        return has_metadata(_key(said, value))
    if name.startswith("metadata."):
        return metadata_is(_key(said, said.name[len("metadata.") :]), value)
    raise _fail(f"unknown field {said.name[:40]!r}", said.place, f"Known: {', '.join(FIELDS)}.")


def _key(said: Comparison, key: str) -> str:
    try:
        return check_metadata_key(key)
    except BadField as error:
        raise _fail(error.message, said.place, error.hint or "") from None


def _like(column: Any, value: str) -> ColumnElement[bool]:
    """Equal, or where the value has a star like it, in any case."""
    if "*" not in value:
        return col(column) == value
    parts = [re.sub(r"([\\%_])", r"\\\1", part) for part in value.split("*")]
    return col(column).ilike("%".join(parts), escape="\\")


def _order(column: Any, operator: str, value: Any) -> ColumnElement[bool]:
    compared = {"=": column == value, "!=": column != value, ">": column > value, ">=": column >= value}
    found: ColumnElement[bool] = (compared | {"<": column < value, "<=": column <= value})[operator]
    return found


def _priority(said: Comparison) -> ColumnElement[bool]:
    digits = said.value[1:] if said.value[:1] in "pP" else said.value
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 1 and int(digits) <= LOWEST_PRIORITY):
        raise _fail(f"invalid priority {said.value[:40]!r}", said.place, f"Give 0 (most urgent) to {LOWEST_PRIORITY}.")
    if said.operator == "~":
        raise _fail("priority is a number", said.place)
    return _order(col(Bead.priority), _EQUAL.get(said.operator, said.operator), int(digits))


def _time(said: Comparison, column: Any, now: datetime) -> ColumnElement[bool]:
    if said.value.lower() == _NONE:
        if said.operator not in _EQUAL:
            raise _fail("none has no order: use = or !=", said.place)
        return col(column).is_(None) if _EQUAL[said.operator] == "=" else col(column).is_not(None)
    # `updated>7d` asks for what changed in the last seven days: a bare span goes back from now.
    text = f"-{said.value}" if re.fullmatch(r"\d{1,5}[hdwmy]", said.value) else said.value
    try:
        moment = parse_when(text, now, option=said.name.lower())
    except BadField as error:
        raise _fail(error.message, said.place, error.hint or "") from None
    if said.operator == "~":
        raise _fail(f"{said.name[:40]} is a time", said.place)
    operator = _EQUAL.get(said.operator, said.operator)
    if operator in ("=", "!=") and re.fullmatch(r"\d{4}-\d\d-\d\d", said.value):
        end = parse_when(f"{said.value}T23:59:59.999999", now)
        found = and_(col(column) >= moment, col(column) <= end)
    else:
        found = _order(col(column), "=" if operator == "!=" else operator, moment)
    has_it = and_(col(column).is_not(None), found)  # never unknown, so that NOT means what it says
    return not_(has_it) if operator == "!=" else has_it
