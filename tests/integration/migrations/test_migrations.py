"""The schema's history against the models, on both databases."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, DateTime, MetaData, inspect, text
from sqlmodel import SQLModel

from gastown import tables
from gastown.db import get_engine
from gastown.town import schema
from tests.support.processes import run_at_once

SAMPLES = Path(__file__).parent / "samples"


def revisions() -> list[str]:
    """Every revision, first to last."""
    return [script.revision for script in ScriptDirectory.from_config(schema.config()).walk_revisions()][::-1]


def table_names(url: str) -> set[str]:
    with get_engine(url).connect() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def load_sample(connection: Connection, revision: str) -> int:
    """Insert the sample rows of a revision through the database's own idea of its tables; return how many."""
    found = MetaData()
    found.reflect(connection)
    count = 0
    for name, rows in json.loads((SAMPLES / f"{revision}.json").read_text()).items():
        table = found.tables[name]
        for row in rows:
            for column in table.columns:
                if isinstance(column.type, DateTime) and row.get(column.name):
                    moment = datetime.fromisoformat(row[column.name]).astimezone(UTC)
                    naive = connection.dialect.name == "sqlite"
                    row[column.name] = moment.replace(tzinfo=None) if naive else moment
            connection.execute(table.insert().values(row))
            count += 1
    return count


def test_every_table_is_made_when_an_empty_database_is_upgraded(empty_url: str) -> None:
    done = schema.upgrade(empty_url)

    assert (done.before, done.after, done.changed) == (None, schema.head(), True)
    assert table_names(empty_url) == set(SQLModel.metadata.tables)
    assert schema.current(empty_url) == schema.head()


def test_nothing_happens_when_the_schema_is_newest(empty_url: str) -> None:
    schema.upgrade(empty_url)

    assert not schema.upgrade(empty_url).changed


def test_models_and_migrations_agree(empty_url: str) -> None:
    schema.upgrade(empty_url)

    with get_engine(empty_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_partial_unique_indexes_are_partial(empty_url: str) -> None:
    """Autogenerate does not compare conditions, and an unconditional index would forbid a second attempt at a bead."""
    schema.upgrade(empty_url)

    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    }
    with get_engine(empty_url).connect() as connection:
        found = {name: sql for name, sql in connection.execute(text(query[connection.dialect.name]))}
    wanted = {
        index.name
        for table in SQLModel.metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    assert wanted
    assert {name for name, sql in found.items() if re.search(r"\bWHERE\b", sql, re.IGNORECASE)} == wanted


def test_the_schema_returns_when_it_is_taken_down_and_up_again(empty_url: str) -> None:
    schema.upgrade(empty_url)
    with get_engine(empty_url).begin() as connection:
        load_sample(connection, "0001")
        command.downgrade(schema.config(connection), "base")
    assert table_names(empty_url) == set()

    schema.upgrade(empty_url)

    assert table_names(empty_url) == set(SQLModel.metadata.tables)


def test_rows_of_every_revision_survive_the_later_ones(empty_url: str) -> None:
    counts: dict[str, int] = {}
    for revision in revisions():
        with get_engine(empty_url).begin() as connection:
            command.upgrade(schema.config(connection), revision)
        with get_engine(empty_url).begin() as connection:
            counts[revision] = load_sample(connection, revision)

    assert all(counts.values())
    with get_engine(empty_url).connect() as connection:
        left = sum(
            connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in SQLModel.metadata.tables
        )
    assert left == sum(counts.values())


def test_an_upgrade_is_refused_when_the_database_is_newer(empty_url: str) -> None:
    schema.upgrade(empty_url)
    with get_engine(empty_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(schema.NewerSchema) as refused:
        schema.upgrade(empty_url)

    assert refused.value.exit_code == 3
    assert schema.current(empty_url) == "9999"


def test_nothing_is_left_behind_when_an_upgrade_fails_half_way(empty_url: str) -> None:
    with get_engine(empty_url).begin() as connection:
        connection.execute(text("CREATE TABLE workers (id INTEGER)"))  # in the way of the migration

    with pytest.raises(schema.SchemaAway):
        schema.upgrade(empty_url)

    assert table_names(empty_url) == {"workers"}
    assert schema.current(empty_url) is None


def _upgrade(url: str) -> bool:
    return schema.upgrade(url).changed


def test_one_of_several_upgraders_does_the_work_when_they_start_at_once(empty_url: str) -> None:
    changed = run_at_once(_upgrade, [(empty_url,)] * 3, within_s=60, preload=["gastown.tables", "alembic"])

    assert sorted(changed) == [False, False, True]
    assert table_names(empty_url) == set(SQLModel.metadata.tables)


def test_the_newest_revision_is_the_one_that_commands_ask_for() -> None:
    assert schema.head() == tables.REVISION
    assert set(revisions()) - {tables.REVISION} == tables.OLDER_REVISIONS


def test_every_migration_has_a_sample_and_a_dated_name() -> None:
    for script in ScriptDirectory.from_config(schema.config()).walk_revisions():
        assert re.fullmatch(r"\d{8}_\d{4}_[a-z0-9_]+\.py", Path(script.path).name)
        assert (SAMPLES / f"{script.revision}.json").is_file()


def test_the_schema_goes_where_it_is_told_and_back(empty_url: str) -> None:
    schema.upgrade(empty_url)

    for revision in (*revisions()[::-1], *revisions()):
        assert schema.move(empty_url, revision) == revision
        assert schema.current(empty_url) == revision
    assert table_names(empty_url) == set(SQLModel.metadata.tables)


def test_a_schema_that_never_was_is_refused(empty_url: str) -> None:
    schema.upgrade(empty_url)

    with pytest.raises(schema.UnknownRevision, match="no such schema"):
        schema.move(empty_url, "0815")
    assert schema.current(empty_url) == schema.head()
