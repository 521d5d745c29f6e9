"""`bd duplicates` and `bd find-duplicates`."""

from typing import Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table


@command("duplicates", in_session=True)
@click.option("--auto-merge", is_flag=True, help="Close each in favour of the one on which most hangs.")
@click.option("--dry-run", is_flag=True, help="With --auto-merge: only show what would be closed.")
@pass_context
def duplicates(context: Context, auto_merge: bool, dry_run: bool) -> None:
    """List open beads that say the same, word for word; --auto-merge closes all but one of each group.

    \b
    Examples:
      bd duplicates
      bd duplicates --auto-merge --dry-run
    """
    from gastown import beads

    is_meant = auto_merge and not dry_run
    if is_meant and context.session_pass is not None:
        raise options.BadOption("--auto-merge is for people", hint="`bd duplicate ID --of OTHER` closes one of yours.")
    with context.write() if is_meant else context.read() as session:
        groups = beads.find_groups(session)
        shown: dict[str, Any] = {"duplicate_groups": len(groups), "groups": [group.as_json() for group in groups]}
        if auto_merge:
            shown["dry_run"] = dry_run
        if is_meant:
            done = beads.merge_groups(session, groups, actor=context.actor)
            shown |= {"merged": done.merged, "refused": done.refused}
    if context.json:
        emit(context, shown)
        return
    for group in groups:
        context.echo(f"{group.canonical.title} ({len(group.beads)} issues)")
        for bead in group.beads:
            context.echo(f"  {'keep ' if bead is group.canonical else '     '}{bead.id} P{bead.priority} {bead.status}")
    context.echo(f"{len(groups)} duplicate groups" if groups else "No duplicates found.")
    for name, other in shown.get("merged", {}).items():
        context.echo(f"✓ Closed {name} as a duplicate of {other}")
    for name, why in shown.get("refused", {}).items():
        context.warn(f"Error: {name}: {why}")


@command("find-duplicates", in_session=True)
@click.option("--method", type=click.Choice(["mechanical", "ai"]), default="mechanical", help="How they are compared.")
@click.option("--threshold", type=click.FloatRange(0.1, 1), default=0.5, show_default=True, help="How alike, 0.1 to 1.")
@click.option("-s", "--status", "statuses", multiple=True, help="Only these statuses, or `all`.")
@options.limit(50)
@pass_context
def find_duplicates(context: Context, method: str, threshold: float, statuses: tuple[str, ...], limit: int) -> None:
    """List pairs of beads that say nearly the same, the most alike first.

    \b
    Example:
      bd find-duplicates --threshold 0.7
    """
    from gastown import beads

    if method == "ai":
        raise options.BadOption(
            "no model compares beads here",
            hint="--method mechanical lists pairs; an agent that reads them can tell which are duplicates.",
        )
    said = options.words(statuses)
    with context.read() as session:
        asked = beads.Filters(statuses=() if "all" in said else said, any_status="all" in said)
        beads.check_filters(session, asked)
        found = beads.find_pairs(beads.list_(session, asked), threshold=threshold)
    shown = found[:limit] if limit else found
    if context.json:
        pairs = [pair.as_json() for pair in shown]
        emit(context, {"pairs": pairs, "count": len(found), "method": method, "threshold": threshold})
        return
    rows = [(f"{pair.similarity:.0%}", pair.one.id, pair.other.id, pair.one.title, pair.other.title) for pair in shown]
    table(context, ("ALIKE", "ID", "ID", "TITLE", "TITLE"), rows, empty="No similar issues found.")
