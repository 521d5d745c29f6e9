"""What a listing may be asked for: unknown words and questions that no bead can answer are refused, not answered."""

import re
from fnmatch import fnmatchcase

from sqlmodel import Session, select

from gastown.beads.checks import MOLECULE_TYPES, WISP_TYPES
from gastown.beads.errors import BadField
from gastown.beads.filters import Filters
from gastown.beads.models import LOWEST_PRIORITY, Bead, BeadStatus, Label
from gastown.beads.views.patterns import PATTERN_LIMIT, compile_pattern
from gastown.beads.words.vocabulary import known_statuses, known_types

_METADATA_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,254}")
_WORDS_LIMIT = 1000  # characters to look for; SQLite refuses patterns of 50,000
_LABELS_LIMIT = 20_000  # that one pattern may stand for; SQLite takes 32,766 parameters in all


def find_labels(session: Session, *, glob: str = "", regex: str = "") -> frozenset[str]:
    """The labels in use that a pattern stands for: `tech-*` all of it, a regular expression anywhere in it."""
    if len(glob) > PATTERN_LIMIT:
        raise BadField(f"the label pattern is longer than {PATTERN_LIMIT} characters")
    search = compile_pattern(regex).search if regex else lambda label: fnmatchcase(label, glob)
    found = frozenset(label for label in session.exec(select(Label.label).distinct()) if search(label))
    if len(found) > _LABELS_LIMIT:
        raise BadField(f"the label pattern stands for more than {_LABELS_LIMIT} labels", hint="Narrow it down.")
    return found


def check_filters(session: Session, filters: Filters) -> None:
    """Refuse what neither beads nor this store know, and what contradicts itself."""
    for words in (filters.text, filters.title_contains, filters.desc_contains, filters.notes_contains, filters.spec):
        if len(words) > _WORDS_LIMIT:
            raise BadField(f"text to look for is longer than {_WORDS_LIMIT} characters")
    _check_words(session, filters)
    _check_kinds(session, filters)
    _check_ranges(filters)
    _check_contradictions(filters)


def check_metadata_key(key: str) -> str:
    """The key itself; refuses what no bead's metadata can have."""
    if _METADATA_KEY.fullmatch(key) is None:
        raise BadField(f"invalid metadata key {key[:60]!r}", hint="Use letters, digits and _ . - : /")
    return key


def _check_words(session: Session, filters: Filters) -> None:
    for name, values, known, column in (
        ("status", filters.statuses, frozenset(known_statuses(session)), Bead.status),
        ("issue type", (*filters.types, *filters.exclude_types), frozenset(known_types(session)), Bead.issue_type),
    ):
        for value in values:
            if value not in known and session.exec(select(Bead.id).where(column == value).limit(1)).first() is None:
                raise BadField(f"invalid {name} {value[:60]!r}", hint=f"Known: {', '.join(sorted(known))}.")


def _check_kinds(session: Session, filters: Filters) -> None:
    for name, value, known, column in (
        ("molecule type", filters.mol_type, MOLECULE_TYPES, Bead.mol_type),
        ("wisp type", filters.wisp_type, WISP_TYPES, Bead.wisp_type),
    ):
        if value and value not in known and session.exec(select(Bead.id).where(column == value)).first() is None:
            raise BadField(f"invalid {name} {value[:60]!r}", hint=f"Known: {', '.join(known)}.")
    for key in (*(key for key, _ in filters.metadata), *filters.metadata_keys):
        check_metadata_key(key)


def _check_ranges(filters: Filters) -> None:
    least, most = filters.priority_min or 0, LOWEST_PRIORITY if filters.priority_max is None else filters.priority_max
    for number in (filters.priority or 0, least, most):
        if not 0 <= number <= LOWEST_PRIORITY:
            raise BadField(f"invalid priority {number}", hint=f"Give 0 (most urgent) to {LOWEST_PRIORITY}.")
    if least > most:
        raise BadField(f"no priority is between {least} and {most}")
    if filters.priority is not None and not least <= filters.priority <= most:
        raise BadField(f"priority {filters.priority} is not between {least} and {most}")
    for span in (filters.created, filters.updated, filters.closed, filters.due, filters.defer):
        if span.after is not None and span.before is not None and span.after >= span.before:
            raise BadField("no time is after the later and before the earlier one")


def _check_contradictions(filters: Filters) -> None:
    wants_label = bool(filters.labels or filters.labels_any or filters.label_sets)
    is_done = bool(filters.statuses) and set(filters.statuses) <= {BeadStatus.CLOSED.value}
    for is_wrong, words in (
        (filters.assignee and filters.unassigned, "a bead with an assignee has none"),
        (wants_label and filters.no_labels, "a bead without labels has one"),
        ((filters.parent or filters.below) and filters.no_parent, "a bead without a parent has one"),
        (set(filters.labels) & set(filters.exclude_labels), "a label is both wanted and excluded"),
        (set(filters.types) & set(filters.exclude_types), "a type is both wanted and excluded"),
        (filters.overdue and is_done, "a closed bead is not overdue"),
        (filters.deferred and is_done, "a closed bead is not deferred"),
        (filters.desc_contains and filters.empty_description, "an empty description holds text"),
    ):
        if is_wrong:
            raise BadField(f"no bead can match: {words}", hint="Leave one of the two options out.")
