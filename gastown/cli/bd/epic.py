"""`bd epic`: how far epics are, and closing those that are done."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.scope import prefix_for, prefix_of_session
from gastown.cli.bd.shapes import emit, issues
from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from sqlmodel import Session

_RIG = click.option("--rig", help="Of this rig.")


@group("epic")
def epic() -> None:
    """See how far epics are; close those whose children are closed.

    \b
    Example:
      bd epic status
    """


def _prefix(context: Context, session: "Session", rig: str | None) -> str:
    return prefix_for(context, session, rig) if rig else prefix_of_session(context) or ""


@epic.command("status", in_session=True)
@click.option("--eligible-only", is_flag=True, help="Only those that can be closed.")
@_RIG
@pass_context
def status(context: Context, eligible_only: bool, rig: str | None) -> None:
    """List open epics with the numbers of their children.

    \b
    Example:
      bd epic status --eligible-only
    """
    from gastown import beads

    with context.read() as session:
        found = beads.list_epics(session, prefix=_prefix(context, session, rig))
        found = [item for item in found if item.is_eligible or not eligible_only]
        shown = issues(session, [item.epic for item in found]) if context.json else []
        rows = [(item.epic.id, f"{item.closed}/{item.total}", item.is_eligible, item.epic.title) for item in found]
    if context.json:
        counts: list[dict[str, Any]] = [
            {"total_children": item.total, "closed_children": item.closed, "eligible_for_close": item.is_eligible}
            for item in found
        ]
        context.print_json([{"epic": one, **numbers} for one, numbers in zip(shown, counts, strict=True)])
        return
    lines = [(name, share, "can be closed" if can else "", title) for name, share, can, title in rows]
    table(context, ("ID", "CLOSED", "", "TITLE"), lines, empty="No open epics.")


@epic.command("close-eligible", in_session=True)
@click.option("--dry-run", is_flag=True, help="Only list them.")
@_RIG
@pass_context
def close_eligible(context: Context, dry_run: bool, rig: str | None) -> None:
    """Close every epic whose children are all closed.

    \b
    Example:
      bd epic close-eligible --dry-run
    """
    from gastown import beads

    with context.write() as session:
        done = beads.close_eligible(session, actor=context.actor, prefix=_prefix(context, session, rig))
        names = [bead.id for bead in done.closed]
        if dry_run:
            session.rollback()
    for _, error in done.refused:
        context.warn(f"Error: {error.message}")
    if context.json:
        emit(context, {"closed": names, "count": len(names), "dry_run": dry_run})
        return
    for name in names:
        context.echo(f"{'Would close' if dry_run else '✓ Closed'} {name}")
    if not names:
        context.echo("No epic can be closed.")
