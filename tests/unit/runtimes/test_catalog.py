"""Presets are data: what they start, what they pass on, and how the user's own rows change them."""

from pathlib import Path

import pytest

from gastown import runtimes
from gastown.errors import Invalid
from gastown.runtimes import BadPreset, CommandMissing, PromptTooLong, UnknownPreset, catalog

SESSION = "11111111-1111-4111-8111-111111111111"
HOSTILE = "--help; $(rm -rf /) {session} {extra} {shell}\n" * 10_000


def test_claude_gets_its_prompt_on_stdin_and_a_session_of_ours() -> None:
    launched = runtimes.launch(catalog.get("claude"), prompt=HOSTILE, session_id=SESSION)

    assert launched.argv[0] == "claude"
    assert launched.argv[-2:] == ("--session-id", SESSION)
    assert launched.stdin == HOSTILE
    assert launched.session_id == SESSION
    assert not any("rm -rf" in part for part in launched.argv)


def test_codex_gets_its_prompt_on_stdin_and_chooses_its_session_itself() -> None:
    launched = runtimes.launch(catalog.get("codex"), prompt=HOSTILE, session_id=SESSION)

    assert launched.argv[:2] == ("codex", "exec")
    assert launched.argv[-1] == "-"
    assert launched.stdin == HOSTILE
    assert launched.session_id is None


@pytest.mark.parametrize(("name", "tail"), [("claude", ("--resume", SESSION)), ("codex", (SESSION, "-"))])
def test_session_is_named_when_it_is_resumed(name: str, tail: tuple[str, ...]) -> None:
    launched = runtimes.resume(catalog.get(name), prompt="go on", session_id=SESSION)

    assert launched.argv[-2:] == tail
    assert launched.stdin == "go on"


@pytest.mark.parametrize("session_id", ["", "--last", "a b", "a\n", "a" * 200, "../x"])
def test_session_is_refused_when_its_id_could_be_an_option_or_a_path(session_id: str) -> None:
    with pytest.raises(Invalid):
        runtimes.resume(catalog.get("codex"), prompt="go on", session_id=session_id)


def test_command_is_refused_when_no_shell_command_is_configured() -> None:
    with pytest.raises(BadPreset):
        runtimes.launch(catalog.get("command"), prompt="", session_id=SESSION)
    with pytest.raises(BadPreset):
        runtimes.resume(catalog.get("command"), prompt="", session_id=SESSION)


def test_command_runs_in_a_shell_when_one_is_configured() -> None:
    preset = catalog.get("mine", {"mine": {"shell": "my-agent --yes | tee {session}"}})

    launched = runtimes.launch(preset, prompt="text", session_id=SESSION)

    assert launched.argv == ("sh", "-c", "my-agent --yes | tee {session}")
    assert launched.stdin == "text"


def test_known_names_are_told_when_a_preset_is_unknown() -> None:
    with pytest.raises(UnknownPreset) as caught:
        catalog.get("cluade", {"mine": {"shell": "x"}})

    assert caught.value.hint is not None
    assert "claude" in caught.value.hint
    assert "mine" in caught.value.hint


@pytest.mark.parametrize(
    "settings",
    [
        {"comand": "x"},
        {"name": "other"},
        {"command": 7},
        {"command": "a\0b"},
        {"args": "not a list"},
        {"env": {"A": 1}},
        {"prompt_mode": "telepathy"},
        {"usage": "gpt"},
        {"prompt_mode": "arg"},
    ],
)
def test_override_is_refused_when_it_is_malformed(settings: dict[str, object]) -> None:
    with pytest.raises(BadPreset):
        catalog.get("claude", {"claude": settings})


def test_similar_key_is_suggested_when_a_key_is_unknown() -> None:
    with pytest.raises(BadPreset) as caught:
        catalog.get("claude", {"claude": {"extra_arg": []}})

    assert caught.value.hint is not None
    assert "Did you mean extra_args?" in caught.value.hint


