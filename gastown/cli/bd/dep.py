"""`bd dep` and `bd link`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import require, resolve, writable
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import LazyGroup, command, pass_context
from gastown.cli.context import Context
from gastown.errors import NotFound

if TYPE_CHECKING:
    from sqlmodel import Session

_TYPE = click.option(
    "-t", "--type", "kind", default="blocks", show_default=True, help="blocks, parent-child, waits-for, related..."
)


class DepGroup(LazyGroup):
    """`bd dep ID --blocks ID2` beside the members: an id in the place of a member's name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the hidden member that the short form means."""
        if args and not args[0].startswith("-") and args[0] not in (*self.commands, *self.aliases):
            args = ["blocks", *args]
        return super().parse_args(ctx, args)


@click.group("dep", cls=DepGroup)
def dep() -> None:
    """Say what waits for what.

    \b
    Examples:
      bd dep add app-c3d4 app-a1b2     c3d4 waits for a1b2
      bd dep app-a1b2 --blocks app-c3d4
      bd dep tree app-c3d4
      bd dep cycles
    """


def _target(context: Context, session: "Session", text: str) -> str:
    from gastown import beads

    if text.startswith("external:"):
        return text
    try:
        return resolve(context, session, text).id
    except NotFound:
        if not beads.is_foreign(session, text):
            raise
        context.warn(f"Warning: {text} is in no store here: the edge is kept and holds nobody up")
        return text


def _add(context: Context, bead: str, target: str, kind: str, metadata: str = "") -> tuple[str, str]:
    from gastown import beads

    with context.write() as session:
        source = writable(context, session, bead).id
        goal = _target(context, session, target)
        beads.add_dependency(session, source, goal, actor=context.actor, type=kind, metadata=metadata)
    return source, goal


def _tell(context: Context, source: str, goal: str, kind: str) -> None:
    if context.json:
        emit(context, {"status": "added", "issue_id": source, "depends_on_id": goal, "type": kind})
    else:
        context.echo(f"✓ Added dependency: {source} depends on {goal} ({kind})")


@dep.command("add", in_session=True)
@click.argument("bead", metavar="ID", required=False)
@click.argument("target", metavar="DEPENDS_ON", required=False)
@click.option("--blocked-by", "--depends-on", "named", help="What it waits for, instead of the second argument.")
@_TYPE
@click.option("--metadata", default="", help="JSON of the edge, like a waits-for gate.")
@click.option("-f", "--file", help="Many edges: a JSON object a line (- is standard input); all or none.")
@click.option(
    "--no-cycle-check", is_flag=True, help="For scripts of the original: circles are looked for all the same."
)
@pass_context
def add(context: Context, bead: str | None, target: str | None, file: str | None, **said: Any) -> None:
    """Make ID wait for DEPENDS_ON (another bead, or external:PROJECT:CAPABILITY).

    \b
    Examples:
      bd dep add app-c3d4 web-a1b2
      bd dep add --file edges.jsonl
    """
    if file is not None:
        if bead:
            raise BadOption("--file and an id exclude each other")
        _add_file(context, file)
        return
    named = said["named"]
    wanted = target or named
    if not bead or not wanted or (target and named and target != named):
        raise BadOption("say once what depends on what", hint="bd dep add ID DEPENDS_ON")
    _tell(context, *_add(context, bead, wanted, said["kind"], said["metadata"]), said["kind"])


def _add_file(context: Context, file: str) -> None:
    from dataclasses import replace

    from gastown import beads

    said = beads.read_edges(context.read_text(file))
    with context.write() as session:
        new = [
            replace(
                edge, bead_id=writable(context, session, edge.bead_id).id, target=_target(context, session, edge.target)
            )
            for edge in said
        ]
        shown = [beads.edge_json(edge) for edge in beads.add_dependencies(session, new, actor=context.actor)]
    if context.json:
        emit(context, {"status": "added", "count": len(shown), "dependencies": shown})
    else:
        context.echo(f"✓ Added dependency: {len(shown)} edges of {file}")


@dep.command("blocks", in_session=True, hidden=True)
@click.argument("blocker", metavar="ID")
@click.option("-b", "--blocks", "blocked", required=True, metavar="ID2", help="What waits for ID.")
@_TYPE
@pass_context
def blocks(context: Context, blocker: str, blocked: str, kind: str) -> None:
    """Make ID2 wait for ID.

    \b
    Example:
      bd dep app-a1b2 --blocks app-c3d4
    """
    source, goal = _add(context, blocked, blocker, kind)
    if context.json:
        emit(context, {"status": "added", "blocker_id": goal, "blocked_id": source, "type": kind})
    else:
        context.echo(f"✓ Added dependency: {goal} blocks {source} ({kind})")


