"""`bd list`, `search`, `query`, `count`, `status`."""

from typing import Any

import click

from gastown.cli.bd import history, narrowing, options, styles
from gastown.cli.bd.shapes import emit, print_beads
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table
from gastown.errors import Invalid

_GROUPS = ("status", "priority", "type", "assignee", "label")
_SKIP_LABELS_REFUSED = 2  # the exit status of the original


class NoQuery(Invalid):
    """Nothing to search for."""


@command("list", in_session=True)
@narrowing.FILTERS
@click.option(
    "--all", "everything", is_flag=True, help="Closed and pinned ones and the town's own too, without a limit."
)
@click.option("--ready", "only_ready", is_flag=True, help="Only what can be started now.")
@click.option("--skip-labels", is_flag=True, help="Do not load labels; not with a filter on labels.")
@history.AS_OF
@narrowing.sort("priority")
@options.limit(None)
@styles.STYLE
@pass_context
def list_(context: Context, skip_labels: bool, watch: bool, **said: Any) -> int:
    """List beads; done ones are hidden unless asked for. A terminal gets a tree, a pipe one line a bead.

    \b
    Examples:
      bd list --rig app -l backend --sort updated
      bd list --status closed --closed-after=-7d
      bd list --format '{{.ID}} {{.Title}}'
    """
    if skip_labels and any(said[name] for name in narrowing.LABELS):
        context.warn("Error: --skip-labels excludes filters on labels")
        if context.json:
            emit(context, {"error": "--skip-labels excludes filters on labels"})
        return _SKIP_LABELS_REFUSED
    if said["only_ready"] and said["statuses"]:
        raise options.BadOption("--ready and --status exclude each other", hint="What is ready is open.")
    styles.check(said)
    styles.show(context, lambda: _list(context, skip_labels, **said), watch=watch)
    return 0


def _list(
    context: Context, skip_labels: bool, everything: bool, only_ready: bool, as_of: str | None, **said: Any
) -> None:
    from gastown import beads

    with context.read() as now, history.at(context, now, as_of) as (session, _):
        said["limit"] = styles.limit(said["limit"], everything)
        asked = narrowing.filters(context, session, said, any_status=everything)
        found = beads.list_ready(session, asked) if only_ready else beads.list_(session, asked)
        if context.json and skip_labels:
            shown = beads.list_json(session, found, labels=False)
            emit(context, {"issues": shown, "meta": {"skip_labels": True, "count": len(shown)}})
            return
        styles.print_styled(context, session, found, said, empty="No issues found.")


@command("search", in_session=True)
@click.argument("words", metavar="TEXT", nargs=-1)
@narrowing.FILTERS
@narrowing.sort("updated")
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
        asked = narrowing.filters(context, session, said, any_status=not said["statuses"], text=text)
        print_beads(context, session, beads.list_(session, asked), empty=f"No issues found matching {text!r}.")


@command("query", in_session=True)
@click.argument("expression", nargs=-1)
@click.option("-a", "--all", "everything", is_flag=True, help="Closed ones too, where the expression names no status.")
@click.option("-r", "--reverse", is_flag=True, help="The other way round.")
@click.option("--parse-only", is_flag=True, help="Only say whether the expression can be read.")
@narrowing.sort("priority")
@options.limit(50)
@styles.STYLE
@pass_context
def query(
    context: Context, expression: tuple[str, ...], everything: bool, parse_only: bool, watch: bool, **said: Any
) -> None:
    """Find beads by an expression: comparisons with AND, OR, NOT and brackets.

    Fields: status priority type assignee owner label title description notes created updated started closed due id spec
    parent pinned ephemeral template mol_type has_metadata_key metadata.KEY. `updated>7d` is: in the last seven days.

    \b
    Examples:
      bd query "status=open AND (priority<=1 OR label=urgent)"
      bd query "type=bug AND NOT assignee=none AND updated<30d"
    """
    from gastown import beads

    text = " ".join(expression)
    styles.check(said)
    with context.read() as session:
        compiled = beads.compile_query(session, text)
    if parse_only:
        emit(context, {"query": text, "status": "ok"}) if context.json else context.echo("The query can be read.")
        return

    def run() -> None:
        with context.read() as session:
            compiled = beads.compile_query(session, text)  # anew: its spans end now
            asked = beads.Filters(
                any_status=everything or compiled.names_status,
                also=(compiled.condition,),
                sort=beads.Sort(said["sort"]),
                reverse=said["reverse"],
                limit=said["limit"],
            )
            styles.print_styled(context, session, beads.list_(session, asked), said, empty="No issues found.")

    del compiled
    styles.show(context, run, watch=watch)


@command("count", in_session=True)
@narrowing.FILTERS
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
        asked = narrowing.filters(context, session, said, any_status=not said["statuses"])
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
        summary = beads.summary_json(beads.measure(session))
    if context.json:
        emit(context, {"summary": summary})
        return
    for name, value in summary.items():
        heading = "Total Issues" if name == "total_issues" else name.removesuffix("_issues").replace("_", " ").title()
        context.echo(f"{heading}: {value}")