def test_base_is_refused_when_it_is_unknown() -> None:
    with pytest.raises(UnknownPreset):
        catalog.get("mine", {"mine": {"base": "nobody"}})


def test_settings_are_merged_when_a_preset_is_overridden() -> None:
    settings = {"base": "claude", "extra_args": ["--model", "opus"], "env": {"A": "1"}, "pass_env": ["MY_KEY"]}
    preset = catalog.get("big", {"big": settings})

    launched = runtimes.launch(preset, prompt="p", session_id=SESSION)
    environ = runtimes.environment(preset, {"MY_KEY": "k", "DATABASE_URL": "secret", "PATH": "/bin"}, uid=0)

    assert launched.argv[-2:] == ("--model", "opus")
    assert environ["MY_KEY"] == "k"
    assert environ["A"] == environ["DISABLE_TELEMETRY"] == environ["IS_SANDBOX"] == "1"
    assert "DATABASE_URL" not in environ
    assert "big" in catalog.list_names({"big": settings})
    assert "A" not in catalog.get("claude").env


def test_sandbox_is_declared_only_when_the_agent_runs_as_root() -> None:
    assert "IS_SANDBOX" not in runtimes.environment(catalog.get("claude"), {}, uid=1000)


def test_prompt_stays_one_argument_when_the_agent_takes_it_on_its_command_line() -> None:
    settings = {"command": "my-agent", "args": ["run", "--", "{prompt}"], "prompt_mode": "arg"}
    preset = catalog.get("mine", {"mine": settings})

    launched = runtimes.launch(preset, prompt="--force {session}", session_id=SESSION)

    assert launched.argv == ("my-agent", "run", "--", "--force {session}")
    assert launched.stdin is None
    with pytest.raises(PromptTooLong):
        runtimes.launch(preset, prompt="x" * 200_000, session_id=SESSION)


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_variables_and_folder_are_named_when_the_login_is_missing(name: str, tmp_path: Path) -> None:
    preset = catalog.get(name)

    sentence = runtimes.missing_login(preset, {}, tmp_path)

    assert sentence is not None
    assert preset.login_env[0] in sentence
    assert f"~/.{name}" in sentence
    assert runtimes.missing_login(preset, {preset.login_env[0]: "k"}, tmp_path) is None


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("claude", ".claude/.credentials.json", "{}"),
        ("claude", ".claude.json", '{"oauthAccount": {}}'),
        ("codex", ".codex/auth.json", "{}"),
        ("codex", ".codex/config.toml", 'model_provider = "mine"'),
    ],
)
def test_login_is_found_when_its_file_is_there(name: str, path: str, text: str, tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)

    assert runtimes.missing_login(catalog.get(name), {}, tmp_path) is None


def test_login_is_missing_when_the_file_holds_other_settings_only(tmp_path: Path) -> None:
    (tmp_path / ".claude.json").write_text('{"numStartups": 3}')

    assert runtimes.missing_login(catalog.get("claude"), {}, tmp_path) is not None


def test_login_is_looked_for_in_the_moved_folder_when_it_is_moved(tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    environ = {"CODEX_HOME": str(moved)}
    sentence = runtimes.missing_login(catalog.get("codex"), environ, tmp_path)
    assert sentence is not None
    assert str(moved) in sentence

    (moved / "auth.json").write_text("{}")

    assert runtimes.missing_login(catalog.get("codex"), environ, tmp_path) is None


def test_command_needs_no_login(tmp_path: Path) -> None:
    assert runtimes.missing_login(catalog.get("command"), {}, tmp_path) is None


def test_program_is_found_on_the_given_path_only(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert runtimes.find_command(catalog.get("claude"), str(tmp_path)) == str(program)
    with pytest.raises(CommandMissing) as caught:
        runtimes.find_command(catalog.get("codex"), str(tmp_path))
    assert "npm install" in str(caught.value.hint)
