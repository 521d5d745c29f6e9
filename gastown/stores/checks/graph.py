"""The beads themselves: what is kept twice says the same, and nothing waits for itself."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlmodel import Session

from gastown import beads
from gastown.beads import soundness
from gastown.db import is_sqlite
from gastown.patrols import Check, Fault, Here, error, warning

_NAMED = 20  # faults of one check that are spelt out


@contextmanager
def snapshot(here: Here) -> Iterator[Session]:
    """A reading session in which several queries see the same moment, whoever writes meanwhile."""
    with here.read() as session:
        if not is_sqlite(session):
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


def _flaws(found: Sequence[soundness.Flaw], hint: str) -> Iterable[Fault]:
    for flaw in found[:_NAMED]:
        yield error(flaw.bead_id, f"{flaw.column} is {flaw.found!s}, and must be {flaw.wanted!s}", hint)
    if len(found) > _NAMED:
        yield error("", f"and {len(found) - _NAMED} more beads", hint)


def _blocked(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = soundness.find_wrong_blocked(session)
    return _flaws(found, "`bd doctor --fix` works it out anew.")


def _external(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = soundness.find_wrong_external(session)
    for target in found[:_NAMED]:
        yield error(target, "the store does not know whether it was shipped", "`bd doctor --fix` looks again.")


def _columns(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = soundness.find_wrong_columns(session)
    return _flaws(found, "`bd doctor --fix` gives it that; the event log keeps what it was.")


def _cycles(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = beads.find_living_circles(session)
    for way in found[:_NAMED]:
        shown = " -> ".join([*way, way[0]])
        yield error(way[0], f"these can never all be closed: {shown}", "Take one away: `bd dep remove ID DEPENDS_ON`.")


def _dangling(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = soundness.find_dangling(session)
    if found:
        named = ", ".join(f"{one} -> {two}" for one, two, _ in found[:_NAMED])
        yield warning(
            "",
            f"{len(found)} dependencies lead to beads that are not here: {named}",
            "They hold nobody up. Import the file that has those beads, or `bd dep remove ID DEPENDS_ON`.",
        )


def _orphans(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = soundness.find_orphans(session)
    if found:
        yield warning(
            "",
            f"{len(found)} beads have the id of a child, and their parent is not here: {', '.join(found[:_NAMED])}",
            "Import the file that has the parents; nothing else depends on it.",
        )


def _words(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = soundness.find_unknown_words(session)
    for name, key in (("status", "status.custom"), ("type", "types.custom")):
        if found[name]:
            shown = ", ".join(found[name][:_NAMED])
            yield warning(name, f"not known to this store: {shown}", f"Declare them: `bd config set {key} ...`.")


def _twins(here: Here) -> Iterable[Fault]:
    with snapshot(here) as session:
        found = soundness.find_twins(session)
    if found:
        named = "; ".join(", ".join(group) for group in found[:_NAMED])
        yield warning("", f"{len(found)} groups of open beads say the same: {named}", "Look at `bd duplicates`.")


BLOCKED = Check("Blocked State", _blocked, "what waits and what is ready is as the edges say")
EXTERNAL = Check("External Dependencies", _external, "external dependencies are up to date")
COLUMNS = Check("Derived Fields", _columns, "ids, closing times and child counters agree")
CYCLES = Check("Dependency Cycles", _cycles, "nothing waits for itself, also not through parents")
DANGLING = Check("Orphaned Dependencies", _dangling, "every dependency leads to a bead")
ORPHANS = Check("Child-Parent Dependencies", _orphans, "every child has its parent")
WORDS = Check("Types And Statuses", _words, "every type and status is known")
TWINS = Check("Duplicate Issues", _twins, "no two open beads say the same")
ALL = (BLOCKED, COLUMNS, CYCLES, EXTERNAL, DANGLING, ORPHANS, WORDS, TWINS)
