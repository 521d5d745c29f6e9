"""`bd mol current`, `progress`, `ready`, `show`, `stale`, `last-activity`, `seed`: where molecules stand."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.cook import library
from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import resolve
from gastown.cli.bd.shapes import details, emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import ago, iso, table

if TYPE_CHECKING:
    from sqlmodel import Session

_SIGNS = {"done": "✓", "current": "→", "ready": "○", "blocked": "●", "pending": "·"}
_PATROLS = ("mol-deacon-patrol", "mol-witness-patrol", "mol-refinery-patrol")


def _mine(context: Context, session: "Session", molecule: str, who: str) -> list[str]:
    """The molecule that is named, else those in which somebody is at work."""
    from gastown import molecules

    if molecule:
        return [resolve(context, session, molecule).id]
    return molecules.find_molecule(session, actor=who or context.actor)


@command("current", in_session=True)
@click.argument("molecule", default="")
@click.option("--for", "who", default="", metavar="ACTOR", help="Where this one is, not you.")
@click.option("--limit", type=click.IntRange(0, 100_000), default=0, help="The first so many steps (0: all).")
@click.option("--range", "span", default="", metavar="FIRST-LAST", help="Only these steps, like 1-50.")
@pass_context
def current(context: Context, molecule: str, who: str, limit: int, span: str) -> None:
    """Show where you are in a molecule: yours is the one with a step that you have in progress.

    \b
    Example:
      bd mol current app-mol-a1b2
    """
    from gastown import molecules

    if molecule and who:
        raise BadOption("a molecule and --for exclude each other")
    if limit and span:
        raise BadOption("--limit and --range exclude each other")
    numbers = molecules.parse_span(span) if span else None
    with context.read() as session:
        names = _mine(context, session, molecule, who)
        shown = [molecules.position_json(molecules.locate(session, name), limit=limit, span=numbers) for name in names]
    if context.json:
        context.print_json(shown)
        return
    if not shown:
        context.echo(f"{who or context.actor} is in no molecule. `bd ready --mol ID` shows what could be started.")
    for one in shown:
        _print_position(context, one)


def _print_position(context: Context, one: dict[str, Any]) -> None:
    context.echo(f"{one['molecule_id']} — {one['molecule_title']}: {one['completed']} of {one['total']} steps")
    for step in one["steps"]:
        mark = "  ← here" if step["is_current"] else ""
        context.echo(
            f"  {_SIGNS[step['status']]} {step['issue']['id']} {step['issue']['title']} [{step['status']}]{mark}"
        )
    if one.get("summary"):
        context.echo(f"  (of {one['total']} steps those around; --range 1-50 shows others)")
    if one["next_step"] is not None:
        context.echo(f"  Next: {one['next_step']['id']} {one['next_step']['title']}")


@command("progress", in_session=True)
@click.argument("molecule", default="")
@pass_context
def progress(context: Context, molecule: str) -> None:
    """Show how far a molecule is, how fast, and when it may be done.

    \b
    Example:
      bd mol progress app-mol-a1b2
    """
    from gastown import molecules

    with context.read() as session:
        names = _mine(context, session, molecule, "")
        if not names:
            raise BadOption("you are in no molecule: name one", hint="`bd list --type molecule` shows them.")
        shown = molecules.measure(session, names[0]).as_json()
    if context.json:
        emit(context, shown)
        return
    context.echo(f"{shown['molecule_id']} — {shown['molecule_title']}")
    context.echo(f"  Steps: {shown['completed']} of {shown['total']} ({shown['percent']} %)")
    for name, text in (("rate_per_hour", "Rate: {} steps an hour"), ("eta_hours", "Left: about {} hours")):
        if name in shown:
            context.echo(f"  {text.format(shown[name])}")


@command("ready", in_session=True)
@click.option("--gated", is_flag=True, help="Those that a closed gate lets go on (there is no other list).")
@pass_context
def ready(context: Context, gated: bool) -> None:
    """List molecules whose gate has closed and whose next step waits for somebody.

    \b
    Example:
      bd mol ready --gated
    """
    from gastown import beads

    if not gated:
        raise BadOption("say --gated", hint="`bd ready --mol ID` lists the ready steps of one molecule.")
    with context.read() as session:
        found = beads.list_gated(session, beads.Filters())
    if context.json:
        emit(context, {"molecules": found, "count": len(found)})
        return
    rows = [tuple(item.values()) for item in found]
    table(context, ("MOLECULE", "TITLE", "GATE", "STEP"), rows, empty="No gate let a molecule go on.")


@command("show", in_session=True)
@click.argument("molecule")
@click.option("--parallel", is_flag=True, help="Which steps may run side by side.")
@pass_context
def show(context: Context, molecule: str, parallel: bool) -> None:
    """Show a molecule or template with its steps.

    \b
    Example:
      bd mol show app-mol-a1b2 --parallel
    """
    from gastown import molecules

    with context.read() as session:
        root = resolve(context, session, molecule)
        lanes = molecules.find_lanes(session, root.id)
        shown = lanes.as_json() if parallel else molecules.molecule_json(session, root.id, details(session, [root])[0])
    if context.json:
        emit(context, shown)
        return
    context.echo(f"{root.id} — {root.title}")
    for lane in lanes.steps:
        group = f" {lane.group or '-'}" if parallel else ""
        waits = f"  waits for {', '.join(lane.blocked_by)}" if lane.blocked_by else ""
        context.echo(f"  [{lane.bead.status}]{group} {lane.bead.id} {lane.bead.title}{waits}")


@command("stale", in_session=True)
@click.option("--blocking", is_flag=True, help="Only those that something waits for.")
@click.option("--unassigned", is_flag=True, help="Only those that nobody has.")
@pass_context
def stale(context: Context, blocking: bool, unassigned: bool) -> None:
    """List molecules and epics whose steps are all closed while they are open.

    \b
    Example:
      bd mol stale --blocking
    """
    from gastown import molecules

    with context.read() as session:
        found = molecules.list_stale(session, assigned=False if unassigned else None)
        shown = molecules.stale_json([one for one in found if one.blocking or not blocking])
    if context.json:
        emit(context, shown)
        return
    rows = [(row["id"], row["total_children"], row["blocking_count"], row["title"]) for row in shown["stale_molecules"]]
    table(context, ("ID", "STEPS", "BLOCKS", "TITLE"), rows, empty="No molecule is complete and open.")


@command("last-activity", in_session=True)
@click.argument("molecule")
@pass_context
def last_activity(context: Context, molecule: str) -> None:
    """Show what changed last in a molecule.

    \b
    Example:
      bd mol last-activity app-mol-a1b2
    """
    from gastown import molecules

    with context.read() as session:
        root = resolve(context, session, molecule)
        bead = molecules.last_activity(session, root.id)
        shown = {"molecule_id": root.id, "last_activity": iso(bead.updated_at), "source_step_id": bead.id}
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"{root.id}: {ago(bead.updated_at)} ago, {bead.id} {bead.title}")


@command("seed", in_session=True)
@click.argument("names", metavar="FORMULA...", nargs=-1)
@click.option("--patrol", is_flag=True, help="The formulas of the town's patrols.")
@pass_context
def seed(context: Context, names: tuple[str, ...], patrol: bool) -> int:
    """Check that formulas can be had; exit status 1 when one cannot.

    \b
    Example:
      bd mol seed shiny code-review
    """
    from gastown import molecules

    wanted = (*names, *(_PATROLS if patrol else ()))
    if not wanted:
        raise BadOption("name formulas, or say --patrol", hint="`bd formula list` shows what there is.")
    found = molecules.check_seeds(library(context), wanted)
    if context.json:
        emit(context, {"formulas": found, "available": all(one["available"] for one in found)})
    else:
        for one in found:
            context.echo(
                f"✓ {one['name']}  {one['source']}" if one["available"] else f"✗ {one['name']}: {one['error']}"
            )
    return 0 if all(one["available"] for one in found) else 1
