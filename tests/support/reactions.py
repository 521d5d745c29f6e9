"""The table of reactions, without a worker."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gastown import config


@pytest.fixture
def reactions(tmp_path: Path) -> Iterator[ModuleType]:
    """`workers.reactions`, which can be imported in a town only."""
    (tmp_path / "town.toml").touch()
    config.use(config.Settings(town=tmp_path, host="here"))
    yield importlib.import_module("workers.reactions")
    config.use(None)
