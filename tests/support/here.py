"""A process's settings, without a running town behind them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gastown import config


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[config.Settings]:
    """Settings of a town in a temporary folder, on a fresh database; no Redis answers there."""
    (tmp_path / "town.toml").touch()
    settings = config.Settings(town=tmp_path, database_url=database_url, host="here")
    config.use(settings)
    yield settings
    config.use(None)
