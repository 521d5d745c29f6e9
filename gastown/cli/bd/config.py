"""`bd config` and `bd kv`: the keys of a store."""

import click

from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table
from gastown.errors import Invalid

_SPACE = "kv."


class NotAPair(Invalid):
    """An argument of `set-many` is no KEY=VALUE."""


@group("config")
def config() -> None:
    """Read and change the keys of this store; the same for all who use it. (A town's own settings: `gt config`.)

    \b
    Examples:
      bd config set types.custom "incident,runbook"
      bd config get issue_prefix
    """


@config.command("get", in_session=True)
@click.argument("key")
@pass_context
def get(context: Context, key: str) -> None:
    """Print a key's value: what BD_KEY says, else what is set, else the default.

    \b
    Example:
      bd config get status.custom
    """
    from gastown import beads

    name = beads.canonical_key(key)
    with context.read() as session:
        value = beads.get_config(session, name)
    if context.json:
        emit(context, {"key": name, "value": value})
    else:
        context.echo(value or f"{name} (not set)")


@config.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("key")
@click.argument("value")
@pass_context
def set_(context: Context, key: str, value: str) -> None:
    """Give a key a value.

    \b
    Example:
      bd config set validation.on-create warn
    """
    _set(context, [(key, value)])


@config.command("set-many", context_settings={"ignore_unknown_options": True})
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@pass_context
def set_many(context: Context, pairs: tuple[str, ...]) -> None:
    """Give several keys their values: all of them or none.

    \b
    Example:
      bd config set-many types.custom=incident export.auto=true
    """
    split = [pair.partition("=") for pair in pairs]
    wrong = [key for key, equals, _ in split if not (key and equals)]
    if wrong:
        raise NotAPair(f"not KEY=VALUE: {wrong[0][:60]!r}", hint="Write key=value, without blanks around the =.")
    _set(context, [(key, value) for key, _, value in split])


def _set(context: Context, pairs: list[tuple[str, str]]) -> None:
    from gastown import beads

    named = [(beads.canonical_key(key), value) for key, value in pairs]
    with context.write() as session:
        for key, value in named:
            beads.set_config(session, key, value, actor=context.actor)
    if context.json:
        shown = [{"key": key, "value": value} for key, value in named]
        if len(shown) == 1:
            emit(context, dict(shown[0]))
        else:
            context.print_json(shown)
        return
    for key, value in named:
        context.echo(f"Set {key} = {value}")


@config.command("unset")
@click.argument("key")
@pass_context
def unset(context: Context, key: str) -> None:
    """Forget a key: its default counts again.

    \b
    Example:
      bd config unset export.auto
    """
    from gastown import beads

    name = beads.canonical_key(key)
    with context.write() as session:
        was_set = beads.unset_config(session, name, actor=context.actor)
    if context.json:
        emit(context, {"key": name, "unset": was_set})
    else:
        context.echo(f"Unset {name}" if was_set else f"{name} was not set")


@config.command("list", in_session=True)
@click.option("--all", "everything", is_flag=True, help="Also the keys that are not set, with what they mean.")
@pass_context
def list_(context: Context, everything: bool) -> None:
    """List the keys that are set, without what `remember` and `kv` keep.

    \b
    Example:
      bd config list --all
    """
    from gastown import beads

    with context.read() as session:
        stored = beads.list_config(session)
    found = {key: value for key, value in stored.items() if not key.startswith(_SPACE)}
    if everything:
        found = {key: known.default for key, known in beads.KEYS.items()} | found
    if context.json:
        context.print_json(found)
        return
    meanings = {key: known.meaning for key, known in beads.KEYS.items()} if everything else {}
    rows = [(key, value, meanings.get(key, "")) for key, value in sorted(found.items())]
    table(context, ("KEY", "VALUE", "MEANING" if everything else ""), rows, empty="No key is set.")


@config.command("show", in_session=True)
@pass_context
def show(context: Context) -> None:
    """Show what counts here for every known key, and where it comes from.

    \b
    Example:
      bd config show --json
    """
    from gastown import beads

    with context.read() as session:
        shown = beads.explain_config(session)
    if context.json:
        context.print_json(shown)
        return
    rows = [(item["key"], item["value"], item["source"]) for item in shown]
    table(context, ("KEY", "VALUE", "FROM"), rows, empty="There are no keys.")


