"""`bd mol wisp`: molecules that are not exported and go away by themselves."""

from typing import Any

import click

from gastown.cli.bd.cook import RIG, VALUES
from gastown.cli.bd.mol import pour_as
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import LazyGroup, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table


class WispGroup(LazyGroup):
    """A word that is no verb of the group is a formula: `bd mol wisp shiny` creates one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `create` before the name of a formula."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group("wisp", cls=WispGroup)
def wisp() -> None:
    """Wisps: molecules that are not exported and go away by themselves.

    \b
    Examples:
      bd mol wisp patrol-round --var rig=app
      bd mol wisp list
      bd mol wisp gc --age 2h
    """


@wisp.command("create", in_session=True)
@click.argument("source", metavar="FORMULA|TEMPLATE")
@VALUES
@click.option("-a", "--assignee", default="", help="Who has the wisp.")
@click.option("--wisp-type", default="", help="heartbeat, ping, patrol...: how long it is kept goes by this.")
@click.option("--root-only", is_flag=True, help="One bead that lists the steps, instead of a bead a step.")
@click.option("--dry-run", is_flag=True, help="Only show what would be filed.")
@RIG
@pass_context
def create(context: Context, source: str, **said: Any) -> None:
    """Pour a formula (or a template) as a wisp.

    \b
    Example:
      bd mol wisp create patrol-round --wisp-type patrol
    """
    pour_as(context, source, said, ephemeral=True)


@wisp.command("list", in_session=True)
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@pass_context
def list_(context: Context, closed: bool) -> None:
    """List wisps, the newest change first.

    \b
    Example:
      bd mol wisp list --all
    """
    from gastown import molecules

    with context.read() as session:
        shown = molecules.wisps_json(session, closed=closed)
    if context.json:
        emit(context, shown)
        return
    rows = [
        (row["id"], row["status"], row["type"], row["updated_at"], "old" if row["old"] else "", row["title"])
        for row in shown["wisps"]
    ]
    table(context, ("ID", "STATUS", "TYPE", "UPDATED", "", "TITLE"), rows, empty="No wisps.")


@wisp.command("gc")
@click.option("--age", default="1h", show_default=True, help="How long a wisp without a type of its own is kept.")
@click.option("--closed", is_flag=True, help="Closed wisps, of any age.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@pass_context
def gc(context: Context, age: str, closed: bool, dry_run: bool) -> None:
    """Take wisps out of the store that nobody touched for as long as their type is kept.

    \b
    Example:
      bd mol wisp gc --age 6h --dry-run
    """
    from gastown import molecules

    with context.write() as session:
        shown = molecules.collect_wisps(session, age=age, closed=closed, actor=context.actor)
        if dry_run:
            session.rollback()
    if context.json:
        emit(context, molecules.collected_json(shown, dry_run=dry_run))
        return
    verb = "Would remove" if dry_run else "✓ Removed"
    context.echo(f"{verb} {len(shown)} wisps" if shown else "No wisps to remove.")
