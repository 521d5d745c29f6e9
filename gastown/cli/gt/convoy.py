"""`gt convoy`: beads that travel together."""

from typing import TYPE_CHECKING

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import ago, iso, table

if TYPE_CHECKING:
    from gastown.convoys import Convoy, Progress, Report

_BAR_WIDTH = 30  # characters
_SHORT_OID = 10


@group("convoy")
def convoy() -> None:
    """Watch beads that travel together, across rigs, until all have landed.

    \b
    Examples:
      gt convoy create "Login rework" app-a1b2 app-c3d4 web-e5f6
      gt convoy list
      gt convoy status hq-cv-1a2b3
    """


@convoy.command("create")
@click.argument("title")
@click.argument("bead_ids", metavar="BEAD...", nargs=-1, required=True)
@pass_context
def create(context: Context, title: str, bead_ids: tuple[str, ...]) -> None:
    """Make a convoy of beads; it lands when the last of them has landed.

    \b
    Example:
      gt convoy create "Login rework" app-a1b2 app-c3d4
    """
    from gastown import beads, convoys

    with context.write() as session:
        members = [beads.find(session, text).id for text in bead_ids]
        made = convoys.create(session, title, members, actor=context.actor)
        report = convoys.status(session, made.id)
    if context.json:
        context.print_json(_as_json(report))
    else:
        context.echo(f"{made.id}: {made.title} ({report.progress.total} beads)")
        context.echo(f"Next: `gt sling BEAD... RIG`, then `gt convoy status {made.id}`.")


@convoy.command("list")
@click.option("--all", "include_landed", is_flag=True, help="Landed ones, too.")
@click.option("--limit", type=click.IntRange(1, 10000), default=100, show_default=True, help="How many at most.")
@pass_context
def list_(context: Context, include_landed: bool, limit: int) -> None:
    """List convoys and how far each is; open ones unless --all is given.

    \b
    Example:
      gt convoy list --all --json
    """
    from gastown import convoys

    with context.read() as session:
        found = convoys.list_all(session, include_landed=include_landed, limit=limit)
    if context.json:
        context.print_json([_summary(item.convoy, item.progress) for item in found])
        return
    table(
        context,
        ("ID", "STATUS", "PROGRESS", "AGE", "TITLE"),
        [
            (
                item.convoy.id,
                item.convoy.status.value,
                _figures(item.progress),
                ago(item.convoy.created_at),
                item.convoy.title,
            )
            for item in found
        ],
        empty="No convoy travels. `gt convoy create TITLE BEAD...` makes one.",
    )


@convoy.command("status")
@click.argument("convoy_id", metavar="ID")
@pass_context
def status(context: Context, convoy_id: str) -> None:
    """Show a convoy's beads in the order in which they can be worked on, and how far each is.

    \b
    Example:
      gt convoy status hq-cv-1a2b3
    """
    from gastown import convoys

    with context.read() as session:
        report = convoys.status(session, convoy_id)
    if context.json:
        context.print_json(_as_json(report))
        return
    context.echo(f"{report.convoy.id}: {report.convoy.title} ({report.convoy.status.value})")
    _bar(context, report.progress)
    table(
        context,
        ("WAVE", "BEAD", "STATUS", "LANDED", "TITLE"),
        [
            (number, bead.id, bead.status, bead.landed_sha[:_SHORT_OID], bead.title)
            for number, wave in enumerate(report.waves, start=1)
            for bead in wave
        ],
        empty="It has no beads any more.",
    )


def _figures(progress: "Progress") -> str:
    words = f"{progress.done}/{progress.total}"
    return f"{words}, {progress.escalated} escalated" if progress.escalated else words


def _bar(context: Context, progress: "Progress") -> None:
    if not context.is_terminal:
        context.echo(f"progress: {_figures(progress)}")
        return
    from rich.console import Console
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    line = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(progress.total, 1), completed=progress.done, width=_BAR_WIDTH)
    line.add_row(bar, _figures(progress))
    Console(file=context.out).print(line)


def _summary(found: "Convoy", progress: "Progress") -> dict[str, object]:
    return {
        "id": found.id,
        "title": found.title,
        "status": found.status.value,
        "owner": found.owner,
        "created_at": iso(found.created_at),
        "landed_at": iso(found.landed_at),
        "total": progress.total,
        "done": progress.done,
        "under_way": progress.under_way,
        "escalated": progress.escalated,
    }


def _as_json(report: "Report") -> dict[str, object]:
    members = [
        {
            "id": bead.id,
            "title": bead.title,
            "status": bead.status,
            "wave": number,
            "landed_sha": bead.landed_sha or None,
        }
        for number, wave in enumerate(report.waves, start=1)
        for bead in wave
    ]
    return {**_summary(report.convoy, report.progress), "members": members}
