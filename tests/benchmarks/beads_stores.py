"""Big stores for benchmarks, made in sets: a mix as real stores have it, or one that is hostile to `ready`.

The rows are written by SQL alone, so that a million take a minute; `is_blocked` comes from `recompute_all`.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlmodel import Session

from gastown import beads
from gastown.beads import Bead, Dependency, NewBead, readiness
from gastown.db.engine import make_engine
from tests.support.databases import NoPostgres, PostgresServer, make_schema

PREFIX = "app"
FIRST = 10_000_000
DATABASES = ("sqlite", "postgresql")
# Of ten beads: four closed, one in progress, five open. A number is scrambled first, so that kinds are spread evenly.
_STATUS = "CASE WHEN k % 10 < 4 THEN 'closed' WHEN k % 10 = 4 THEN 'in_progress' ELSE 'open' END"
_TYPE = "CASE WHEN (k / 10) % 50 = 0 THEN 'epic' WHEN k % 3 = 0 THEN 'bug' ELSE 'task' END"


@dataclass(frozen=True)
class Mix:
    """SQL expressions over n (the number of a bead, from 1), k (the same, scrambled) and size."""

    columns: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[tuple[str, str], ...] = (("n - 1 - k % 50", "blocks"), ("n - 51 - k % 400", "related"))
    """For each bead with a positive target: the number of what it depends on, and the type."""


ORDINARY = Mix()
HOSTILE = {
    "deferred": Mix({"status": "'deferred'", "defer_until": ":later", "priority": "0"}, ()),
    "open_but_put_off": Mix({"status": "'open'", "defer_until": ":later", "priority": "0"}, ()),
    "came_back": Mix({"status": "'deferred'", "defer_until": ":earlier", "priority": "0"}, ()),
    "blocked": Mix(
        {"status": "CASE WHEN n < size - 200 THEN 'open' ELSE 'closed' END", "issue_type": "'task'"},
        (("CASE WHEN n > 200 THEN 1 + k % 200 ELSE 0 END", "blocks"),),
    ),
    "all_p0_ready": Mix({"status": "'open'", "priority": "0", "issue_type": "'task'"}, ()),
    "epics_with_open_children": Mix(
        {
            "status": "'open'",
            "issue_type": "CASE WHEN n <= size / 2 THEN 'epic' ELSE 'task' END",
            "priority": "CASE WHEN n <= size / 2 THEN 0 ELSE 4 END",
        },
        (("CASE WHEN n > size / 2 THEN n - size / 2 ELSE 0 END", "parent-child"),),
    ),
    "messages": Mix({"status": "'open'", "priority": "0", "issue_type": "'message'"}, ()),
    "assigned": Mix({"status": "'open'", "priority": "0", "assignee": "'ada'", "issue_type": "'task'"}, ()),
}


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="beads-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def databases(wanted: tuple[str, ...] = DATABASES) -> Iterator[dict[str, Callable[[], str]]]:
    """For each kind of database, a function that makes an empty one and returns its URL.

    PostgreSQL runs as for tests, without fsync; it is missing where it is not installed.
    """
    with folder() as place, contextlib.ExitStack() as stack:
        made = 0

        def sqlite() -> str:
            nonlocal made
            made += 1
            url = f"sqlite:///{place}/{made}.db"
            make_schema(url)
            return url

        makers: dict[str, Callable[[], str]] = {"sqlite": sqlite} if "sqlite" in wanted else {}
        if "postgresql" in wanted:
            with contextlib.suppress(NoPostgres):
                server = PostgresServer()
                stack.callback(server.stop)
                makers["postgresql"] = server.create_database
        yield makers


def fill(url: str, size: int, mix: Mix = ORDINARY) -> None:
    """Put `size` beads of the mix into an empty store, with their edges, an event each, and `is_blocked`."""
    engine = make_engine(url)
    with Session(engine) as session:
        template = beads.create(session, NewBead(title="a bead", prefix=PREFIX, description="word " * 40), actor="ada")
        session.commit()
        row = session.execute(text("SELECT * FROM beads WHERE id = :id"), {"id": template.id}).mappings().one()
    _insert(engine, size, mix, row)
    with Session(engine) as session:
        session.execute(text("DELETE FROM beads WHERE id = :id"), {"id": template.id})
        readiness.recompute_all(session)
        session.commit()
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def _insert(engine: Engine, size: int, mix: Mix, row: Mapping[str, Any]) -> None:
    is_sqlite = engine.dialect.name == "sqlite"
    numbers = (
        "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :size) SELECT n FROM s)"
        if is_sqlite
        else "(SELECT generate_series(1, :size) AS n)"
    )
    # 64 bits: a million times 7919 is more than an integer of PostgreSQL holds.
    mixed = "CAST((CAST(n AS BIGINT) * 7919) % 1000003 AS INTEGER) AS k"
    source = f"(SELECT n, {mixed}, CAST(:size AS INTEGER) AS size FROM {numbers} AS s) AS numbered"
    # A minute between two beads.
    moment = (
        "strftime('%Y-%m-%d %H:%M:%S.000000', '2025-01-01', '+' || n || ' minutes')"
        if is_sqlite
        else "timestamptz '2025-01-01 00:00:00+00' + n * interval '1 minute'"
    )
    columns = {name: f"(SELECT {name} FROM beads WHERE id = :template)" for name in Bead.__table__.columns.keys()}  # type: ignore[attr-defined] # noqa: SIM118
    columns |= {
        "id": f"'{PREFIX}-' || ({FIRST} + n)",
        "title": "'bead number ' || n",
        "status": _STATUS,
        "issue_type": _TYPE,
        "priority": "(k / 7) % 5",
        "created_at": moment,
        "updated_at": moment,
        **mix.columns,
    }
    columns["closed_at"] = f"CASE WHEN {columns['status']} = 'closed' THEN {moment} END"
    values = {"size": size, "template": row["id"]}
    times = {":later": "2999-01-01 00:00:00.000000", ":earlier": "2025-06-01 00:00:00.000000"}
    suffix = "" if is_sqlite else "+00"
    for word, said in times.items():
        literal = f"'{said}'" if is_sqlite else f"timestamptz '{said}{suffix}'"
        columns = {name: said_sql.replace(word, literal) for name, said_sql in columns.items()}
    with engine.begin() as connection:
        names = ", ".join(columns)
        connection.execute(
            text(f"INSERT INTO beads ({names}) SELECT {', '.join(columns.values())} FROM {source}"),
            values,
        )
        blank = Dependency(issue_id="", depends_on_id="", type="").model_dump()
        json = "'{}'" if is_sqlite else "'{}'::jsonb"
        no = "0" if is_sqlite else "false"
        for target, kind in mix.edges:
            edge = {
                **dict.fromkeys(blank, "''"),
                "issue_id": f"'{PREFIX}-' || ({FIRST} + n)",
                "depends_on_id": f"'{PREFIX}-' || ({FIRST} + {target})",
                "type": f"'{kind}'",
                "created_at": moment,
                "any_child": no,
                "is_provided": no,
                "extra": json,
            }
            edge["metadata"] = edge.pop("meta")
            connection.execute(
                text(
                    f"INSERT INTO dependencies ({', '.join(edge)}) SELECT {', '.join(edge.values())} "
                    f"FROM {source} WHERE {target} > 0"
                ),
                {"size": size},
            )
        connection.execute(
            text(
                "INSERT INTO events (at, kind, actor, bead_id, payload) "
                f"SELECT {moment}, 'bead.created', 'ada', '{PREFIX}-' || ({FIRST} + n), "
                f"{json} FROM {source}"
            ),
            {"size": size},
        )
        connection.execute(
            text(
                f"INSERT INTO labels (bead_id, label) SELECT '{PREFIX}-' || ({FIRST} + n), 'team-' || (k % 5) "
                f"FROM {source} WHERE k % 3 = 0"
            ),
            {"size": size},
        )
