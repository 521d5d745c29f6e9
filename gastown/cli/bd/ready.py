"""`bd ready` and `bd blocked`."""

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import narrowing, options
from gastown.cli.bd.scope import resolve
from gastown.cli.bd.shapes import emit, issues, print_beads
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Filters

# How far the hint counts what is not shown: a number that nobody reads must not cost more than the list.
_COUNTED = 1000


@command("ready", in_session=True)
@narrowing.FILTERS
@click.option("--claim", is_flag=True, help="Take the first one: it is yours, and nobody else's.")
@click.option("--explain", is_flag=True, help="Say why each bead is ready or not.")
@click.option("--gated", is_flag=True, help="Molecules that a closed gate lets go on.")
@click.option("--mol", help="Steps of this molecule.")
@click.option("--include-deferred", is_flag=True, help="Those put off, too.")
@click.option("--include-ephemeral", is_flag=True, help="Wisps, too.")
@narrowing.sort("priority", "hybrid", "oldest")
@options.limit(100)
@pass_context
def ready(context: Context, **said: Any) -> None:
    """List what can be started now, most urgent first: open, unblocked, its time come.

    \b
    Examples:
      bd ready --rig app
      bd ready --claim --json
      bd ready --explain
    """
    _check(said)
    catch_up(context)
    if said["claim"]:
        _claim(context, said)
        return
    from gastown import beads

    with context.read() as session:
        asked = _asked(context, session, said)
        if said["explain"]:
            shown = beads.explain(session, asked)
        elif said["gated"]:
            molecules = beads.list_gated(session, asked)
            shown = {"molecules": molecules, "count": len(molecules)}
        else:
            _print(context, session, asked)
            return
    if context.json:
        emit(context, shown)
    elif said["explain"]:
        for line in beads.explain_lines(shown):
            context.echo(line)
    else:
        rows = [tuple(item.values()) for item in shown["molecules"]]
        table(context, ("MOLECULE", "TITLE", "GATE", "STEP"), rows, empty="No gate let a molecule go on.")


def catch_up(context: Context) -> None:
    """Note what other projects' stores have come to provide since somebody last asked."""
    from gastown import beads

    if context.readonly:
        return
    with context.read() as session:
        has_news = beads.has_external_news(session)
    if has_news:
        with context.write() as session:
            beads.catch_up(session)


def _check(said: dict[str, Any]) -> None:
    given = [name for name in ("claim", "explain", "gated") if said[name]]
    if len(given) > 1:
        raise options.BadOption(" and ".join(f"--{name}" for name in given) + " exclude each other")
    if said["claim"] and (said["assignee"] is not None or said["mol"]):
        raise options.BadOption(f"--claim and --{'mol' if said['mol'] else 'assignee'} exclude each other")
    if said["mol"] and said["parent"]:
        raise options.BadOption("--mol and --parent exclude each other")


def _asked(context: Context, session: "Session", said: dict[str, Any]) -> "Filters":
    more: dict[str, Any] = {name: said[name] for name in ("include_deferred", "include_ephemeral")} | {"deep": True}
    if said["mol"]:
        said = {**said, "parent": resolve(context, session, said["mol"]).id}
        more["include_ephemeral"] = True  # the steps of a wisp are wisps
    if not any(said[name] for name in narrowing.LABELS):
        label = _label_here(context, session)
        said = {**said, "labels": (label,) if label else ()}
    return narrowing.filters(context, session, said, **more)


def _label_here(context: Context, session: "Session") -> str:
    """The label of the folder in which the command is called, if the store has one for it."""
    from gastown import beads

    said = beads.get_config(session, "directory.labels")
    if context.session_pass is not None or not said or said == "{}":
        return ""
    town = context.settings.town
    root = (town if context.settings.is_town else town.parent).resolve()
    try:
        below = (Path.cwd() / (context.start or "")).resolve().relative_to(root)
    except (OSError, ValueError):
        return ""
    return beads.label_of_folder(json.loads(said), PurePosixPath(below))


def _print(context: Context, session: "Session", asked: "Filters") -> None:
    from gastown import beads

    found = beads.list_ready(session, asked)
    print_beads(context, session, found, empty="No ready work. `bd blocked` says what waits for what.")
    if not asked.limit or len(found) < asked.limit:
        return
    most = max(_COUNTED, asked.limit)
    total = beads.count_ready(session, asked, at_most=most)
    if total > len(found):
        number = total if total <= most else f"more than {most}"
        hint = f"Showing {len(found)} of {number} ready issues. Use --limit 0 for all"
        (context.warn if context.json else context.echo)(hint)


def _claim(context: Context, said: dict[str, Any]) -> None:
    from dataclasses import replace

    from gastown import beads

    with context.write() as session:
        asked = _asked(context, session, said)
        if context.session_pass is not None:
            asked = replace(asked, prefix=context.session_pass.prefix)
        taken = beads.claim_ready(session, asked, actor=context.actor)
        bead = beads.get(session, taken) if taken else None
        shown = issues(session, [bead]) if bead else []
    if context.json:
        context.print_json(shown)
    else:
        context.echo(f"Claimed {bead.id}: {bead.title}" if bead else "No ready work.")


@command("blocked", in_session=True)
@narrowing.FILTERS
@narrowing.sort("priority")
@options.limit(0)
@pass_context
def blocked(context: Context, **said: Any) -> None:
    """List what must wait, and for what.

    \b
    Example:
      bd blocked --parent app-e5f6
    """
    from gastown import beads

    catch_up(context)
    with context.read() as session:
        found = beads.list_blocked(session, narrowing.filters(context, session, said, deep=True))
        if context.json:
            shown = issues(session, [bead for bead, _ in found])
            for item, (_, holders) in zip(shown, found, strict=True):
                item |= {"blocked_by_count": len(holders), "blocked_by": holders}
            context.print_json(shown)
            return
    rows = [(bead.id, f"P{bead.priority}", ", ".join(holders), bead.title) for bead, holders in found]
    table(context, ("ID", "PRIO", "BLOCKED BY", "TITLE"), rows, empty="No blocked issues.")
