"""A town for patrols to look at."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlmodel import Session

from gastown import config
from gastown.db import unit_of_work
from gastown.patrols import Here


@pytest.fixture
def here(database_url: str, tmp_path: Path) -> Iterator[Here]:
    """A town on a fresh database; nothing listens at its Redis address."""
    town = tmp_path / "town"
    town.mkdir(mode=0o700)
    settings = config.Settings(town=town, database_url=database_url, host="here")
    config.use(settings)

    def read() -> AbstractContextManager[Session]:
        return unit_of_work.reading(database_url)

    yield Here(settings, read)
    config.use(None)
