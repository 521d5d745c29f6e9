"""The town as it was, the log's snapshots, and what may be forgotten."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from gastown import clock, events, replay
from gastown.events import EventKind
from gastown.replay import columns
from gastown.replay.past import BadMoment, NothingThere
from gastown.replay.pruning import NoSnapshot, Pruned
from gastown.replay.reading import read_rows
from tests.support.lives import ADA, WHOLE, Life

Rows = dict[str, list[dict[str, Any]]]


def names_of(table: Any) -> tuple[str, ...]:
    return columns.replayed(table.name, (column.key for column in table.columns))


def held(session: Session) -> Rows:
    session.flush()
    return {table.name: in_order(read_rows(session, table, names_of(table))) for table in columns.state_tables()}


def told(built: replay.Rebuilt) -> Rows:
    return {
        table.name: in_order({name: row[name] for name in names_of(table)} for row in built.rows(table.name))
        for table in columns.state_tables()
    }


def in_order(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(sorted(row.items(), key=lambda item: item[0])))


def first_piece(session: Session, taken: replay.Snapshot) -> int:
    """PostgreSQL leaves numbers out."""
    query = text("SELECT min(id) FROM events WHERE kind = 'snapshot.rows' AND id >= :first")
    return int(session.execute(query, {"first": taken.first}).scalar() or 0)


def test_the_town_as_it_was_after_each_event_is_what_was_recorded_then(session: Session) -> None:
    life = Life(session)
    moments: dict[int, tuple[datetime, Rows]] = {}
    for name in WHOLE:
        life.step(name)
        moments[events.latest_id(session)] = clock.now(), held(session)
    assert len(moments) > 40
    for number, (_, rows) in moments.items():
        assert told(replay.at(session, number)) == rows
    number, (moment, rows) = sorted(moments.items())[len(moments) // 2]
    assert told(replay.at(session, moment)) == rows
    assert replay.at(session, moment).last == number


def test_replay_starts_at_a_snapshot_and_goes_on(session: Session) -> None:
    life = Life(session)
    for name in WHOLE[: len(WHOLE) // 2]:
        life.step(name)
    before, rows = events.latest_id(session), held(session)
    taken = replay.take_snapshot(session, actor=ADA)
    assert replay.verify(session) == []
    assert held(session) == rows
    for name in WHOLE[len(WHOLE) // 2 :]:
        life.step(name)
    assert replay.verify(session) == []
    built = replay.rebuild(session)
    assert built.start == taken.number
    assert built.events < events.latest_id(session) - taken.number + 1
    assert told(replay.at(session, before)) == rows
    assert told(replay.at(session, taken.number)) == rows


def test_a_snapshot_without_its_closing_event_or_a_piece_counts_for_nothing(session: Session) -> None:
    life = Life(session)
    life.step("fresh")
    first = replay.take_snapshot(session, actor=ADA)
    second = replay.take_snapshot(session, actor=ADA)
    assert replay.rebuild(session).start == second.number
    session.execute(text("DELETE FROM events WHERE id = :id"), {"id": first_piece(session, second)})
    assert replay.rebuild(session).start == first.number
    session.execute(text("DELETE FROM events WHERE id = :id"), {"id": first.number})
    assert replay.rebuild(session).start == 0
    assert replay.verify(session) == []


def test_a_snapshot_that_was_edited_is_found(lived: Session) -> None:
    taken = replay.take_snapshot(lived, actor=ADA)
    piece = first_piece(lived, taken)
    assert replay.verify(lived) == []
    for payload in ('{"table": "rigs", "columns": ["name"], "rows": [["app", 1]]}', '{"table": "moons"}', "[]", "{}"):
        cast = ":said" if lived.get_bind().dialect.name == "sqlite" else "CAST(:said AS jsonb)"
        lived.execute(
            text(f"UPDATE events SET payload = {cast} WHERE id = :id"),
            {"said": payload, "id": piece},
        )
        assert [one for one in replay.verify(lived) if one.event == piece]


def test_events_go_only_when_a_snapshot_stands_in_for_them(lived: Session) -> None:
    later = clock.now() + timedelta(seconds=1)
    with pytest.raises(NoSnapshot):
        replay.prune(lived, later, actor=ADA)
    old = events.latest_id(lived)
    taken = replay.take_snapshot(lived, actor=ADA)
    with pytest.raises(NoSnapshot):
        replay.prune(lived, datetime(2020, 1, 1, tzinfo=UTC), actor=ADA)
    lived.execute(text("UPDATE events SET rung_at = at"))
    owed = lived.execute(text("SELECT max(id) FROM events WHERE task IS NOT NULL")).scalar()
    lived.execute(text("UPDATE events SET rung_at = NULL WHERE id = :id"), {"id": owed})
    done = replay.prune(lived, later, actor=ADA)
    assert done.snapshot == taken.number
    assert done.events > 50
    left = set(lived.execute(text("SELECT kind FROM events WHERE id <= :id"), {"id": old}).scalars())
    assert EventKind.BEAD_CREATED in left
    assert EventKind.RIG_ADDED not in left
    assert lived.execute(text("SELECT count(*) FROM events WHERE id = :id"), {"id": owed}).scalar() == 1
    assert replay.verify(lived) == []
    with pytest.raises(Pruned):
        replay.at(lived, old)
    with pytest.raises(Pruned):
        replay.at(lived, datetime(2026, 1, 1, tzinfo=UTC))
    assert replay.draw(replay.at(lived, taken.number)).rigs


def test_a_picture_is_of_what_was_asked_for(lived: Session) -> None:
    built = replay.rebuild(lived)
    whole = replay.draw(built)
    assert sum(whole.statuses.values()) > 4
    assert {row["name"] for row in whole.rigs} == {"app", "lib"}
    one = replay.draw(built, rig="lib")
    assert {row["prefix"] for row in one.beads} <= {"lib"}
    assert {row["name"] for row in one.rigs} == {"lib"}
    bead = next(row["bead_id"] for row in built.rows("assignments"))
    told_of = replay.draw(built, bead=bead)
    assert [row["id"] for row in told_of.beads] == [bead]
    assert {row["bead_id"] for row in told_of.running} == {bead}
    for unknown in ({"rig": "moon"}, {"bead": "app-none"}):
        with pytest.raises(NothingThere):
            replay.draw(built, **unknown)


@pytest.mark.parametrize(
    ("said", "seconds"), [("2h ago", 7200), ("30 minutes ago", 1800), ("3d ago", 259200), ("5s ago", 5), ("now", 0)]
)
def test_times_are_read_as_people_say_them(said: str, seconds: int) -> None:
    now = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert replay.parse_moment(said, now) == now - timedelta(seconds=seconds)


def test_events_are_named_by_number() -> None:
    assert replay.parse_moment("#1234", clock.now()) == 1234


@pytest.mark.parametrize("said", ["", "soon", "+2d", "#", "#-1", "999999w ago", "2200-01-01", "\x1b[2J"])
def test_what_is_no_time_of_the_past_is_refused(said: str) -> None:
    from gastown.errors import GastownError

    with pytest.raises(GastownError):
        replay.parse_moment(said, clock.now())
    with pytest.raises(BadMoment):
        replay.parse_moment("+2d", clock.now())