@dep.command("remove", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("target", metavar="DEPENDS_ON")
@pass_context
def remove(context: Context, bead: str, target: str) -> None:
    """Let ID no longer wait for DEPENDS_ON.

    \b
    Example:
      bd dep remove app-c3d4 app-a1b2
    """
    from gastown import beads

    with context.write() as session:
        source, goal = writable(context, session, bead).id, target
        removed = beads.remove_dependency(session, source, goal, actor=context.actor)
        if not removed:  # perhaps a shortened id; a dangling edge has only its full one
            goal = _target(context, session, target)
            removed = beads.remove_dependency(session, source, goal, actor=context.actor)
    if context.json:
        status = "removed" if removed else "absent"
        emit(context, {"status": status, "issue_id": source, "depends_on_id": goal})
    elif removed:
        context.echo(f"✓ Removed dependency: {source} no longer depends on {goal}")
    else:
        context.echo(f"No dependency: {source} does not depend on {goal}")


dep.aliases["rm"] = "remove"


@dep.command("relate", in_session=True)
@click.argument("one", metavar="ID")
@click.argument("two", metavar="ID2")
@pass_context
def relate(context: Context, one: str, two: str) -> None:
    """Say of two beads that they have to do with each other; neither waits.

    \b
    Example:
      bd dep relate app-a1b2 app-c3d4
    """
    _relate(context, one, two, wanted=True)


@dep.command("unrelate", in_session=True)
@click.argument("one", metavar="ID")
@click.argument("two", metavar="ID2")
@pass_context
def unrelate(context: Context, one: str, two: str) -> None:
    """Take back what `relate` said.

    \b
    Example:
      bd dep unrelate app-a1b2 app-c3d4
    """
    _relate(context, one, two, wanted=False)


def _relate(context: Context, one: str, two: str, *, wanted: bool) -> None:
    from gastown import beads

    with context.write() as session:
        first, second = writable(context, session, one).id, writable(context, session, two).id
        if wanted:
            beads.relate(session, first, second, actor=context.actor)
            status = "related"
        else:
            status = "unrelated" if beads.unrelate(session, first, second, actor=context.actor) else "absent"
    if context.json:
        emit(context, {"status": status, "id1": first, "id2": second, "related": wanted})
    elif status == "absent":
        context.echo(f"No relation: {first} and {second} are not related")
    else:
        context.echo(f"✓ {'Added' if wanted else 'Removed'} dependency: {first} ↔ {second} (relates-to)")


@dep.command("list", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--direction", type=click.Choice(["down", "up"]), default="down", help="What it needs, or what needs it.")
@click.option("-t", "--type", "kind", help="Only this type.")
@pass_context
def list_(context: Context, ids: tuple[str, ...], direction: str, kind: str | None) -> None:
    """List what a bead depends on, or with --direction up what depends on it.

    \b
    Example:
      bd dep list app-c3d4 --direction up
    """
    from gastown import beads

    require(ids, "issue ID is required")
    upwards = direction == "up"
    with context.read() as session:
        names = [resolve(context, session, text).id for text in ids]
        relations = beads.load_relations(session, names)
        found = relations.dependents if upwards else relations.edges
        edges = [edge for name in dict.fromkeys(names) for edge in found.get(name, []) if kind in (None, edge.type)]
        near = beads.find_many(session, [edge.issue_id if upwards else edge.depends_on_id for edge in edges])
    if context.json and len(names) > 1:
        context.print_json([beads.edge_json(edge) for edge in edges])
        return
    items = [beads.ends_json(near, edge, upwards=upwards) for edge in edges]
    if context.json:
        context.print_json(items)
        return
    context.echo(f"{'Dependents' if upwards else 'Dependencies'} ({len(items)})")
    for item in items:
        context.echo(f"  {item['id']} [{item['status']}] {item['dependency_type']}: {item['title']}")


@dep.command("tree", in_session=True)
@click.argument("bead", metavar="ID")
@click.option("--direction", type=click.Choice(["down", "up", "both"]), default="down", help="What it needs, needs it.")
@click.option("--max-depth", type=click.IntRange(1, 1000), default=50, show_default=True, help="How deep.")
@click.option("-s", "--status", help="Only beads of this status, and the way to them.")
@click.option("--show-all-paths", is_flag=True, help="Open a bead each time it appears.")
@click.option("--format", "form", type=click.Choice(["mermaid", "dot"]), help="As a picture's source.")
@pass_context
def tree(context: Context, bead: str, direction: str, form: str | None, **said: Any) -> None:
    """Show what a bead stands on as a tree.

    \b
    Examples:
      bd dep tree app-c3d4 --direction up
      bd dep tree app-c3d4 --format mermaid
    """
    from gastown import beads

    with context.read() as session:
        asked = beads.Walk(said["max_depth"], said["show_all_paths"], said["status"] or "")
        root = resolve(context, session, bead).id
        ways = ("down", "up") if direction == "both" else (direction,)
        trees = [beads.walk(session, root, asked, upwards=way == "up") for way in ways]
        nodes = [*trees[0], *(node for found in trees[1:] for node in found[1:])]
        picture = beads.PICTURES[form](beads.drawing_of(nodes)) if form else ""
    if context.json:
        context.print_json([beads.node_json(node) for node in nodes])
    elif form:
        context.echo(picture)
    else:
        for way, found in zip(ways, trees, strict=True):
            if len(ways) > 1:
                context.echo("It depends on:" if way == "down" else "\nIt is needed by:")
            for line in beads.draw_nodes(found):
                context.echo(line)


@dep.command("cycles", in_session=True)
@pass_context
def cycles(context: Context) -> None:
    """List circles of beads that wait for each other, also through parents, gates and chains of duplicates.

    \b
    Example:
      bd dep cycles --json
    """
    from gastown import beads

    with context.read() as session:
        found = beads.find_circles(session)
        known = beads.find_many(session, [name for way in found for name in way])
    if context.json:
        context.print_json([[beads.own_json(known[name]) for name in way if name in known] for way in found])
        return
    for way in found:
        context.echo(" -> ".join([*way, way[0]]))
    if not found:
        context.echo("No dependency cycles.")


@command("link", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("target", metavar="DEPENDS_ON")
@_TYPE
@pass_context
def link(context: Context, bead: str, target: str, kind: str) -> None:
    """Make ID depend on DEPENDS_ON: short for `bd dep add`.

    \b
    Example:
      bd link app-c3d4 app-a1b2 --type related
    """
    _tell(context, *_add(context, bead, target, kind), kind)
