"""What a word on the command line means: a template that is kept, a formula, or a molecule that is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from gastown import beads
from gastown.beads import Bead, BeadStatus
from gastown.errors import NotFound
from gastown.molecules.cooking import cook
from gastown.molecules.documents import NAME
from gastown.molecules.errors import FormulaNotFound, NotAMolecule
from gastown.molecules.library import Library, read_file
from gastown.molecules.protomolecule import Protomolecule
from gastown.molecules.trees import read_proto


@dataclass(frozen=True)
class Shelf:
    """Where words are looked up: the formulas, and the prefix of the caller's beads."""

    library: Library
    prefix: str | None = None


def find_template(session: Session, name: str) -> Bead | None:
    """The template that was kept of the formula of this name, the newest first."""
    return session.exec(
        select(Bead)
        .where(
            col(Bead.is_template).is_(True),
            Bead.issue_type == "molecule",
            Bead.source_formula == name,
            Bead.status != BeadStatus.TOMBSTONE.value,
            Bead.is_top == True,  # noqa: E712 - SQL
        )
        .order_by(col(Bead.created_at).desc(), Bead.id)
        .limit(1)
    ).first()


def find_source(session: Session, word: str, shelf: Shelf, given: Mapping[str, str]) -> Protomolecule | Bead:
    """A plan to pour, or a molecule that is there already.

    A whole id of a bead counts first, then a formula, then a template that was kept of one, then part of an id.
    """
    try:
        return _of_bead(session, beads.get(session, word))
    except beads.BeadNotFound:
        pass
    if NAME.fullmatch(word) is not None and shelf.library.has(word):
        return cook(shelf.library.load(word), shelf.library.load, given)
    kept = find_template(session, word)
    if kept is not None:
        return _of_bead(session, kept)
    try:
        return _of_bead(session, beads.find(session, word, prefix=shelf.prefix))
    except NotFound:
        places = ", ".join(str(folder) for folder in shelf.library.folders) or "no folder"
        raise FormulaNotFound(
            f"no formula, template or molecule {word[:60]!r}",
            hint=f"Looked for formulas in {places}. `bd formula list` shows them.",
        ) from None


def _of_bead(session: Session, bead: Bead) -> Protomolecule | Bead:
    return read_proto(session, bead.id) if bead.is_template else bead


def find_proto(session: Session, word: str, shelf: Shelf, given: Mapping[str, str]) -> Protomolecule:
    """A plan to pour; refuses a molecule that is there already."""
    found = find_source(session, word, shelf, given)
    if isinstance(found, Bead):
        raise NotAMolecule(
            f"{found.id} is no template", hint="Name a formula, or a template: `bd mol distill` makes a formula of it."
        )
    return found


def cook_word(word: str, library: Library, given: Mapping[str, str], *, is_path: bool) -> Protomolecule:
    """The formula of this name, or in this file, cooked."""
    formula = read_file(Path(word)) if is_path else library.load(word)
    return cook(formula, library.load, given)
