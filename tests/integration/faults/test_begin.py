"""A sessions worker that begins."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gastown import config, queue
from gastown.db.engine import dispose
from gastown.db.unit_of_work import unit_of_work
from tests.support.factories import make_bead, make_offered, make_rig


@pytest.fixture
def lookout(tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "town.toml").touch()
    config.use(config.Settings(town=tmp_path, database_url=database_url, redis_url=redis_url, host="here", slots=2))
    module = importlib.import_module("workers.lookout")
    monkeypatch.setattr(module, "_has_rung", False)
    yield module
    dispose()
    config.use(None)


def waiting() -> int:
    """Messages on the rig's queue, of any priority."""
    redis = queue.get_redis()
    return sum(redis.llen(key) for key in redis.keys("gastown:rig.app*"))


def test_it_rings_once_for_as_many_as_it_has_slots(lookout: ModuleType) -> None:
    """What was slung while nobody was there was rung into nothing."""
    with unit_of_work() as session:
        make_rig(session)
        for number in range(3):
            make_offered(session, make_bead(session, f"bead {number}"))
    queue.get_redis().flushall()

    lookout._ring_at_begin(False)
    assert waiting() == 0, "Redis is not there yet"
    lookout._ring_at_begin(True)
    assert waiting() == 2
    lookout._ring_at_begin(True)
    assert waiting() == 2
