"""`gt config`: town-wide settings."""

import shlex

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table


@group("config")
def config_group() -> None:
    """Read and change what every host of the town agrees on, agents' presets (agents.PRESET.KEY) among it.

    How one host reaches its database and Redis is in its town.toml instead.

    \b
    Examples:
      gt config list
      gt config get default_agent
      gt config set cap.agent_failures 5
      gt config set agents.claude.extra_args '--model opus'
      gt config set agents.mine.shell 'my-agent --yes'
    """


@config_group.command("list")
@pass_context
def list_(context: Context) -> None:
    """List every setting with its value, its default and its meaning.

    \b
    Example:
      gt config list --json
    """
    from gastown import policy
    from gastown.town import presets

    with context.read() as session:
        values = policy.load(session).values
        own = presets.list_values(session)
    if context.json:
        rows_json = [
            {"name": name, "value": values[name], "default": key.default, "meaning": key.meaning}
            for name, key in policy.KEYS.items()
        ]
        context.print_json(rows_json + [{"name": name, "value": value} for name, value in own.items()])
        return
    rows = [
        (name, values[name], "" if values[name] == key.default else f"(default {key.default})", key.meaning)
        for name, key in policy.KEYS.items()
    ]
    rows += [(name, _shown(value), "", "an agent preset's key") for name, value in own.items()]
    table(context, ("NAME", "VALUE", "", "MEANING"), rows, empty="There are no settings.")


@config_group.command("get")
@click.argument("name")
@pass_context
def get(context: Context, name: str) -> None:
    """Print one setting's value.

    \b
    Example:
      gt config get lease.ttl_s
    """
    from gastown import policy
    from gastown.town import presets

    with context.read() as session:
        if presets.is_preset_key(name):
            value = presets.get_value(session, name)
        else:
            policy.get_key(name)
            value = policy.load(session).values[name]
    _print(context, name, value)


# A value may begin with a dash: '--model opus'.
@config_group.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("value")
@pass_context
def set_(context: Context, name: str, value: str) -> None:
    """Change one setting for the whole town; it counts from the next time it is read.

    \b
    Example:
      gt config set rig.max_polecats 20
    """
    from gastown import policy
    from gastown.town import presets

    act = presets.set_value if presets.is_preset_key(name) else policy.set_value
    with context.write() as session:
        stored = act(session, name, value, actor=context.actor)
    _print(context, name, stored)


@config_group.command("unset")
@click.argument("name")
@pass_context
def unset(context: Context, name: str) -> None:
    """Go back to a setting's default.

    \b
    Example:
      gt config unset rig.max_polecats
    """
    from gastown import policy
    from gastown.town import presets

    act = presets.clear_value if presets.is_preset_key(name) else policy.clear_value
    with context.write() as session:
        value = act(session, name, actor=context.actor)
    _print(context, name, value)


def _print(context: Context, name: str, value: object) -> None:
    if context.json:
        context.print_json({"name": name, "value": value})
    else:
        context.echo(_shown(value))


def _shown(value: object) -> str:
    """A value as `gt config set` takes it."""
    if isinstance(value, list | tuple):
        return shlex.join(str(word) for word in value)
    if isinstance(value, dict):
        return shlex.join(f"{key}={word}" for key, word in value.items())
    return "" if value is None else str(value)
