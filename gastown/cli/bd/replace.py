"""`bd duplicate`, `supersede` and `ship`."""

from typing import Any

import click

from gastown.cli.bd.scope import closable, prefix_for, prefix_of_session, resolve
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context


@command("duplicate", in_session=True)
@click.argument("bead", metavar="ID")
@click.option("--of", "other", required=True, metavar="ID", help="The bead that stays.")
@pass_context
def duplicate(context: Context, bead: str, other: str) -> None:
    """Close a bead as the duplicate of another. Reopening it takes that back.

    \b
    Example:
      bd duplicate app-a1b2 --of app-c3d4
    """
    from gastown import beads

    with context.write() as session:
        name, canonical = closable(context, session, bead).id, resolve(context, session, other).id
        beads.mark_duplicate(session, name, canonical, actor=context.actor)
    if context.json:
        emit(context, {"duplicate": name, "canonical": canonical, "status": "closed"})
    else:
        context.echo(f"✓ Closed {name} as a duplicate of {canonical}")


@command("supersede", in_session=True)
@click.argument("bead", metavar="ID")
@click.option("--with", "other", required=True, metavar="ID", help="The bead that takes its place.")
@pass_context
def supersede(context: Context, bead: str, other: str) -> None:
    """Close a bead because another takes its place. Reopening it takes that back.

    \b
    Example:
      bd supersede app-a1b2 --with app-c3d4
    """
    from gastown import beads

    with context.write() as session:
        name, replacement = closable(context, session, bead).id, resolve(context, session, other).id
        beads.supersede(session, name, replacement, actor=context.actor)
    if context.json:
        emit(context, {"superseded": name, "replacement": replacement, "status": "closed"})
    else:
        context.echo(f"✓ Closed {name}: superseded by {replacement}")


@command("ship", in_session=True)
@click.argument("capability", metavar="CAPABILITY")
@click.option("--force", is_flag=True, help="Also while the bead is open.")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@click.option("--rig", help="Of this rig.")
@pass_context
def ship(context: Context, capability: str, force: bool, dry_run: bool, rig: str | None) -> None:
    """Provide what other projects wait for: external:PROJECT:CAPABILITY.

    The one bead labelled export:CAPABILITY is labelled provides:CAPABILITY.

    \b
    Example:
      bd ship login-api
    """
    from gastown import beads

    with context.write() as session:
        prefix = prefix_for(context, session, rig) if rig else prefix_of_session(context) or ""
        done = beads.ship(session, capability, actor=context.actor, force=force, prefix=prefix)
        if dry_run:
            session.rollback()
    status = "already_shipped" if done.was_shipped else "dry_run" if dry_run else "shipped"
    shown: dict[str, Any] = {"capability": capability, "issue_id": done.bead_id, "label": done.label}
    if context.json:
        emit(context, {"status": status, **shown})
    else:
        words = {"already_shipped": "was shipped before", "dry_run": "would be shipped", "shipped": "is shipped"}
        context.echo(f"{'✓ ' * (status == 'shipped')}{capability} {words[status]} by {done.bead_id}")
