import json
from collections.abc import Callable

from gastown import __version__
from tests.integration.bd.conftest import Runner


def test_what_was_done_is_kept_judged_and_listed(bd: Runner, make: Callable[..., str]) -> None:
    bead = make("worked on")
    words = ("--kind", "tool_call", "--tool-name", "pytest", "--exit-code", "1", "--issue-id", bead)
    kept = bd("audit", "record", *words, "--json").json
    assert kept["kind"] == "tool_call"
    assert kept["id"].startswith("int-")
    said = {"kind": "llm_call", "model": "small", "prompt": "p\nq", "response": "ü", "extra": {"tokens": 7}}
    other = bd("audit", "record", "--stdin", stdin=json.dumps(said)).out.strip()
    label = bd("audit", "label", other, "--label", "bad", "--reason", "wrong", "--json").json
    assert (label["parent_id"], label["label"]) == (other, "bad")
    first, second, third = bd("audit", "list", "--json").json
    assert (first["tool_name"], first["exit_code"], first["issue_id"], first["actor"]) == ("pytest", 1, bead, "ada")
    assert (second["prompt"], second["extra"]) == ("p\nq", {"tokens": 7})
    assert third["parent_id"] == other
    lines = bd("audit", "list", "--limit", "1").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [label["id"]]
    assert len(bd("audit", "list", "--issue-id", bead, "--json").json) == 1
    entry = bd("history", bead, "--json").json[0]
    assert (entry["event_type"], entry["new_value"]["audited"]["tool_name"]) == ("audited", "pytest")


def test_what_cannot_be_kept_is_refused(bd: Runner) -> None:
    for words in (
        ("record", "--kind", "guess"),
        ("record", "--kind", "llm_call", "--issue-id", "app-none"),
        ("label", "int-none", "--label", "good"),
        ("record", "--kind", "llm_call", "--model", "m" * 300),
    ):
        assert bd("audit", *words).code == 1, words
    for text in ("", "[]", "nonsense", '{"kind": 7}', '{"kind": "llm_call", "unknown": "x"}'):
        assert bd("audit", "record", "--stdin", stdin=text).code == 1, text
    assert bd("audit", "list", "--json").json == []


def test_a_version_is_acknowledged_once(bd: Runner) -> None:
    assert bd("upgrade", "status", "--json").json["unacknowledged"]
    assert "bd upgrade ack" in bd("upgrade", "review").out
    assert __version__ in bd("upgrade", "ack").out
    shown = bd("upgrade", "status", "--json").json
    assert (shown["acknowledged_version"], shown["unacknowledged"]) == (__version__, False)
    assert "before" in bd("upgrade", "ack").out


def test_agents_read_only(agent_bd: Runner) -> None:
    assert agent_bd("audit", "list").code == 0
    assert agent_bd("upgrade", "status").code == 0
    for words in (("audit", "record", "--kind", "llm_call"), ("upgrade", "ack")):
        assert "not for agents" in agent_bd(*words).err