@config.command("validate", in_session=True)
@pass_context
def validate(context: Context) -> int:
    """Check every key that is set, and every bead's type and status against them; exit status 1 when one is wrong.

    \b
    Example:
      bd config validate
    """
    from gastown import beads

    with context.read() as session:
        wrong = beads.check_config(session)
    if context.json:
        emit(context, {"valid": not wrong, "problems": wrong})
    else:
        for line in wrong or ["Every key is as it should be."]:
            context.echo(line)
    return 1 if wrong else 0


@group("kv")
def kv() -> None:
    """Small values of your own, kept in the store under kv.KEY.

    \b
    Example:
      bd kv set deploy.last 2026-01-07
    """


@kv.command("set")
@click.argument("key")
@click.argument("value")
@pass_context
def kv_set(context: Context, key: str, value: str) -> None:
    """Keep a value.

    \b
    Example:
      bd kv set deploy.last 2026-01-07
    """
    from gastown import beads

    with context.write() as session:
        beads.set_config(session, _SPACE + key, value, actor=context.actor)
    if context.json:
        emit(context, {"key": key, "value": value, "found": True})
    else:
        context.echo(f"Set {key} = {value}")


@kv.command("get", in_session=True)
@click.argument("key")
@pass_context
def kv_get(context: Context, key: str) -> int:
    """Print a value; exit status 1 when there is none.

    \b
    Example:
      bd kv get deploy.last
    """
    from gastown import beads

    with context.read() as session:
        value = beads.find_config(session, _SPACE + key)
    if context.json:
        emit(context, {"key": key, "value": value or "", "found": value is not None})
    elif value is not None:
        context.echo(value)
    else:
        context.warn(f"Error: no value under {key}")
    return 0 if value is not None else 1


@kv.command("clear")
@click.argument("key")
@pass_context
def kv_clear(context: Context, key: str) -> None:
    """Forget a value.

    \b
    Example:
      bd kv clear deploy.last
    """
    from gastown import beads

    with context.write() as session:
        found = beads.unset_config(session, _SPACE + key, actor=context.actor)
    if context.json:
        emit(context, {"key": key, "found": found})
    else:
        context.echo(f"Cleared {key}" if found else f"{key} was not set")


@kv.command("list", in_session=True)
@pass_context
def kv_list(context: Context) -> None:
    """List the values.

    \b
    Example:
      bd kv list --json
    """
    from gastown import beads

    with context.read() as session:
        found = {key.removeprefix(_SPACE): value for key, value in beads.list_config(session, _SPACE).items()}
    found = {key: value for key, value in found.items() if not key.startswith("memory.")}
    if context.json:
        context.print_json(found)
        return
    table(context, ("KEY", "VALUE"), list(found.items()), empty="Nothing is kept.")


@command("types", in_session=True)
@pass_context
def types(context: Context) -> None:
    """List the issue types, and the custom ones of this store.

    \b
    Example:
      bd types --json
    """
    from gastown import beads

    with context.read() as session:
        shown = beads.describe_types(session)
    if context.json:
        emit(context, shown)
        return
    rows = [(item["name"], item["description"]) for item in shown["core_types"]]
    rows += [(name, "custom") for name in shown["custom_types"]]
    table(context, ("TYPE", "MEANING"), rows, empty="There are no types.")


@command("statuses", in_session=True)
@pass_context
def statuses(context: Context) -> None:
    """List the statuses, and the custom ones of this store.

    \b
    Example:
      bd statuses --json
    """
    from gastown import beads

    with context.read() as session:
        shown = beads.describe_statuses(session)
    if context.json:
        emit(context, shown)
        return
    rows = [
        (item["icon"], item["name"], item["category"], item["description"])
        for item in (*shown["built_in_statuses"], *shown["custom_statuses"])
    ]
    table(context, ("", "STATUS", "CATEGORY", "MEANING"), rows, empty="There are no statuses.")
