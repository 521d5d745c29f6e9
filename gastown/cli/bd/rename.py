"""`bd rename` and `bd rename-prefix`."""

import click

from gastown.cli.bd.scope import check_given_id, resolve
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import Refused


class TownPrefix(Refused):
    """A town's prefixes say which rig a bead belongs to."""


@command("rename")
@click.argument("old", metavar="ID")
@click.argument("new", metavar="NEW-ID")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@pass_context
def rename(context: Context, old: str, new: str, dry_run: bool) -> None:
    """Give a bead another id: in dependencies, texts, labels and comments, with its children and its history.

    \b
    Example:
      bd rename app-a1b2 app-login
    """
    from gastown import beads

    with context.write() as session:
        name = resolve(context, session, old).id
        done = beads.rename(session, name, check_given_id(context, session, new, force=False), actor=context.actor)
        if dry_run:
            session.rollback()
    if context.json:
        shown = {"old_id": name, "new_id": new, "renamed": done.names, "references_updated": done.references}
        emit(context, {**shown, "dry_run": dry_run})
        return
    for was, now in done.names.items():
        context.echo(f"{'Would rename' if dry_run else '✓ Renamed'} {was} to {now}")
    context.echo(f"  References updated: {done.references}")


@command("rename-prefix")
@click.argument("new", metavar="PREFIX")
@click.option("--repair", is_flag=True, help="Beads of every other prefix, too.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@pass_context
def rename_prefix(context: Context, new: str, repair: bool, dry_run: bool) -> None:
    """Give every bead of this store another prefix: at most 8 characters, with the hyphen at its end.

    \b
    Example:
      bd rename-prefix app- --dry-run
    """
    from gastown import beads

    if context.settings.is_town:
        raise TownPrefix("in a town the prefix says which rig a bead belongs to", hint="`gt rig list` shows them.")
    with context.write() as session:
        old, done = beads.rename_prefix(session, new, actor=context.actor, repair=repair)
        if dry_run:
            session.rollback()
    prefix = new.removesuffix("-")
    if context.json:
        shown = {"old_prefix": old, "new_prefix": prefix, "issues_count": len(done.names)}
        emit(context, {**shown, "references_updated": done.references, "dry_run": dry_run})
        return
    context.echo(f"{'Would rename' if dry_run else '✓ Renamed'} {len(done.names)} issues from {old}- to {prefix}-")
