"""Beads that say the same: word for word, or nearly."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from gastown.beads.models import Bead
from gastown.beads.patches import LONG_TEXTS
from gastown.beads.queries import load_relations
from gastown.beads.replacing import mark_duplicate
from gastown.beads.words.vocabulary import active_statuses
from gastown.errors import GastownError

_WORD = re.compile(r"\w+")
_TITLE_WEIGHT = 3  # a word of the title says more than one of a long text
_DEPENDENT_WEIGHT = 3
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Pair:
    """Two beads that say nearly the same."""

    one: Bead
    other: Bead
    similarity: float

    def as_json(self) -> dict[str, Any]:
        """The pair as `--json` shows it."""
        return {
            "issue_a_id": self.one.id,
            "issue_a_title": self.one.title,
            "issue_b_id": self.other.id,
            "issue_b_title": self.other.title,
            "similarity": round(self.similarity, 3),
            "method": "mechanical",
        }


@dataclass(frozen=True)
class Group:
    """Beads that say the same, the one to keep first."""

    beads: list[Bead]
    weights: dict[str, int]
    """By id: how much hangs on it."""

    @property
    def canonical(self) -> Bead:
        """The one to keep."""
        return self.beads[0]

    def as_json(self) -> dict[str, Any]:
        """The group as `--json` shows it."""
        others = [bead.id for bead in self.beads[1:]]
        return {
            "title": self.canonical.title,
            "issues": [
                {
                    "id": bead.id,
                    "title": bead.title,
                    "status": bead.status,
                    "priority": bead.priority,
                    "weight": self.weights[bead.id],
                    "is_merge_target": bead is self.canonical,
                }
                for bead in self.beads
            ],
            "suggested_target": self.canonical.id,
            "suggested_sources": others,
            "suggested_action": "; ".join(f"bd duplicate {name} --of {self.canonical.id}" for name in others),
        }


def find_pairs(beads: Sequence[Bead], *, threshold: float) -> list[Pair]:
    """Every two beads whose words are alike to `threshold` (0 to 1), the most alike first.

    Alike is the weight of the words that both have over that of the words that one of them has.
    """
    bags = [_bag(bead) for bead in beads]
    totals = [sum(bag.values()) for bag in bags]
    common = Counter(word for bag in bags for word in bag)
    holders: dict[str, list[int]] = {}
    found: list[Pair] = []
    for place, bag in enumerate(bags):
        rare = list(_prefix(bag, common, threshold))
        for other in {held for word in rare for held in holders.get(word, ())}:
            # What is so much longer cannot be alike.
            if min(totals[place], totals[other]) < threshold * max(totals[place], totals[other]) - _ROUNDING:
                continue
            similarity = _similarity(bag, bags[other])
            if similarity >= threshold:
                found.append(Pair(beads[other], beads[place], similarity))
        for word in rare:
            holders.setdefault(word, []).append(place)
    return sorted(found, key=lambda pair: (-pair.similarity, pair.one.id, pair.other.id))


def _bag(bead: Bead) -> dict[str, int]:
    """The words of a bead with their weights."""
    words = dict.fromkeys(_WORD.findall(" ".join(getattr(bead, name) for name in LONG_TEXTS).lower()), 1)
    return words | dict.fromkeys(_WORD.findall(bead.title.lower()), _TITLE_WEIGHT)


def _prefix(bag: dict[str, int], common: Counter[str], threshold: float) -> Iterator[str]:
    """The rarest words, of which two bags that are alike to `threshold` share at least one.

    What the other words weigh together is too little for that: so most beads are never compared.
    """
    left = sum(bag.values())
    enough = threshold * left - _ROUNDING
    for word in sorted(bag, key=lambda word: (common[word], word)):
        if left < enough:
            return
        yield word
        left -= bag[word]


def _similarity(one: dict[str, int], other: dict[str, int]) -> float:
    both = sum(min(weight, other[word]) for word, weight in one.items() if word in other)
    either = sum(one.values()) + sum(other.values()) - both
    return both / either if either else 0.0


def find_groups(session: Session) -> list[Group]:
    """The open beads that have the same type, title and texts, by group."""
    is_open = col(Bead.status).in_(active_statuses(session))
    twice = select(Bead.title).where(is_open).group_by(Bead.title).having(func.count() > 1)
    rows = session.exec(select(Bead).where(is_open, col(Bead.title).in_(twice)).order_by(col(Bead.id))).all()
    same: dict[tuple[str, ...], list[Bead]] = {}
    for bead in rows:
        same.setdefault(tuple(getattr(bead, name) for name in ("title", "issue_type", *LONG_TEXTS)), []).append(bead)
    groups = [found for found in same.values() if len(found) > 1]
    weights = _weigh(session, [bead.id for found in groups for bead in found])
    return [
        Group(sorted(found, key=lambda bead: (-weights[bead.id], bead.created_at, bead.id)), weights)
        for found in groups
    ]


def _weigh(session: Session, ids: Sequence[str]) -> dict[str, int]:
    relations = load_relations(session, ids)
    return {
        name: _DEPENDENT_WEIGHT * len(relations.dependents.get(name, [])) + len(relations.edges.get(name, []))
        for name in ids
    }


@dataclass(frozen=True)
class Merging:
    """What became of the duplicates."""

    merged: dict[str, str]
    """By id: in favour of which bead it was closed."""
    refused: dict[str, str]
    """By id: why it was not."""


def merge_groups(session: Session, groups: Sequence[Group], *, actor: str) -> Merging:
    """Close every duplicate in favour of its group's first; what a guard holds open stays as it is."""
    result = Merging({}, {})
    for group in groups:
        for bead in group.beads[1:]:
            try:
                with session.begin_nested():
                    mark_duplicate(session, bead.id, group.canonical.id, actor=actor)
            except GastownError as error:
                session.expire_all()
                result.refused[bead.id] = error.message
            else:
                result.merged[bead.id] = group.canonical.id
    return result
