"""A town with one rig, on SQLite for most tests and on each kind of database where SQL decides."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gastown import config
from tests.support.fake_clock import FakeClock
from tests.support.pull_town import MakePullTown, PullTown
from tests.support.refinery_town import RefineryTown, make_town


@pytest.fixture(autouse=True)
def _forget_engines() -> Iterator[None]:
    yield
    config.use(None)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "gastown.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def make(sqlite_url: str, tmp_path: Path) -> Callable[..., RefineryTown]:
    return lambda **values: make_town(tmp_path / "here", sqlite_url, **values)


@pytest.fixture
def town(make: Callable[..., RefineryTown]) -> RefineryTown:
    return make()


@pytest.fixture
def any_town(database_url: str, tmp_path: Path) -> RefineryTown:
    """The same on SQLite and on PostgreSQL."""
    return make_town(tmp_path / "here", database_url)


@pytest.fixture
def make_pulls(sqlite_url: str, tmp_path: Path, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> MakePullTown:
    return lambda **values: PullTown(tmp_path, sqlite_url, fake_clock, monkeypatch, **values)


@pytest.fixture
def pulls(make_pulls: MakePullTown) -> PullTown:
    """A rig that lands by pull requests, with a clock that tests move."""
    return make_pulls()
