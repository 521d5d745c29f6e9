"""Installing in process: the settings of this process are put back, databases are closed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gastown import config
from gastown.db import unit_of_work as work
from gastown.db.engine import dispose
from gastown.town import setup
from tests.support.databases import PostgresServer
from tests.support.towns import redis_url

__all__ = ["redis_url"]


@pytest.fixture(autouse=True)
def _own_settings() -> Iterator[None]:
    earlier = config.current_or_none()
    yield
    dispose()
    config.use(earlier)


@pytest.fixture
def install() -> Callable[..., setup.Installed]:
    """Install as the command does."""

    def install(folder: Path, **wanted: str | int) -> setup.Installed:
        return setup.install(setup.Wanted(folder, **wanted), work.unit_of_work, actor="tester")  # type: ignore[arg-type]

    return install


@pytest.fixture
def empty_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database without a table."""
    url = postgres_server.create_database(empty=True)
    yield url
    dispose()
    postgres_server.drop_database(url)
