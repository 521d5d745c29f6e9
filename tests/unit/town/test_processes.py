"""Which processes a host runs, and what the supervisor is told about them."""

import configparser
from pathlib import Path

import pytest

from gastown.config import Settings
from gastown.town import redis_server, supervision
from gastown.town.processes import Options, UnknownRole, environment, plan_processes

TOWN = Path("/srv/town")


def names(settings: Settings, options: Options) -> list[str]:
    return [process.name for process in plan_processes(settings, options, TOWN / "services")]


def test_everything_runs_when_redis_is_embedded() -> None:
    assert names(Settings(TOWN), Options()) == ["redis", "keeper", "sessions", "refinery", "gates", "town", "beat"]


def test_no_redis_runs_when_another_one_is_named() -> None:
    assert "redis" not in names(Settings(TOWN, redis_url="redis://cache"), Options())


def test_the_keeper_runs_only_where_sessions_do() -> None:
    settings = Settings(TOWN, redis_url="redis://cache")

    assert names(settings, Options(only=("gates",))) == ["gates"]
    assert names(settings, Options(only=("sessions",))) == ["keeper", "sessions"]


def test_flower_runs_when_it_is_asked_for() -> None:
    planned = plan_processes(Settings(TOWN), Options(flower=True, flower_port=7000), TOWN)

    flower = next(process for process in planned if process.name == "flower")
    assert {"--address=127.0.0.1", "--port=7000"} <= set(flower.argv)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(UnknownRole, match="mayor"):
        names(Settings(TOWN), Options(only=("sessions", "mayor")))


def test_sessions_have_room_for_adoption_beyond_the_slots() -> None:
    planned = plan_processes(Settings(TOWN, slots=30), Options(), TOWN)

    sessions = next(process for process in planned if process.name == "sessions")
    assert int(sessions.argv[sessions.argv.index("--concurrency") + 1]) > 30


def test_the_refinery_makes_one_step_at_a_time() -> None:
    """So that Flower shows its queue at concurrency 1; the lease, not this, is what keeps steps apart."""
    planned = plan_processes(Settings(TOWN), Options(), TOWN)

    refinery = next(process for process in planned if process.name == "refinery")
    assert refinery.argv[refinery.argv.index("--concurrency") + 1] == "1"
    assert "--task-events" in refinery.argv


def test_no_kill_reaches_the_group_where_agents_could_be() -> None:
    grouped = {
        process.name for process in plan_processes(Settings(TOWN), Options(flower=True), TOWN) if process.kill_group
    }

    assert not grouped & {"keeper", "sessions", "gates", "redis"}


def test_redis_starts_first_and_stops_last() -> None:
    planned = plan_processes(Settings(TOWN), Options(flower=True), TOWN)

    order = {process.name: process.order for process in planned}
    assert order["redis"] < order["keeper"] < min(order[name] for name in ("sessions", "town", "beat", "flower"))


def test_the_supervisors_file_holds_no_path() -> None:
    """Its format ends a value at ` ;` and expands `%`: paths of people cannot be written there."""
    settings = Settings(Path("/srv/a ; %(here)s b"))
    text = supervision.configuration(plan_processes(settings, Options(), settings.town))

    assert "/srv" not in text
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    assert parser["program:redis"]["command"] == "%(ENV_GASTOWN_LAUNCH)s redis"
    assert parser["program:keeper"]["killasgroup"] == "false"
    assert parser["program:keeper"]["autorestart"] == "unexpected"


def test_redis_keeps_its_data_and_listens_on_no_port() -> None:
    lines = redis_server.configuration(Settings(TOWN), Path('/srv/a "b" \\c')).splitlines()

    assert {"port 0", "appendonly yes", "maxmemory-policy noeviction"} <= set(lines)
    assert 'dir "/srv/a \\"b\\" \\\\c"' in lines


def test_processes_find_the_town_but_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GT_SESSION_SOCKET", "/tmp/s")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "for the agents")

    made = environment(Settings(TOWN))

    assert made["GASTOWN_TOWN"] == "/srv/town"
    assert made["ANTHROPIC_API_KEY"] == "for the agents"
    assert "GT_SESSION_SOCKET" not in made
