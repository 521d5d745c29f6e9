"""A store as it was: rebuilt from the events in memory, so that every question can be asked of it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, select, text
from sqlmodel import Session, col

from gastown import clock
from gastown.beads import readiness
from gastown.beads.errors import BadField
from gastown.beads.history.lineage import list_events
from gastown.beads.history.replay import BEAD_KINDS, State, is_gone, replay, replay_all
from gastown.beads.models import Bead, Comment, ConfigEntry, Dependency, Label
from gastown.db.engine import make_engine
from gastown.events import Event, EventKind

_TABLES = tuple(str(table.__tablename__) for table in (Bead, Dependency, Label, Comment, ConfigEntry))
_BATCH = 1000


@contextmanager
def past(
    session: Session, moment: datetime, *, around: Sequence[str] | None = None
) -> Iterator[tuple[Session, dict[str, str]]]:
    """The store as it was at `moment`: all of it, or these beads (as they are called now) and their neighbours.

    Yields a session that ends with the block, and what the beads of `around` that were there were called then.
    """
    if moment > clock.now():
        raise BadField("--as-of names a time that is still to come")
    called: dict[str, str] = {}
    if around is None:
        states: Iterable[State] = _all(session, moment)
    else:
        found = {name: replay(list_events(session, name, until=moment)) for name in around}
        wanted = {name: state for name, state in found.items() if state is not None and not is_gone(state)}
        called = {name: state.id for name, state in wanted.items()}
        states = _with_neighbours(session, list(wanted.values()), moment)
    engine = make_engine("sqlite://")
    try:
        Bead.metadata.create_all(engine, tables=[Bead.metadata.tables[name] for name in _TABLES])
        with Session(engine) as then:
            _fill(then, states)
            _copy(session, then)
            readiness.refresh_external(then)
            readiness.recompute_all(then)
            then.expire_all()
            yield then, called
    finally:
        engine.dispose()


def _with_neighbours(session: Session, wanted: Sequence[State], moment: datetime) -> list[State]:
    names = {target for state in wanted for target, _ in state.edges}
    for state in wanted:
        names.update(_dependents(session, state.id))
    found = {state.id: state for state in wanted}
    for name in sorted(names):
        near = replay(list_events(session, name, until=moment))
        if near is not None:
            found.setdefault(near.id, near)
    return list(found.values())


def _dependents(session: Session, bead_id: str) -> set[str]:
    """Who has, or has ever had, an edge to this bead."""
    removed = select(col(Event.bead_id)).where(
        col(Event.kind) == EventKind.DEPENDENCY_REMOVED,
        col(Event.payload)["depends_on_id"].as_string() == bead_id,
    )
    held = select(col(Dependency.issue_id)).where(col(Dependency.depends_on_id) == bead_id)
    return {str(name) for query in (held, removed) for name in session.execute(query).scalars()}


def _all(session: Session, moment: datetime) -> Iterable[State]:
    query = select(Event).where(col(Event.kind).in_(BEAD_KINDS), col(Event.at) <= moment).order_by(col(Event.id))
    return replay_all(_streamed(session, query))


def _streamed(session: Session, query: Select[Any]) -> Iterator[Event]:
    for event in session.execute(query.execution_options(yield_per=_BATCH)).scalars():
        yield event
        session.expunge(event)


def _fill(then: Session, states: Iterable[State]) -> None:
    rows: dict[type, list[dict[str, Any]]] = {}
    for state in states:
        for table, found in state.rows().items():
            rows.setdefault(table, []).extend(found)
    for table, found in rows.items():
        if found:
            then.execute(insert(table), found)


def _copy(session: Session, then: Session) -> None:
    """What the past is read with: the store's words, and which project has which prefix."""
    entries = [entry.model_dump() for entry in session.execute(select(ConfigEntry)).scalars()]
    if entries:
        then.execute(insert(ConfigEntry), entries)
    then.execute(text("CREATE TABLE rigs (name TEXT, prefix TEXT)"))
    rigs = [{"name": name, "prefix": prefix} for name, prefix in session.execute(text("SELECT name, prefix FROM rigs"))]
    if rigs:
        then.execute(text("INSERT INTO rigs VALUES (:name, :prefix)"), rigs)
