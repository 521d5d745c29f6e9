"""A Redis that accepts connections and never answers: worse than one that is gone."""

import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gastown import config, queue
from gastown.queue import Doorbell, Task

LONGEST_S = 4 * queue.PUBLISH_TIMEOUT_S


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[None]:
    """A town whose Redis is a socket that nobody reads."""
    with tempfile.TemporaryDirectory(prefix="gth-", dir="/tmp") as folder:
        path = Path(folder) / "redis.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen(64)
            config.use(config.Settings(town=tmp_path, redis_url=f"unix://{path}", host="here"))
            yield
            config.use(None)


def test_a_person_waits_seconds_and_not_minutes_when_redis_hangs(hung: None) -> None:
    began = time.monotonic()

    assert queue.warm() is False
    assert queue.ring_all([Doorbell(Task.DISPATCH, "town")]) == []

    assert time.monotonic() - began < LONGEST_S


def test_a_claim_waits_seconds_and_not_minutes_when_redis_hangs(hung: None) -> None:
    """It holds the rig's row meanwhile."""
    began = time.monotonic()

    assert queue.try_lock("gastown:claim:x", "1/here", 15, is_stale=lambda _value: False) is None

    assert time.monotonic() - began < LONGEST_S


def test_workers_look_again_within_seconds_for_a_redis_that_went_away(tmp_path: Path) -> None:
    """Celery's own pauses grow to half a minute, in which nothing is rung."""
    from kombu.exceptions import OperationalError

    config.use(config.Settings(town=tmp_path, redis_url=f"unix://{tmp_path}/none.sock", host="here"))
    pauses: list[float] = []
    connection = queue.get_app().connection_for_read()

    with pytest.raises(OperationalError):
        connection.ensure_connection(lambda _error, pause: pauses.append(pause), max_retries=3)

    config.use(None)
    assert pauses == [1, 1.5, 2]
