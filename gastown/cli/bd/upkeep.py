"""`bd gc`, `prune`, `purge`, `promote`: what grows old. All show what they would do unless they are told to do it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.scope import resolve
from gastown.cli.bd.shapes import emit, issues
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Removal

_SHOWN = 20

FORCE = options.stack(
    click.option("--dry-run", is_flag=True, help="Only show what would happen (as without --force)."),
    click.option("-f", "--force", is_flag=True, help="Do it."),
)
_PATTERN = click.option("--pattern", default="", help="Only ids that fit this pattern, like 'app-mol-*'.")


@command("gc")
@click.option("--older-than", default="90", show_default=True, help="Days since a bead closed: 90, 12w.")
@click.option("--skip-decay", is_flag=True, help="Only the expired wisps.")
@FORCE
@pass_context
def gc(context: Context, older_than: str, skip_decay: bool, dry_run: bool, force: bool) -> None:
    """Let beads that closed long ago decay to tombstones, and take expired wisps out of the store.

    \b
    Example:
      bd gc --older-than 180 --force
    """
    from gastown import beads

    age = None if skip_decay else beads.parse_age(older_than)
    remove(context, lambda session: beads.collect(session, actor=context.actor, older_than=age), force and not dry_run)


@command("prune")
@click.option("--older-than", help="Closed so long ago: 30, 12h, 4w.")
@_PATTERN
@FORCE
@pass_context
def prune(context: Context, older_than: str | None, pattern: str, dry_run: bool, force: bool) -> None:
    """Delete closed beads, by age or by their ids. Those that open ones depend on stay; a tombstone stays of each.

    \b
    Examples:
      bd prune --older-than 90d
      bd prune --pattern 'app-mol-*' --force
    """
    from gastown import beads

    if not older_than and not pattern:
        raise options.BadOption("prune needs --older-than or --pattern", hint="bd prune --older-than 90d")
    age = beads.parse_age(older_than) if older_than else None
    remove(
        context,
        lambda session: {"pruned": beads.prune(session, actor=context.actor, older_than=age, pattern=pattern)},
        force and not dry_run,
    )


@command("purge")
@click.option("--older-than", help="Closed so long ago: 30, 12h, 4w.")
@click.option("--tombstones", is_flag=True, help="Tombstones (30 days old, unless said) instead of closed wisps.")
@_PATTERN
@FORCE
@pass_context
def purge(context: Context, older_than: str | None, tombstones: bool, pattern: str, dry_run: bool, force: bool) -> None:
    """Take closed wisps out of the store for good. Beads that stay are never touched.

    \b
    Examples:
      bd purge --older-than 1 --force
      bd purge --tombstones
    """
    from gastown import beads

    age = beads.parse_age(older_than or str(beads.TOMBSTONE_DAYS)) if older_than or tombstones else None

    def act(session: "Session") -> dict[str, "Removal"]:
        if tombstones and age is not None:
            done = beads.purge_tombstones(session, actor=context.actor, older_than=age, pattern=pattern)
        else:
            done = beads.purge_wisps(session, actor=context.actor, older_than=age, pattern=pattern)
        return {"purged": done}

    remove(context, act, force and not dry_run)


def remove(context: Context, act: Callable[["Session"], dict[str, "Removal"]], is_meant: bool) -> None:
    """Do what `act` does, or only show it."""
    with context.write() as session:
        done = act(session)
        if not is_meant:
            session.rollback()
    if context.json:
        shown: dict[str, Any] = {name: removal.as_json() for name, removal in done.items()}
        emit(context, {**(shown if len(shown) > 1 else next(iter(shown.values()))), "dry_run": not is_meant})
        return
    if not is_meant:
        context.echo("DELETE PREVIEW")
    for name, removal in done.items():
        gone = [*removal.deleted, *removal.purged]
        context.echo(f"{name}: {len(gone)} issues, {removal.dependencies} dependencies, {len(removal.kept)} kept")
        for bead_id in gone[:_SHOWN]:
            context.echo(f"  {bead_id}")
        if len(gone) > _SHOWN:
            context.echo(f"  ... and {len(gone) - _SHOWN} more (--json lists all)")
        for bead_id, why in list(removal.kept.items())[:_SHOWN]:
            context.echo(f"  kept {bead_id}: {why}")
    if not is_meant:
        context.echo("Nothing was changed. Add --force to do it.")


@command("promote")
@click.argument("wisp", metavar="WISP")
@click.option("-r", "--reason", default="", help="Why it should stay.")
@pass_context
def promote(context: Context, wisp: str, reason: str) -> None:
    """Make a wisp a bead that stays, with its labels, dependencies and comments.

    \b
    Example:
      bd promote app-wisp-a1b2 -r "It is a real defect"
    """
    from gastown import beads

    with context.write() as session:
        bead = beads.promote(session, resolve(context, session, wisp).id, actor=context.actor, reason=reason)
        (shown,) = issues(session, [bead])
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"✓ Promoted {bead.id}: it stays")
