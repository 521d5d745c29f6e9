"""`bd lint`, `stale`, `orphans`, `preflight`: what is not as it should be."""

from datetime import timedelta

import click

from gastown import clock
from gastown.cli.bd import options
from gastown.cli.bd.prime import project_of
from gastown.cli.bd.scope import resolve
from gastown.cli.bd.shapes import emit, print_beads
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table

_STATUS = click.option("-s", "--status", "statuses", multiple=True, help="Only these statuses, or `all`.")


@command("lint", in_session=True)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("-t", "--type", "types", multiple=True, help="Only these types.")
@_STATUS
@pass_context
def lint(context: Context, ids: tuple[str, ...], types: tuple[str, ...], statuses: tuple[str, ...]) -> int:
    """Find beads whose description lacks the sections that their type needs. Exit status 1 when there are any.

    \b
    Examples:
      bd lint
      bd lint app-a1b2 --json
    """
    from gastown import beads

    said = options.words(statuses)
    with context.read() as session:
        asked = beads.Filters(
            ids=tuple(resolve(context, session, text).id for text in ids),
            types=options.words(types),
            statuses=() if "all" in said else said,
            any_status="all" in said,
        )
        beads.check_filters(session, asked)
        found = beads.lint(beads.list_(session, asked))
    warnings = sum(len(each.missing) for each in found)
    if context.json:
        emit(context, {"total": warnings, "issues": len(found), "results": [each.as_json() for each in found]})
    else:
        rows = [(each.bead.id, each.bead.issue_type, ", ".join(each.missing), each.bead.title) for each in found]
        table(context, ("ID", "TYPE", "MISSING", "TITLE"), rows, empty="✓ Nothing is missing.")
    return int(bool(found))


@command("stale", in_session=True)
@click.option("-d", "--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="Untouched so long.")
@_STATUS
@options.limit(50)
@pass_context
def stale(context: Context, days: int, statuses: tuple[str, ...], limit: int) -> None:
    """List what nobody has touched for long, the longest first.

    \b
    Example:
      bd stale --days 14 --status in_progress
    """
    from gastown import beads

    said = options.words(statuses)
    with context.read() as session:
        asked = beads.Filters(
            statuses=() if "all" in said else said,
            any_status="all" in said,
            updated=beads.Between(before=clock.now() - timedelta(days=days)),
            sort=beads.Sort("updated"),
            reverse=True,
            limit=limit,
        )
        beads.check_filters(session, asked)
        print_beads(context, session, beads.list_(session, asked), empty=f"No issues untouched for {days} days.")


@command("orphans")
@pass_context
def orphans(context: Context) -> None:
    """List open beads that commits of this repository name, like (app-a1b2): work that may be done.

    \b
    Example:
      bd orphans --json
    """
    from gastown import beads

    mentions = beads.read_mentions(project_of(context))
    with context.read() as session:
        found = beads.find_mentioned(session, mentions)
    if context.json:
        context.print_json([each.as_json() for each in found])
        return
    rows = [(each.bead.id, each.bead.status, each.commit[:12], each.subject, each.bead.title) for each in found]
    table(context, ("ID", "STATUS", "COMMIT", "SUBJECT", "TITLE"), rows, empty="No open issue is named by a commit.")


@command("preflight")
@pass_context
def preflight(context: Context) -> int:
    """Say what is left before a push. Exit status 1 when something is.

    \b
    Example:
      bd preflight && git push
    """
    from gastown import beads, git

    project = project_of(context)
    uncommitted, mentions = git.list_uncommitted(project), beads.read_mentions(project)
    with context.read() as session:
        checks = beads.preflight(session, actor=context.actor, mentions=mentions, uncommitted=uncommitted)
    is_ready = not any(check.left for check in checks)
    if context.json:
        emit(context, {"ready": is_ready, "checks": [check.as_json() for check in checks]})
    else:
        for check in checks:
            context.echo(f"⚠ {check.name}: {check.summary}\n    {check.advice}" if check.left else f"✓ {check.name}")
    return int(not is_ready)
