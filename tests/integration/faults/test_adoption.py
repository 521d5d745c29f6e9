"""What a worker does at once about what dead workers of its host left."""

import importlib
from dataclasses import replace
from types import ModuleType

import pytest

from gastown import config, queue
from gastown.sessions import Office
from tests.support.session_host import Host, here
from tests.support.towns import wait_until

__all__ = ["here"]


@pytest.fixture
def adoption(here: Host, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, as in a worker that begins."""
    module = importlib.import_module("workers.adoption")
    config.use(replace(here.settings, redis_url=redis_url))
    queue.get_redis().flushall()
    monkeypatch.setattr(module, "_orphans", frozenset())
    return module


def leave_orphan(here: Host) -> tuple[Office, int]:
    """A session whose worker is gone, and that worker."""
    _, number = here.sling("sleep 600")
    first = here.worker()
    watch = here.watch(first, number)
    wait_until(lambda: here.process(number), "the agent runs")
    here.leave(first)
    assert watch.result() == "detached"
    return first, number


def rung(here: Host) -> int:
    """Doorbells on the host's queue."""
    redis = queue.get_redis()
    return sum(redis.llen(key) for key in redis.keys(f"gastown:host.{here.settings.host_id}*"))


def test_a_session_is_rung_for_and_then_adopted_by_a_thread_when_nobody_heard(
    here: Host, adoption: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, number = leave_orphan(here)
    second = here.worker()
    monkeypatch.setattr(adoption.office, "get_office", lambda: second)

    assert adoption.adopt_sessions(redis_is_there=True) is True
    assert rung(here) == 1
    assert here.row(number).holder == first.holder, "the doorbell has its chance"

    assert adoption.adopt_sessions(redis_is_there=True) is False
    wait_until(lambda: here.row(number).holder == second.holder, "the second worker adopts", within_s=5)
    assert rung(here) == 1
    assert here.process(number), "the agent goes on"

    here.leave(second)
    adoption.direct.wait_for((queue.Task.SUPERVISE.value,))
    assert not adoption.direct.is_any_alive((queue.Task.SUPERVISE.value,))


def test_a_session_is_adopted_at_once_when_redis_is_away(
    here: Host, adoption: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, number = leave_orphan(here)
    second = here.worker()
    monkeypatch.setattr(adoption.office, "get_office", lambda: second)

    assert adoption.adopt_sessions(redis_is_there=False) is False
    wait_until(lambda: here.row(number).holder == second.holder, "the second worker adopts", within_s=5)

    here.leave(second)
    adoption.direct.wait_for((queue.Task.SUPERVISE.value,))
    assert adoption.adopt_sessions(redis_is_there=False) is False
