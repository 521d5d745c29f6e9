"""`bd state` and `bd set-state`: one value a dimension, with a log."""

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import resolve, writable
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context


@command("state", in_session=True)
@click.argument("words", metavar="ID DIMENSION | list ID", nargs=2)
@pass_context
def state(context: Context, words: tuple[str, str]) -> None:
    """Show a state of a bead, or all of them.

    \b
    Examples:
      bd state app-a1b2 patrol
      bd state list app-a1b2
    """
    from gastown import beads

    is_list = words[0] == "list"
    with context.read() as session:
        name = resolve(context, session, words[1] if is_list else words[0]).id
        found = beads.list_states(session, name)
    if is_list:
        if context.json:
            emit(context, {"issue_id": name, "states": found})
            return
        for dimension, value in found.items():
            context.echo(f"{dimension}: {value}")
        if not found:
            context.echo(f"{name} has no states.")
        return
    dimension = beads.check_dimension(words[1])
    if context.json:
        emit(context, {"issue_id": name, "dimension": dimension, "value": found.get(dimension)})
    else:
        context.echo(found.get(dimension) or f"(no {dimension} state set)")


@command("set-state", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("pair", metavar="DIMENSION=VALUE")
@click.option("--reason", default="", help="Why.")
@pass_context
def set_state(context: Context, bead: str, pair: str, reason: str) -> None:
    """Give a bead a state instead of what it has in that dimension.

    \b
    Example:
      bd set-state app-a1b2 patrol=muted --reason "Too loud"
    """
    from gastown import beads

    dimension, equals, value = pair.partition("=")
    if not equals:
        raise BadOption(f"not a state: {pair[:60]!r}", hint="Write dimension=value.")
    with context.write() as session:
        name = writable(context, session, bead).id
        done = beads.set_state(session, name, dimension, value, actor=context.actor, reason=reason)
    if context.json:
        changed = {"event_id": done.event_id or None, "changed": bool(done.event_id)}
        shown = {"issue_id": name, "dimension": dimension, "old_value": done.old, "new_value": done.new}
        emit(context, {**shown, **changed})
    elif done.event_id:
        context.echo(f"✓ Set {dimension} = {done.new} on {name} (was {done.old or 'unset'})")
    else:
        context.echo(f"{name} has {dimension} = {done.new} already")
