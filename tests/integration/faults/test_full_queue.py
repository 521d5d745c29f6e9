"""A queue that no worker reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gastown import config, queue
from gastown.queue import Doorbell, Task


@pytest.fixture
def with_redis(tmp_path: Path, redis_url: str) -> Iterator[None]:
    config.use(config.Settings(town=tmp_path, redis_url=redis_url, host="here"))
    queue.get_redis().flushall()
    yield
    config.use(None)


def test_ticks_ring_no_more_when_a_queue_is_full_and_go_on_with_the_others(with_redis: None) -> None:
    full = Doorbell(Task.REFINERY_STEP, "refinery.full", ("full",))
    other = Doorbell(Task.REFINERY_STEP, "refinery.other", ("other",))
    for _ in range(3):
        queue.ring_again([full] * queue.MOST_WAITING)

    assert queue.ring_again([full, other]) == [other]
    assert queue.ring_again([full] * 5) == []


def test_ticks_ring_nothing_when_redis_is_away(tmp_path: Path) -> None:
    config.use(config.Settings(town=tmp_path, redis_url=f"unix://{tmp_path}/none.sock", host="here"))
    try:
        assert queue.ring_again([Doorbell(Task.DISPATCH, "town")]) == []
    finally:
        config.use(None)
