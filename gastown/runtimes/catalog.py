"""The agents we know, as rows, and the user's own rows over them."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from enum import StrEnum

from gastown.runtimes.base import BadPreset, LoginFile, Preset, PromptMode, UnknownPreset, UsageKind

_CLAUDE_PRINT = ("-p", "--dangerously-skip-permissions", "--output-format", "stream-json", "--verbose")
# A login shell would build its PATH anew, without the session's `gt` and `bd`.
_CODEX_FREE = ("--json", "--dangerously-bypass-approvals-and-sandbox", "-c", "allow_login_shell=false")

PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="claude",
            command="claude",
            args=(*_CLAUDE_PRINT, "--session-id", "{session}", "{extra}"),
            resume_args=(*_CLAUDE_PRINT, "--resume", "{session}", "{extra}"),
            login_env=(
                *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
                *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"),
            ),
            home=".claude",
            home_env="CLAUDE_CONFIG_DIR",
            login_files=(
                LoginFile(".claude/.credentials.json"),
                LoginFile(".claude/settings.json", holds='"apiKeyHelper"'),
                LoginFile(".claude.json", holds='"oauthAccount"'),
                LoginFile(".claude.json", holds='"primaryApiKey"'),
            ),
            pass_env=(
                *("ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "ANTHROPIC_CUSTOM_HEADERS"),
                *("CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "API_TIMEOUT_MS"),
            ),
            env={
                "DISABLE_TELEMETRY": "1",
                "DISABLE_AUTOUPDATER": "1",
                "DISABLE_ERROR_REPORTING": "1",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            },
            # Without it claude refuses to skip permission questions as root.
            root_env={"IS_SANDBOX": "1"},
            usage=UsageKind.CLAUDE,
            instructions_file="CLAUDE.md",
            install="npm install -g @anthropic-ai/claude-code",
        ),
        Preset(
            name="codex",
            command="codex",
            args=("exec", *_CODEX_FREE, "{extra}", "-"),
            resume_args=("exec", "resume", *_CODEX_FREE, "{extra}", "{session}", "-"),
            login_env=("CODEX_API_KEY",),
            home=".codex",
            home_env="CODEX_HOME",
            login_files=(LoginFile(".codex/auth.json"), LoginFile(".codex/config.toml", holds="model_provider")),
            # OPENAI_API_KEY alone is no login: only a provider that config.toml defines may name it as its key.
            pass_env=("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT"),
            usage=UsageKind.CODEX,
            install="npm install -g @openai/codex",
        ),
        Preset(name="command", command="sh", args=("-c", "{shell}")),
    )
}

Overrides = Mapping[str, Mapping[str, object]]


def list_names(overrides: Overrides | None = None) -> list[str]:
    """All presets that can be named, the user's own included."""
    return sorted({*PRESETS, *(overrides or {})})


def get(name: str, overrides: Overrides | None = None) -> Preset:
    """The preset of this name with the user's settings over it; refuses unknown names and malformed settings.

    A new name starts from the preset in its key `base`, which is `command` when not given. Lists replace, except
    `pass_env`, which adds; `env` and `root_env` are merged.
    """
    own = (overrides or {}).get(name)
    if own is None:
        if name not in PRESETS:
            raise UnknownPreset(f"unknown agent preset {name!r}", hint=_suggest(name, list_names(overrides)))
        return PRESETS[name]
    settings = dict(own)
    base = settings.pop("base", name if name in PRESETS else "command")
    if not isinstance(base, str) or base not in PRESETS:
        raise UnknownPreset(f"agent {name}: unknown base {base!r}", hint=_suggest(str(base), PRESETS))
    return _merge(replace(PRESETS[base], name=name), settings)


def _merge(preset: Preset, settings: Mapping[str, object]) -> Preset:
    changes: dict[str, object] = {}
    for key, value in settings.items():
        read = _READERS.get(key)
        if read is None:
            raise BadPreset(f"agent {preset.name}: unknown key {key!r}", hint=_suggest(key, _READERS))
        try:
            changes[key] = read(value)
        except (TypeError, ValueError) as error:
            raise BadPreset(f"agent {preset.name}: {key} must be {error}") from error
    for key in ("env", "root_env"):
        if key in changes:
            changes[key] = {**getattr(preset, key), **dict(changes[key])}  # type: ignore[call-overload]
    if "pass_env" in changes:
        changes["pass_env"] = (*preset.pass_env, *_strings(changes["pass_env"]))
    merged = replace(preset, **changes)  # type: ignore[arg-type]
    if merged.prompt_mode is PromptMode.ARG and not any("{prompt}" in part for part in merged.args):
        raise BadPreset(
            f"agent {preset.name}: prompt_mode is arg, but no argument holds {{prompt}}",
            hint="Write it where the prompt belongs, after `--` or an equals sign.",
        )
    return merged


def _string(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("a text")
    return value


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and "\0" not in item for item in value):
        raise TypeError("a list of texts")
    return tuple(value)


def _variables(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for pair in value.items() for item in pair):
        raise TypeError("a table of variables and texts")
    return dict(value)


def _login_files(value: object) -> tuple[LoginFile, ...]:
    return tuple(LoginFile(path) for path in _strings(value))


def _choice(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        if value not in [str(member) for member in kind]:
            raise TypeError(f"one of {', '.join(kind)}")
        return kind(value)

    return read


_BY_TYPE: Mapping[object, Callable[[object], object]] = {
    str: _string,
    tuple[str, ...]: _strings,
    Mapping[str, str]: _variables,
    tuple[LoginFile, ...]: _login_files,
    PromptMode: _choice(PromptMode),
    UsageKind: _choice(UsageKind),
}
_READERS = {field.name: _BY_TYPE[field.type] for field in fields(Preset) if field.name != "name"}


def _suggest(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return (f"Did you mean {close[0]}? " if close else "") + f"Known: {', '.join(names)}."
