"""`gt rig set`: what a rig was added with may turn out to be wrong."""

import pytest
from sqlmodel import select

from gastown import refinery, rigs
from gastown.events import Event, EventKind

from .conftest import Repository, Town


@pytest.fixture
def app(town: Town, repository: Repository) -> Town:
    """A town with the rig `app`, which has two gates."""
    town.ok("rig", "add", "app", str(repository.remote), "--gate", "test=false", "--gate", "lint=true")
    return town


def gates(town: Town) -> dict[str, str]:
    return {gate["name"]: gate["command"] for gate in town.ok("rig", "show", "app", "--json").json["gates"]}


def config_hash(town: Town) -> str:
    with town.read() as session:
        return rigs.config_hash(rigs.get(session, "app"), rigs.list_gates(session, "app"))


def test_gate_is_changed_in_its_place_and_another_added(app: Town) -> None:
    before = config_hash(app)
    said = app.ok(
        "rig", "set", "app", "--gate", "test=true -x", "--gate", "types=true", "--gate-timeout", "60", "--json"
    )
    assert [(gate["name"], gate["command"], gate["timeout_s"]) for gate in said.json["gates"]] == [
        ("test", "true -x", 60),
        ("lint", "true", None),
        ("types", "true", 60),
    ]
    assert config_hash(app) != before


def test_gate_is_dropped_and_all_are_when_that_is_said(app: Town) -> None:
    app.ok("rig", "set", "app", "--drop-gate", "lint")
    assert gates(app) == {"test": "false"}
    assert "whatever merges" in app.ok("rig", "set", "app", "--no-gates").out
    assert gates(app) == {}
    app.ok("rig", "set", "app", "--gate", "test=true")
    assert gates(app) == {"test": "true"}


def test_set_up_and_agent_are_changed_and_taken_back(app: Town) -> None:
    said = app.ok("rig", "set", "app", "--setup", "true", "--agent", "codex", "--json").json
    assert (said["setup"], said["agent"]) == ("true", "codex")
    said = app.ok("rig", "set", "app", "--setup", "", "--agent", "", "--json").json
    assert (said["setup"], said["agent"]) == (None, None)
    assert len(gates(app)) == 2


def test_queue_is_asked_to_look_anew_when_gates_change(app: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(refinery, "retry", lambda _session, rig, *, actor, keep_target: asked.append((rig, actor)))
    app.ok("rig", "set", "app", "--agent", "codex")
    assert asked == []
    app.ok("rig", "set", "app", "--gate", "test=true")
    assert asked == [("app", "pat")]


def test_event_tells_what_changed(app: Town) -> None:
    app.ok("rig", "set", "app", "--gate", "test=true", "--drop-gate", "lint")
    with app.read() as session:
        [event] = session.exec(select(Event).where(Event.kind == EventKind.RIG_UPDATED)).all()
    assert event.payload["changed"] == {
        "no_gates": False,
        "gates": {"test": "true"},
        "timeouts": {},
        "checks": [{"name": "test", "command": "true", "timeout_s": None}],
    }


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        ("app", 2, "--gate"),
        ("nothing --gate t=true", 4, "app"),
        ("app --gate true", 2, "NAME=CMD"),
        ("app --gate t=", 2, "no command"),
        ("app --gate t=no-such-program", 4, "no-such-program"),
        ("app --gate t=/no/such/program", 4, "/no/such/program"),
        ("app --setup no-such-program", 4, "no-such-program"),
        ("app --gate t=true --no-gates", 2, "exclude"),
        ("app --gate a_b=true --gate a_b=true", 2, "two gates"),
        ("app --gate ../x=true", 2, "../x"),
        ("app --drop-gate none", 4, "test, lint"),
        ("app --drop-gate test --drop-gate lint", 2, "--no-gates"),
        ("app --agent nobody", 4, "claude"),
        ("app --area web", 2, "NAME=GLOB"),
        ("app --area web=/web", 2, "begins or ends with /"),
        ("app --area Web=web/**", 2, "Web"),
        ("app --area web=", 4, "Its areas: none"),
    ],
)
def test_nothing_is_changed_when_the_request_is_wrong(app: Town, words: str, code: int, names: str) -> None:
    before = app.ok("rig", "show", "app").out
    said = app.gt("rig", "set", *words.split())
    assert said.code == code, said.err
    assert names in said.err
    assert len(said.err.splitlines()) <= 2
    assert app.ok("rig", "show", "app").out == before


def test_what_a_landing_leaves_is_said_and_kept(app: Town) -> None:
    assert app.ok("rig", "show", "app", "--json").json["landing"] == "merge"
    before = config_hash(app)

    assert app.ok("rig", "set", "app", "--landing", "squash", "--json").json["landing"] == "squash"
    assert config_hash(app) == before, "a tree is a tree"
    assert "rebase" in app.ok("rig", "set", "app", "--landing", "rebase").out
    assert config_hash(app) != before, "of these every commit on the way is tested"

    assert app.ok("rig", "show", "app", "--json").json["landing"] == "rebase"
    assert app.ok("events", "verify", "--json").json["equal"] is True


def test_a_rig_is_added_with_what_its_landings_leave(town: Town, repository: Repository) -> None:
    said = town.ok("rig", "add", "app", str(repository.remote), "--no-gates", "--landing", "squash", "--json")

    assert said.json["landing"] == "squash"
    assert town.ok("events", "verify", "--json").json["equal"] is True


def test_areas_are_declared_changed_and_taken_away(app: Town) -> None:
    said = app.ok("rig", "set", "app", "--area", "web=web/**", "--area", "api=api/**, proto/**", "--json").json
    assert said["areas"] == {"api": ["api/**", "proto/**"], "web": ["web/**"]}
    shown = app.ok("rig", "show", "app").out
    assert "area api          api/**, proto/**\narea web          web/**" in shown

    said = app.ok("rig", "set", "app", "--area", "api=", "--area", "web=web/**,assets/*")
    assert "areas: web (web/**, assets/*)" in said.out
    assert app.ok("rig", "show", "app", "--json").json["areas"] == {"web": ["web/**", "assets/*"]}
    assert app.ok("events", "verify", "--json").json["equal"] is True


def test_a_rig_is_added_with_its_areas(town: Town, repository: Repository) -> None:
    said = town.ok("rig", "add", "app", str(repository.remote), "--gate", "t=true", "--area", "web=web/**", "--json")

    assert said.json["areas"] == {"web": ["web/**"]}
    assert town.gt("rig", "add", "two", str(repository.remote), "--gate", "t=true", "--area", "x=a**b").code == 2
    assert town.ok("events", "verify", "--json").json["equal"] is True
