"""Empty databases of both kinds, for migrations to fill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gastown.db.engine import dispose
from tests.support.databases import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        dispose()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database(empty=True)
    yield url
    dispose()
    server.drop_database(url)
