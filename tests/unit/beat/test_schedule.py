"""Beat's table against the town's ticks. Importing beat needs a town, since its app has the town's broker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gastown import config, queue
from gastown.schedule import TICKS


@pytest.fixture
def entries(tmp_path: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """The schedule as beat has it."""
    config.use(config.Settings(tmp_path))
    from beat import schedule

    yield schedule.entries()
    config.use(None)


def test_every_tick_is_sent_to_the_towns_queue_and_expires(entries: dict[str, dict[str, Any]]) -> None:
    assert set(entries) == {tick.task.value for tick in TICKS}
    for tick in TICKS:
        entry = entries[tick.task.value]
        assert entry["schedule"] == tick.every_s
        assert entry["options"]["queue"] == queue.TOWN_QUEUE
        assert tick.every_s < entry["options"]["expires"] <= 3 * tick.every_s


def test_every_tick_has_a_reason() -> None:
    assert all(tick.why and tick.every_s > 0 for tick in TICKS)
