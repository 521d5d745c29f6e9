"""Evidence collected from a town that was driven through its own verbs, on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gastown import config
from gastown.chaos import checker, recovery
from gastown.chaos.collect import collect
from tests.support.chaos_town import ChaosTown, live_through, make_chaos_town


@pytest.fixture(autouse=True)
def _forget_engines() -> Iterator[None]:
    yield
    config.use(None)


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> ChaosTown:
    return make_chaos_town(tmp_path / "here", database_url)


def test_healthy_town_violates_nothing_and_is_counted(town: ChaosTown, tmp_path: Path) -> None:
    live_through(town)
    evidence = collect(town.facts(tmp_path))
    assert {name: list(said) for name, said in checker.check(evidence).items() if said} == {}
    found = checker.count(evidence)
    assert (found.landed, found.escalated, found.lost, found.held_up) == (5, 1, 0, 0)
    assert (found.double_landed, found.red_commits, found.wrong_ejections) == (0, 0, 0)
    assert len([one for one in recovery.measure(evidence) if one.seconds is not None]) == 2
