"""`bd dep` and `bd link`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import require, resolve, writable
from gastown.cli.bd.shapes import absent, emit, own
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.beads import Node

_TYPE = click.option(
    "-t", "--type", "kind", default="blocks", show_default=True, help="blocks, parent-child, waits-for, related..."
)


@group("dep")
def dep() -> None:
    """Say what waits for what.

    \b
    Examples:
      bd dep add app-c3d4 app-a1b2     c3d4 waits for a1b2
      bd dep tree app-c3d4
      bd dep cycles
    """


def _target(context: Context, session: Any, text: str) -> str:
    return text if text.startswith("external:") else resolve(context, session, text).id


def _add(context: Context, bead: str, target: str, kind: str, metadata: str = "") -> None:
    from gastown import beads

    with context.write() as session:
        source = writable(context, session, bead).id
        goal = _target(context, session, target)
        beads.add_dependency(session, source, goal, actor=context.actor, type=kind, metadata=metadata)
    if context.json:
        emit(context, {"status": "added", "issue_id": source, "depends_on_id": goal, "type": kind})
    else:
        context.echo(f"✓ Added dependency: {source} depends on {goal} ({kind})")


@dep.command("add", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("target", metavar="DEPENDS_ON", required=False)
@click.option("--blocked-by", "--depends-on", "named", help="What it waits for, instead of the second argument.")
@_TYPE
@click.option("--metadata", default="", help="JSON of the edge, like a waits-for gate.")
@pass_context
def add(context: Context, bead: str, target: str | None, named: str | None, kind: str, metadata: str) -> None:
    """Make ID wait for DEPENDS_ON (another bead, or external:PROJECT:CAPABILITY).

    \b
    Example:
      bd dep add app-c3d4 web-a1b2
    """
    wanted = target or named
    if not wanted or (target and named and target != named):
        raise BadOption("say once what it depends on", hint="bd dep add ID DEPENDS_ON")
    _add(context, bead, wanted, kind, metadata)


def _remove(context: Context, bead: str, target: str) -> None:
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
    _remove(context, bead, target)


dep.aliases["rm"] = "remove"


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
    with context.read() as session:
        names = [resolve(context, session, text).id for text in ids]
        relations = beads.load_relations(session, names)
        found = relations.edges if direction == "down" else relations.dependents
        edges = [edge for name in names for edge in found.get(name, []) if kind in (None, edge.type)]
        ends = [edge.depends_on_id if direction == "down" else edge.issue_id for edge in edges]
        near = beads.find_many(session, ends)
    if context.json and len(names) > 1:
        context.print_json([beads.edge_json(edge) for edge in edges])
        return
    items = [
        {**(own(near[end]) if end in near else absent(end)), "dependency_type": edge.type}
        for edge, end in zip(edges, ends, strict=True)
    ]
    if context.json:
        context.print_json(items)
        return
    context.echo(f"{'Dependencies' if direction == 'down' else 'Dependents'} ({len(items)})")
    for item in items:
        context.echo(f"  {item['id']} [{item['status']}] {item['dependency_type']}: {item['title']}")


@dep.command("tree", in_session=True)
@click.argument("bead", metavar="ID")
@click.option("--direction", type=click.Choice(["down", "up"]), default="down", help="What it needs, or what needs it.")
@click.option("--max-depth", type=click.IntRange(1, 1000), default=50, show_default=True, help="How deep.")
@click.option("--show-all-paths", is_flag=True, help="Open a bead each time it appears.")
@pass_context
def tree(context: Context, bead: str, direction: str, max_depth: int, show_all_paths: bool) -> None:
    """Show what a bead stands on as a tree.

    \b
    Example:
      bd dep tree app-c3d4 --direction up
    """
    from gastown import beads

    with context.read() as session:
        root = resolve(context, session, bead).id
        nodes = beads.walk(session, root, upwards=direction == "up", max_depth=max_depth, every_path=show_all_paths)
    if context.json:
        context.print_json([_node(node) for node in nodes])
        return
    for node in nodes:
        text = f"{node.bead.title} [{node.bead.status}]" if node.bead else "(not in this store)"
        kind = f" ({node.edge_type})" if node.edge_type not in ("", "blocks") else ""
        context.echo(f"{'  ' * node.depth}{node.id}: {text}{kind}{' ...' if node.truncated else ''}")


def _node(node: "Node") -> dict[str, Any]:
    shown = own(node.bead) if node.bead else absent(node.id)
    return {
        **shown,
        "depth": node.depth,
        "parent_id": node.parent_id,
        "edge_from_parent": node.edge_type,
        "truncated": node.truncated,
    }


@dep.command("cycles", in_session=True)
@pass_context
def cycles(context: Context) -> None:
    """List circles of beads that wait for each other.

    \b
    Example:
      bd dep cycles --json
    """
    from gastown import beads

    with context.read() as session:
        found = beads.cycles(beads.list_edges(session))
        known = beads.find_many(session, [name for way in found for name in way])
    if context.json:
        context.print_json([[own(known[name]) for name in way if name in known] for way in found])
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
    _add(context, bead, target, kind)
