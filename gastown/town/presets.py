"""One key of an agent preset as a setting: `agents.<preset>.<key>`."""

import shlex
from collections.abc import Iterator

from sqlmodel import Session

from gastown import policy, runtimes
from gastown.errors import Invalid

PREFIX = "agents."


class BadPresetKey(Invalid):
    """Not `agents.<preset>.<key>`."""


def is_preset_key(name: str) -> bool:
    """Whether this setting belongs to an agent preset."""
    return name.startswith(PREFIX)


def list_values(session: Session) -> dict[str, object]:
    """Every key that this town set itself."""
    return {
        f"{PREFIX}{name}.{key}": value
        for name, values in sorted(policy.presets(session).items())
        for key, value in sorted(values.items())
    }


def get_value(session: Session, name: str) -> object:
    """The key's value: the town's own, else the preset's."""
    preset, key = _split(name)
    known = policy.presets(session)
    if key in known.get(preset, {}):
        return known[preset][key]
    found = runtimes.catalog.get(preset, known)
    if not hasattr(found, key):
        raise BadPresetKey(f"a preset has no key {key[:60]!r}", hint="Such as command, shell, extra_args, env or base.")
    return getattr(found, key)


def set_value(session: Session, name: str, text: str, *, actor: str) -> object:
    """Change one key; a name that is new becomes a preset, made from `command` unless `base` says otherwise.

    Lists are given as words, tables as NAME=VALUE words, quoted as in a shell.
    """
    preset, key = _split(name)
    known = policy.presets(session)
    refused: Invalid | None = None
    for value in _readings(text):
        changed = {**known.get(preset, {}), key: value}
        try:
            runtimes.catalog.get(preset, {**known, preset: changed})
        except runtimes.BadPreset as error:
            refused = refused or error
            continue
        policy.set_preset(session, preset, changed, actor=actor)
        return value
    assert refused is not None  # there is one reading at least
    raise refused


def clear_value(session: Session, name: str, *, actor: str) -> object:
    """Go back to what the preset has of itself; a preset without keys of its own is gone."""
    preset, key = _split(name)
    values = policy.presets(session).get(preset, {})
    if key in values:
        policy.set_preset(session, preset, {k: v for k, v in values.items() if k != key}, actor=actor)
    known = policy.presets(session)
    return get_value(session, name) if preset in known or preset in runtimes.catalog.PRESETS else None


def _split(name: str) -> tuple[str, str]:
    preset, dot, key = name.removeprefix(PREFIX).partition(".")
    if not dot or not preset or not key:
        raise BadPresetKey(f"not a preset's key: {name[:60]!r}", hint="It looks like agents.claude.extra_args.")
    return preset, key


def _readings(text: str) -> Iterator[object]:
    """What the words may mean: a text, a list, a table."""
    yield text
    try:
        words = shlex.split(text)
    except ValueError:
        return
    yield words
    pairs = [word.partition("=") for word in words]
    if all(sign for _, sign, _ in pairs):
        yield {variable: value for variable, _, value in pairs}
