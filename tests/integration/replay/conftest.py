"""A town that has lived, on each kind of database: made once, and as it was again after each test."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from gastown.db.engine import make_engine
from tests.support.databases import _fresh
from tests.support.lives import WHOLE, Life


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def lived_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database of its own with a town in which every verb was called."""
    url, drop = _fresh(request.param, request, tmp_path_factory.mktemp(f"lived-{request.param}"))
    engine = make_engine(url)
    with Session(engine) as session:
        life = Life(session)
        for seed in range(2):
            life.random.seed(seed)
            for name in WHOLE:
                life.step(name)
        session.commit()
    yield engine
    engine.dispose()
    drop()


@pytest.fixture
def lived(lived_engine: Engine) -> Iterator[Session]:
    """A session on that town whose every effect is rolled back."""
    with lived_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as opened:
            yield opened
        transaction.rollback()
