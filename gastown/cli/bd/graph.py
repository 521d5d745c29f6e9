"""`bd graph`: pictures of what waits for what, and what is wrong with it."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import resolve
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.beads import Drawing

_STYLES = ("box", "compact", "dot", "mermaid", "html")


@command("graph", in_session=True)
@click.argument("bead", metavar="[ID|check]", required=False)
@click.option("--all", "everything", is_flag=True, help="All that is not done, instead of one bead and what is near.")
@click.option("--box", is_flag=True, help="As boxes (the default).")
@click.option("--compact", is_flag=True, help="One line a bead.")
@click.option("--dot", is_flag=True, help="For Graphviz.")
@click.option("--mermaid", is_flag=True, help="For Mermaid.")
@click.option("--html", is_flag=True, help="A web page that needs nothing else.")
@pass_context
def graph(context: Context, bead: str | None, everything: bool, **said: Any) -> int:
    """Draw a bead and all that waits for it or that it waits for; `bd graph check` says what is wrong with the graph.

    \b
    Examples:
      bd graph app-a1b2
      bd graph --all --html > graph.html
      bd graph check
    """
    from gastown import beads

    if bead == "check":
        return _check(context)
    chosen = [name for name in _STYLES if said[name]]
    if len(chosen) > 1 or (bead is None) != everything:
        hint = "bd graph ID, bd graph --all or bd graph check"
        raise BadOption("say once what to draw, and how" if len(chosen) > 1 else "name one bead, or --all", hint=hint)
    with context.read() as session:
        if bead is None:
            drawing, title = beads.draw_all(session), "All beads"
        else:
            drawing = beads.draw_around(session, resolve(context, session, bead).id)
            title = f"{drawing.root}: {drawing.beads[drawing.root].title}"
        if context.json:
            emit(context, beads.drawing_json(session, drawing))
        else:
            _print(context, drawing, chosen[0] if chosen else "box", title)
    return 0


def _print(context: Context, drawing: "Drawing", style: str, title: str) -> None:
    from gastown import beads

    if style == "html":
        context.echo(beads.draw_page(drawing, title))
    elif style in beads.PICTURES:
        context.echo(beads.PICTURES[style](drawing))
    else:
        for line in beads.draw_boxes(drawing) if style == "box" else beads.draw_compact(drawing):
            context.echo(line)
        if not drawing.beads:
            context.echo("No issues found.")


def _check(context: Context) -> int:
    from gastown import beads

    with context.read() as session:
        found = beads.check_graph(session)
    if context.json:
        emit(context, found)
    else:
        for way in found["cycles"]:
            context.echo(f"cycle: {' -> '.join([*way, way[0]])}")
        for edge in found["never_ready"]:
            context.echo(
                f"never ready: {edge['issue_id']} waits for the failure of {edge['depends_on_id']}, which closed"
            )
        for edge in found["dangling"]:
            context.echo(
                f"note: {edge['issue_id']} -> {edge['depends_on_id']} ({edge['type']}) leads out of this store"
            )
        context.echo("✓ The graph is sound." if found["ok"] else "✗ The graph has problems.")
    return 0 if found["ok"] else 1
