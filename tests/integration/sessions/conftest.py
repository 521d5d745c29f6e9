"""One host with workers that supervise sessions."""

import pytest

from gastown import policy
from gastown.sessions import run
from tests.support.session_host import here

__all__ = ["here"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are looked at ten times a second, and saved twice."""
    monkeypatch.setattr(run, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(run, "FROZEN_PAUSE_S", 0.1)
    monkeypatch.setitem(policy.KEYS, "save_s", policy.Key(0.5, "quick"))
