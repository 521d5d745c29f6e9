"""`bd list`, `ready`, `blocked`, `search`, `count`, `status`."""

from typing import Any

import click

from gastown.cli.bd import history, options
from gastown.cli.bd.shapes import emit, issues, print_beads
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table
from gastown.errors import Invalid

_GROUPS = ("status", "priority", "type", "assignee", "label")


class NoQuery(Invalid):
    """Nothing to search for."""


@command("list", in_session=True)
@options.FILTERS
@click.option(
    "--all", "everything", is_flag=True, help="Closed and pinned ones and the town's own too, without a limit."
)
@click.option("--ready", "only_ready", is_flag=True, help="Only what can be started now.")
@history.AS_OF
@options.sort("priority")
@options.limit(50)
@pass_context
def list_(context: Context, everything: bool, only_ready: bool, as_of: str | None, **said: Any) -> None:
    """List beads; done ones are hidden unless asked for.

    \b
    Examples:
      bd list --rig app -l backend --sort updated
      bd list --status closed --closed-after=-7d
    """
    from gastown import beads

    with context.read() as now, history.at(context, now, as_of) as (session, _):
        if everything:
            said["limit"] = 0
        asked = options.filters(context, session, said, any_status=everything)
        found = beads.list_ready(session, asked) if only_ready else beads.list_(session, asked)
        print_beads(context, session, found, empty="No issues found.")


@command("ready", in_session=True)
@options.FILTERS
@click.option("--claim", is_flag=True, help="Take the first one: it is yours, and nobody else's.")
@click.option("--include-deferred", is_flag=True, help="Those put off, too.")
@click.option("--include-ephemeral", is_flag=True, help="Wisps, too.")
@options.sort("priority", "hybrid", "oldest")
@options.limit(100)
@pass_context
def ready(context: Context, claim: bool, **said: Any) -> None:
    """List what can be started now, most urgent first: open, unblocked, its time come.

    \b
    Examples:
      bd ready --rig app
      bd ready --claim --json
    """
    from gastown import beads

    more = {name: said[name] for name in ("include_deferred", "include_ephemeral")} | {"deep": True}
    if claim:
        _claim(context, said, more)
        return
    with context.read() as session:
        asked = options.filters(context, session, said, **more)
        found = beads.list_ready(session, asked)
        print_beads(context, session, found, empty="No ready work. `bd blocked` says what waits for what.")
        total = beads.count_ready(session, asked) if asked.limit and len(found) == asked.limit else len(found)
    if total > len(found):
        hint = f"Showing {len(found)} of {total} ready issues. Use --limit 0 for all"
        (context.warn if context.json else context.echo)(hint)


def _claim(context: Context, said: dict[str, Any], more: dict[str, Any]) -> None:
    from gastown import beads

    if said["assignee"]:
        raise options.BadOption("--claim and --assignee exclude each other")
    with context.write() as session:
        asked = options.filters(context, session, said, **more)
        if context.session_pass is not None:
            asked = _of_own_rig(context, asked)
        bead = beads.claim_ready(session, asked, actor=context.actor)
        shown = issues(session, [bead]) if bead else []
    if context.json:
        context.print_json(shown)
    else:
        context.echo(f"Claimed {bead.id}: {bead.title}" if bead else "No ready work.")


def _of_own_rig(context: Context, asked: Any) -> Any:
    from dataclasses import replace

    return replace(asked, prefix=context.session_pass.prefix) if context.session_pass else asked


@command("blocked", in_session=True)
@options.FILTERS
@options.sort("priority")
@options.limit(0)
@pass_context
def blocked(context: Context, **said: Any) -> None:
    """List what must wait, and for what.

    \b
    Example:
      bd blocked --parent app-e5f6
    """
    from gastown import beads

    with context.read() as session:
        found = beads.list_blocked(session, options.filters(context, session, said, deep=True))
        if context.json:
            shown = issues(session, [bead for bead, _ in found])
            for item, (_, holders) in zip(shown, found, strict=True):
                item |= {"blocked_by_count": len(holders), "blocked_by": holders}
            context.print_json(shown)
            return
    rows = [(bead.id, f"P{bead.priority}", ", ".join(holders), bead.title) for bead, holders in found]
    table(context, ("ID", "PRIO", "BLOCKED BY", "TITLE"), rows, empty="No blocked issues.")


@command("search", in_session=True)
@click.argument("words", metavar="TEXT", nargs=-1)
@options.FILTERS
@options.sort("updated")
@options.limit(50)
@pass_context
def search(context: Context, words: tuple[str, ...], **said: Any) -> None:
    """Find text in titles, descriptions and ids, in beads of every status.

    \b
    Example:
      bd search login --status open
    """
    from gastown import beads

    text = " ".join(words).strip()
    if not text:
        raise NoQuery("search query is required", hint="bd search WORDS")
    with context.read() as session:
        asked = options.filters(context, session, said, any_status=not said["statuses"], text=text)
        print_beads(context, session, beads.list_(session, asked), empty=f"No issues found matching {text!r}.")


@command("count", in_session=True)
@options.FILTERS
@click.option("--by-status", "by", flag_value="status", help="A number a status.")
@click.option("--by-priority", "by", flag_value="priority", help="A number a priority.")
@click.option("--by-type", "by", flag_value="type", help="A number a type.")
@click.option("--by-assignee", "by", flag_value="assignee", help="A number an assignee.")
@click.option("--by-label", "by", flag_value="label", help="A number a label.")
@pass_context
def count(context: Context, by: str | None, **said: Any) -> None:
    """Count beads, of every status unless one is named.

    \b
    Example:
      bd count --by-status --rig app
    """
    from gastown import beads

    with context.read() as session:
        asked = options.filters(context, session, said, any_status=not said["statuses"])
        total = beads.count(session, asked)[""]
        groups = beads.count(session, asked, by=by) if by else {}
    if by is None:
        if context.json:
            emit(context, {"count": total})
        else:
            context.echo(str(total))
    elif context.json:
        emit(context, {"total": total, "groups": [{"group": name, "count": each} for name, each in groups.items()]})
    else:
        rows = [(name or "(none)", each) for name, each in groups.items()]
        table(context, (by.upper(), "COUNT"), [*rows, ("total", total)], empty="")


@command("status", in_session=True)
@pass_context
def status(context: Context) -> None:
    """Show the store at a glance.

    \b
    Example:
      bd status --json
    """
    from gastown import beads

    with context.read() as session:
        figures = beads.measure(session)
    by_status = figures.by_status
    summary = {
        "total_issues": sum(by_status.values()),
        **{f"{name}_issues": by_status.get(name, 0) for name in ("open", "in_progress", "closed")},
        "blocked_issues": figures.blocked,
        "deferred_issues": by_status.get("deferred", 0),
        "ready_issues": figures.ready,
        "pinned_issues": figures.pinned,
        **{f"{name}_issues": by_status.get(name, 0) for name in ("hooked", "submitted", "escalated")},
        "epics_eligible_for_closure": figures.epics_closeable,
        "average_lead_time_hours": figures.lead_time_hours,
    }
    if context.json:
        emit(context, {"summary": summary})
        return
    for name, value in summary.items():
        heading = "Total Issues" if name == "total_issues" else name.removesuffix("_issues").replace("_", " ").title()
        context.echo(f"{heading}: {value}")
