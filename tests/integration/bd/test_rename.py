from collections.abc import Callable

from tests.integration.bd.conftest import Runner


def test_in_a_town_prefixes_stay_and_ids_may_change_within_their_rig(bd: Runner, make: Callable[..., str]) -> None:
    bead = make("first")
    answer = bd("rename-prefix", "new-")
    assert answer.code == 1
    assert "which rig" in answer.err
    assert bd("rename", bead, "nowhere-login").code == 1
    assert bd("rename", bead, "app-login", "--dry-run").code == 0
    assert bd("show", bead).code == 0
    assert f"✓ Renamed {bead} to app-login" in bd("rename", bead, "app-login").out


def test_agents_rename_nothing(agent_bd: Runner, make: Callable[..., str]) -> None:
    bead = make("first")
    for words in (("rename", bead, "app-login"), ("rename-prefix", "new-")):
        assert "not for agents" in agent_bd(*words).err
