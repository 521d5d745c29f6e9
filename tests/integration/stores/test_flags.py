"""What every command takes, before and behind the verb, and from the environment."""

from pathlib import Path

import pytest

from gastown.cli.bd.elsewhere import INSTEAD

from .conftest import Runner


def test_help_has_the_words_that_tools_look_for(bd: Runner) -> None:
    for words in (["--help"], ["dep", "--help"]):
        text = bd(*words).out
        assert "Usage:" in text
        assert "Available Commands:" in text


@pytest.mark.parametrize("words", [("--json", "list"), ("list", "--json"), ("list", "--format", "json")])
def test_json_may_be_asked_for_anywhere(bd: Runner, store: Path, words: tuple[str, ...]) -> None:
    assert bd(*words).json == []


def test_json_may_be_asked_for_by_the_environment(bd: Runner, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BD_JSON", "1")

    assert bd("list").json == []


def test_the_envelope_holds_arrays_objects_and_errors(bd: Runner, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BD_JSON_ENVELOPE", "1")

    made = bd("create", "x", "--json").json
    assert made["schema_version"] == 1
    assert made["data"]["title"] == "x"
    assert "schema_version" not in made["data"]
    assert [bead["title"] for bead in bd("list", "--json").json["data"]] == ["x"]
    assert "error" in bd("show", "nope-1", "--json").json["data"]
    assert set(bd("update", "nope-1", "-p", "1", "--json").json) == {"schema_version", "data"}


def test_readonly_refuses_every_write(bd: Runner, store: Path) -> None:
    bead = bd("q", "one").out.strip()
    before = bd("export").out

    for words in (
        ("create", "x"),
        ("update", bead, "-p", "0"),
        ("close", bead),
        ("label", "add", bead, "x"),
        ("config", "set", "custom.x", "y"),
        ("import", "-"),
        ("backup", "sync"),
        ("migrate", "--to", "0001"),
        ("sql", "--write", "DELETE FROM beads"),
        ("init", "--force"),
    ):
        done = bd("--readonly", *words, stdin="{}")
        assert done.code == 1, words
        assert "--readonly" in done.err, words
    assert bd("export").out == before
    assert bd("--readonly", "list").code == 0


def test_quiet_prints_no_confirmations(bd: Runner, store: Path) -> None:
    bead = bd("q", "one").out.strip()

    assert bd("close", bead, "-q").out == ""
    assert bead in bd("-q", "show", bead).out
    assert bd("-q", "close", "nope-1").err != ""


def test_verbose_says_which_store_it_is(bd: Runner, store: Path) -> None:
    assert str(store) in bd("-v", "list").err


def test_in_the_sandbox_nothing_happens_by_itself(bd: Runner, store: Path) -> None:
    assert bd("config", "set", "export.auto", "true", "--sandbox").code == 0

    bd("q", "one", "--sandbox")
    assert not (store / "issues.jsonl").exists()

    bd("q", "two")
    assert "one" in (store / "issues.jsonl").read_text()


def test_global_flags_of_bd_are_none_of_gt(bd: Runner, store: Path) -> None:
    from gastown.cli.gt import gt

    assert "--readonly" not in [word for parameter in gt.params for word in parameter.opts]


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_verbs_of_other_backends_name_what_does_the_job(bd: Runner, name: str) -> None:
    done = bd(name, "push", "--force", "-x", "--json")

    assert done.code == 1
    assert "not supported by this backend" in done.json["error"]
    assert done.json["hint"]


def test_answers_of_other_backends_name_verbs_that_exist(bd: Runner) -> None:
    import re

    from gastown.cli.bd import bd as root

    known = {*root.lazy, *root.aliases}
    named = {word for text in INSTEAD.values() for word in re.findall(r"`bd ([a-z-]+)", text)}
    assert named
    assert named <= known
    assert not {*INSTEAD} & known


def test_the_store_answers_and_says_how_long_it_took(bd: Runner, store: Path) -> None:
    found = bd("ping", "--json").json

    assert found["status"] == "ok"
    assert {"resolve_ms", "store_ms", "query_ms", "total_ms"} <= {*found}


def test_context_and_info_have_the_shapes_that_programs_know(bd: Runner, store: Path) -> None:
    bd("q", "one")

    context = bd("context", "--json").json
    assert {"beads_dir", "repo_root", "is_redirected", "is_worktree", "backend", "database", "project_id"} <= {*context}
    assert (context["backend"], context["beads_dir"]) == ("sqlite", str(store))
    info = bd("info", "--json", "--schema").json
    assert info["issue_count"] == 1
    assert info["config"]["issue_prefix"] == "app"
    assert "title" in info["schema"]["tables"]["beads"]
    assert bd("version").out.startswith("bd version ")
    assert {"version", "build"} <= {*bd("version", "--json").json}


def test_verbs_without_an_id_act_on_the_bead_touched_last(bd: Runner, store: Path) -> None:
    assert "no issue ID provided" in bd("close").err
    bd("q", "first")
    bead = bd("create", "second", "--json").json["id"]

    assert bd("update", "-p", "0").code == 0
    assert bd("show", bead, "--json").json[0]["priority"] == 0
    assert bead in bd("show").out
    assert bd("close", "--json").json[0]["id"] == bead


def test_a_note_that_cannot_be_written_fails_nothing(bd: Runner, store: Path) -> None:
    bd("q", "one")
    for note in store.glob("last-touched*"):
        note.unlink()
        note.mkdir()

    assert bd("q", "two").code == 0
    assert "no issue ID provided" in bd("show").err


def test_what_the_note_holds_is_not_trusted(bd: Runner, store: Path) -> None:
    bd("q", "one")
    note = next(store.glob("last-touched*"))
    note.write_bytes(b"\xff\x00" * 5000)

    assert bd("show").code == 1
