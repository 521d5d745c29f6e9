"""What an agent is to us: a preset, a row of data that says how to start, resume, feed and log in one command line."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gastown.errors import Invalid, NotFound

PROMPT_ARGUMENT_BYTES = 100_000  # Linux refuses a single argument of 128 KiB
SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
LOGIN_FILE_BYTES = 1 << 20
# Where programs look for their ways around: nothing in it is a secret of the worker.
COMMON_ENV = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "TMPDIR"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"),
)


class UnknownPreset(NotFound):
    """No agent preset has this name."""


class BadPreset(Invalid):
    """A configured preset is not shaped like one."""


class CommandMissing(NotFound):
    """The agent's command is not on this host or cannot be executed."""


class PromptTooLong(Invalid):
    """The prompt does not fit on this agent's command line."""


class PromptMode(StrEnum):
    """How the prompt reaches the agent."""

    STDIN = "stdin"  # safe for any text and length
    ARG = "arg"  # in place of `{prompt}` in the arguments
    NONE = "none"  # the agent asks for its work itself (`gt prime`)


class UsageKind(StrEnum):
    """Which parser reads tokens and cost from the agent's output."""

    CLAUDE = "claude"
    CODEX = "codex"
    NONE = "none"


@dataclass(frozen=True)
class LoginFile:
    """A file that, when it exists and holds a text, shows that the agent is logged in."""

    path: str
    """Under the home folder, or under the folder that the preset's `home_env` names."""
    holds: str = ""


@dataclass(frozen=True)
class Preset:
    """One kind of agent. In arguments `{session}`, `{prompt}` and `{shell}` are replaced, `{extra}` is `extra_args`."""

    name: str
    command: str
    """The program, looked up on the worker's PATH."""
    args: tuple[str, ...] = ()
    """For a new session."""
    resume_args: tuple[str, ...] = ()
    """For going on with an earlier session; empty when the agent cannot."""
    extra_args: tuple[str, ...] = ()
    """The user's own, such as a model."""
    shell: str = ""
    """A shell command, for presets that run one."""
    prompt_mode: PromptMode = PromptMode.STDIN
    login_env: tuple[str, ...] = ()
    """Any one of these variables is a login; they are handed to the agent."""
    home: str = ""
    """Folder under the home folder where the agent keeps its login and sessions."""
    home_env: str = ""
    """Variable that moves that folder."""
    login_files: tuple[LoginFile, ...] = ()
    pass_env: tuple[str, ...] = ()
    """Further variables handed through from the worker: base URLs, model names."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Always set."""
    root_env: Mapping[str, str] = field(default_factory=dict)
    """Set when the agent runs as root."""
    usage: UsageKind = UsageKind.NONE
    instructions_file: str = "AGENTS.md"
    """What the agent reads in its worktree by itself."""
    install: str = ""
    """The command that installs it, for the error message."""


@dataclass(frozen=True)
class Launch:
    """A command line, what to put on its input, and the session's id where we choose it."""

    argv: tuple[str, ...]
    stdin: str | None
    session_id: str | None


def launch(preset: Preset, *, prompt: str, session_id: str) -> Launch:
    """The command line of a new session; `session_id` must be a fresh UUID, which some agents ignore."""
    return _compose(preset, preset.args, prompt, session_id)


def resume(preset: Preset, *, prompt: str, session_id: str) -> Launch:
    """The command line that goes on with an earlier session of this agent; refuses presets that cannot."""
    if not preset.resume_args:
        raise BadPreset(f"agent {preset.name} cannot resume a session", hint="Start a new session instead.")
    return _compose(preset, preset.resume_args, prompt, session_id)


def _compose(preset: Preset, template: tuple[str, ...], prompt: str, session_id: str) -> Launch:
    if not SESSION_ID.fullmatch(session_id):
        raise Invalid("a session id has letters, digits, dots and dashes only")
    if any("{shell}" in part for part in template) and not preset.shell:
        hint = f"Give it the key `shell`, for example: gt config set agents.{preset.name}.shell 'my-agent --yes'"
        raise BadPreset(f"agent {preset.name} has no shell command", hint=hint)
    if preset.prompt_mode is PromptMode.ARG and len(prompt.encode()) > PROMPT_ARGUMENT_BYTES:
        raise PromptTooLong(
            f"the prompt of {len(prompt.encode())} bytes is too long for {preset.name}",
            hint="Use prompt_mode stdin for this agent, or shorten the bead's description.",
        )
    values = {"{session}": session_id, "{prompt}": prompt, "{shell}": preset.shell}
    argv = [preset.command]
    for part in template:
        if part == "{extra}":
            argv += preset.extra_args
        else:
            # One pass: braces inside a prompt are text, not places to fill.
            argv.append(re.sub(r"\{(session|prompt|shell)\}", lambda found: values[found[0]], part))
    chosen = any("{session}" in part for part in template)
    stdin = prompt if preset.prompt_mode is PromptMode.STDIN else None
    return Launch(argv=tuple(argv), stdin=stdin, session_id=session_id if chosen else None)


def environment(preset: Preset, environ: Mapping[str, str], *, uid: int) -> dict[str, str]:
    """The part of the worker's environment that the agent gets, and what its preset sets; nothing else leaks in."""
    names = (*COMMON_ENV, preset.home_env, *preset.login_env, *preset.pass_env)
    passed = {name: environ[name] for name in names if environ.get(name)}
    return {**passed, **preset.env, **(preset.root_env if uid == 0 else {})}


def missing_login(preset: Preset, environ: Mapping[str, str], home: Path) -> str | None:
    """Say in one sentence what would log the agent in; None when something does, or nothing has to."""
    if not preset.login_env and not preset.login_files:
        return None
    if any(environ.get(name) or preset.env.get(name) for name in preset.login_env):
        return None
    moved = environ.get(preset.home_env, "") if preset.home_env else ""
    if any(_shows_login(file, preset, home, moved) for file in preset.login_files):
        return None
    folder = moved or f"~/{preset.home}"
    sentence = f"{preset.name} is not logged in: set {' or '.join(preset.login_env[:3])}, or log in once as this user"
    return f"{sentence} with `{preset.command}` so that it fills {folder}."


def _shows_login(file: LoginFile, preset: Preset, home: Path, moved: str) -> bool:
    path = home / file.path
    if moved:
        path = Path(moved) / Path(file.path).relative_to(preset.home if file.path.startswith(f"{preset.home}/") else "")
    try:
        with path.open("rb") as stream:
            return file.holds.encode() in stream.read(LOGIN_FILE_BYTES)
    except OSError:
        return False


def find_command(preset: Preset, path: str) -> str:
    """The absolute path of the agent's program on this host; refuses one that is not installed."""
    found = shutil.which(preset.command, path=path)
    if found is None:
        install = f"Install it: {preset.install}" if preset.install else "Install it"
        raise CommandMissing(
            f"agent {preset.name} needs `{preset.command}`, which is not on the worker's PATH",
            hint=f"{install}, or name its path: gt config set agents.{preset.name}.command /path/to/it",
        )
    return found
