"""Fresh databases, one an example, and how long the machines run: `GASTOWN_EXAMPLES=2000 pytest ...` for long."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from gastown import config
from tests.support.databases import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_database(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes empty databases of one kind; the one before goes."""
    numbers, made = itertools.count(1), list[str]()
    server: PostgresServer | None = (
        request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    )

    def drop() -> None:
        config.use(None)
        if made and server is not None:
            server.drop_database(made.pop())

    def make() -> str:
        drop()
        if server is not None:
            made.append(server.create_database())
            return made[-1]
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copyfile(sqlite_template, path)
        return f"sqlite:///{path}"

    yield make
    drop()


def limits(examples: int, steps: int) -> hypothesis_settings:
    """So many examples of so many steps, unless the environment wants another number of them."""
    return hypothesis_settings(
        max_examples=int(os.environ.get("GASTOWN_EXAMPLES", examples)),
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        derandomize="GASTOWN_EXAMPLES" not in os.environ,
        database=None,
    )
