"""Settings that would stop the town are refused when they are set, not found out when work stands still."""

import pytest

from gastown import policy
from gastown.agents.names import THEMES

from .conftest import Town

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        ("set default_agent no-such-preset", 4, "claude"),
        ("set polecat.names no-such-theme", 2, "minerals"),
        ("set lease.heartbeat_s 30", 2, "a third"),
        ("set lease.ttl_s 20", 2, "a third"),
        ("set lease.ttl_s nan", 2, "60"),
        ("set lease.ttl_s 1e400", 2, "3600"),
        ("set cap.reworks 0", 2, "1 to 50"),
        ("set agents.mine.base no-such-preset", 4, "claude"),
        ("set agents.mine.prompt_mode shouted", 2, "stdin"),
    ],
)
def test_setting_is_refused_when_nothing_could_work_with_it(town: Town, words: str, code: int, hint: str) -> None:
    before = town.contents()
    said = town.run("gt", "config", *words.split())
    assert said.code == code, said.err
    assert hint in said.err
    assert len(said.err.splitlines()) <= 2
    assert town.contents() == before


def test_default_is_not_gone_back_to_when_another_setting_needs_the_present_value(town: Town) -> None:
    town.ok("gt", "config", "set", "lease.ttl_s", "300")
    town.ok("gt", "config", "set", "lease.heartbeat_s", "90")
    assert town.run("gt", "config", "unset", "lease.ttl_s").code == 2
    town.ok("gt", "config", "unset", "lease.heartbeat_s")
    town.ok("gt", "config", "unset", "lease.ttl_s")


def test_preset_of_the_towns_own_may_be_the_default(town: Town) -> None:
    town.ok("gt", "config", "set", "agents.mine.shell", "my-agent --yes")
    assert town.ok("gt", "config", "set", "default_agent", "mine").out == "mine\n"


def test_choices_of_names_are_the_themes_that_there_are(town: Town) -> None:
    assert policy.get_key("polecat.names").choices == tuple(THEMES)
