"""What somebody changed by hand, in a row or in the log, is found and named; nothing there is a crash."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Float, Integer, Table, delete, insert, select, text, update
from sqlmodel import Session, SQLModel

from gastown import replay, tables
from gastown.db import UtcTime, is_sqlite
from gastown.events import is_json
from gastown.replay import Difference, Flaw, columns

assert tables
TABLES = sorted(table.name for table in columns.state_tables() if table.name not in {"towns", "findings"})


def found(session: Session) -> list[Difference]:
    return list(replay.verify(session))


def another(column: Column[Any], value: Any) -> Any:
    """A value that the column could hold, and does not."""
    if is_json(column):
        return {"by": "hand"}
    if isinstance(column.type, UtcTime):
        return datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Integer):
        return (value or 0) + 1000
    if isinstance(column.type, Float):
        return 1234.5
    kinds = getattr(column.type, "kind", None)
    return next(kind for kind in reversed(list(kinds)) if kind != value) if kinds else "by-hand"


def loosen(session: Session) -> None:
    """Let rows be edited that others refer to, as somebody with a database shell would."""
    if is_sqlite(session):
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
    else:
        session.execute(text("SET session_replication_role = replica"))


def one_row(session: Session, table: Table) -> dict[str, Any]:
    row = session.execute(select(table).order_by(*table.primary_key.columns).limit(1)).mappings().first()
    assert row is not None, table.name
    return dict(row)


def is_row(table: Table, row: dict[str, Any]) -> Any:
    from sqlalchemy import and_

    return and_(*(column == row[column.key] for column in table.primary_key.columns))


def name_of(table: Table, row: dict[str, Any]) -> str:
    return "/".join(str(row[column.key]) for column in table.primary_key.columns)


@pytest.mark.parametrize("name", TABLES)
def test_every_column_of_a_row_that_was_edited_is_named_with_both_values(lived: Session, name: str) -> None:
    table = SQLModel.metadata.tables[name]
    row = one_row(lived, table)
    for column in table.columns:
        if column.primary_key or column.key in columns.COLUMNS.get(name, {}):
            continue
        value = another(column, row[column.key])
        with lived.begin_nested() as savepoint:
            loosen(lived)
            lived.execute(update(table).where(is_row(table, row)).values({column.key: value}))
            flaws = found(lived)
            savepoint.rollback()
        assert [(one.flaw, one.table, one.row, one.column) for one in flaws] == [
            (Flaw.VALUE, name, name_of(table, row), column.key)
        ]
        assert flaws[0].said != flaws[0].held
    assert found(lived) == []


@pytest.mark.parametrize("name", TABLES)
def test_a_row_that_was_deleted_is_named(lived: Session, name: str) -> None:
    table = SQLModel.metadata.tables[name]
    row = one_row(lived, table)
    loosen(lived)
    lived.execute(delete(table).where(is_row(table, row)))
    assert (Flaw.MISSING, name, name_of(table, row)) in [(one.flaw, one.table, one.row) for one in found(lived)]


@pytest.mark.parametrize("name", TABLES)
def test_a_row_that_was_added_is_named(lived: Session, name: str) -> None:
    table = SQLModel.metadata.tables[name]
    row = one_row(lived, table)
    keys = {column.key: another(column, row[column.key]) for column in table.primary_key.columns}
    other = {**row, **keys}
    unique = [column.key for column in table.columns if column.unique or column.key in {"fence", "polecat"}]
    unique += ["bead_id"] if name == "merge_requests" else []
    other |= {key: another(table.columns[key], row[key]) for key in unique}
    loosen(lived)
    lived.execute(insert(table).values(other))
    assert [(one.flaw, one.table, one.row) for one in found(lived)] == [(Flaw.SURPLUS, name, name_of(table, other))]


def edit_payload(session: Session, number: int, payload: str) -> None:
    cast = ":said" if is_sqlite(session) else "CAST(:said AS jsonb)"
    session.execute(
        text(f"UPDATE events SET payload = {cast} WHERE id = :number"),
        {"said": payload, "number": number},
    )


def events_of(session: Session, kind: str) -> Sequence[Any]:
    return session.execute(text("SELECT id FROM events WHERE kind = :kind ORDER BY id"), {"kind": kind}).scalars().all()


# One kind for each table, and a word of it that its row keeps.
SAID = {
    "assignments": ("assignment.slung", "preset"),
    "beads": ("bead.created", "bead"),
    "bead_config": ("store.configured", "value"),
    "comments": ("bead.commented", "text"),
    "convoys": ("convoy.created", "title"),
    "convoy_members": ("convoy.member_added", "convoy"),
    "dependencies": ("dependency.added", "type"),
    "gate_runs": ("gate_run.finished", "finished_at"),
    "gates": ("rig.added", "checks"),
    "labels": ("label.added", "label"),
    "landing_intents": ("landing.intended", "new"),
    "merge_heads": ("request.submitted", "branch"),
    "merge_requests": ("request.landed", "sha"),
    "polecats": ("polecat.named", "name"),
    "refineries": ("target.found", "oid"),
    "rigs": ("rig.added", "branch"),
    "settings": ("setting.changed", "updated_at"),
}


def test_an_event_of_each_table_is_edited_below() -> None:
    assert set(SAID) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_an_event_without_its_words_is_found(lived: Session, name: str) -> None:
    kind, word = SAID[name]
    number = events_of(lived, kind)[-1]
    payload = lived.execute(text("SELECT payload FROM events WHERE id = :id"), {"id": number}).scalar()
    said = json.loads(payload) if isinstance(payload, str) else payload
    assert word in said
    del said[word]
    edit_payload(lived, number, json.dumps(said))
    assert found(lived), f"nobody misses {word} of {kind}"


@pytest.mark.parametrize("name", TABLES)
def test_an_event_that_says_something_else_altogether_is_found(lived: Session, name: str) -> None:
    number = events_of(lived, SAID[name][0])[-1]
    for payload in ("[1, 2]", '{"run": {"a": 1}, "request": []}'):
        edit_payload(lived, number, payload)
        assert found(lived)


def test_an_event_of_an_unknown_kind_and_one_without_a_time_are_named(lived: Session) -> None:
    lived.execute(text("UPDATE events SET kind = 'rig.exploded' WHERE id = 2"))
    if is_sqlite(lived):
        lived.execute(text("UPDATE events SET at = 'noon', payload = '{' WHERE id = 3"))
        lived.execute(text("UPDATE events SET at = 'noon' WHERE id = 4"))
    said = [str(one) for one in found(lived)]
    assert "event 2 of the unknown kind 'rig.exploded'" in said
    if is_sqlite(lived):
        assert "event 3 says nothing that can be read" in said
        assert "event 4 happened at 'noon', which is no time" in said


def test_a_row_of_nonsense_is_named(lived: Session) -> None:
    if not is_sqlite(lived):
        return  # which refuses nonsense by itself
    number = lived.execute(text("SELECT min(id) FROM assignments")).scalar()
    words = "UPDATE assignments SET state = 'dancing', created_at = 'noon', rework = '{', fence = 'x' WHERE id = :id"
    lived.execute(text(words), {"id": number})
    held = {one.column: one.held for one in found(lived)}
    assert held == {"state": "dancing", "created_at": "noon", "rework": "{", "fence": "x"}


def test_a_number_that_does_not_follow_is_a_gap(lived: Session) -> None:
    number = events_of(lived, "assignment.slung")[-1]
    lived.execute(text("DELETE FROM events WHERE id = :id"), {"id": events_of(lived, "assignment.slung")[0]})
    assert [one for one in replay.find_gaps(lived)]
    assert number
