"""Runtimes: which agent programs exist, and how their processes are hosted.

`catalog` holds presets (claude, codex, a plain command) as rows of data; `host` starts sessions of them, each under a
keeper process of its own that outlives the worker. Nothing here knows beads, rigs or SQL. A session is a folder: what
runs in it is found, stopped and settled by its files alone, so any worker of the host can take it over.
"""

from gastown.runtimes import catalog, host, strays
from gastown.runtimes.base import (
    BadPreset,
    CommandMissing,
    Launch,
    Preset,
    PromptMode,
    PromptTooLong,
    UnknownPreset,
    UsageKind,
    environment,
    find_command,
    launch,
    missing_login,
    resume,
)
from gastown.runtimes.host import ExitReason, SessionExit, SessionProcess
from gastown.runtimes.usage import Usage, parse_usage

__all__ = [
    "BadPreset",
    "CommandMissing",
    "ExitReason",
    "Launch",
    "Preset",
    "PromptMode",
    "PromptTooLong",
    "SessionExit",
    "SessionProcess",
    "UnknownPreset",
    "Usage",
    "UsageKind",
    "catalog",
    "environment",
    "find_command",
    "host",
    "launch",
    "missing_login",
    "parse_usage",
    "resume",
    "strays",
]
