"""`bd swarm`: epics on which many work at once."""

import click

from gastown.cli.bd.scope import resolve, writable
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table


@group("swarm")
def swarm() -> None:
    """Work on an epic with many: waves, and how far it is.

    \b
    Examples:
      bd swarm validate app-e5f6
      bd swarm create app-e5f6
      bd swarm status app-e5f6
    """


@swarm.command("create", in_session=True)
@click.argument("bead", metavar="EPIC")
@click.option("--coordinator", default="", help="Who answers for it.")
@click.option("--force", is_flag=True, help="Although there is one.")
@pass_context
def create(context: Context, bead: str, coordinator: str, force: bool) -> None:
    """Make a swarm of an epic, or of a single bead, around which an epic is put.

    \b
    Example:
      bd swarm create app-e5f6 --coordinator ada
    """
    from gastown import beads

    with context.write() as session:
        name = writable(context, session, bead).id
        made, epic = beads.create_swarm(session, name, coordinator=coordinator, force=force, actor=context.actor)
        shown = {
            "swarm_id": made.id,
            "epic_id": epic.id,
            "coordinator": coordinator,
            "analysis": beads.swarm_json(beads.validate_swarm(session, epic.id)),
        }
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"✓ Created swarm: {shown['swarm_id']} of {shown['epic_id']}")


@swarm.command("list", in_session=True)
@pass_context
def list_(context: Context) -> None:
    """List the swarms that are not finished.

    \b
    Example:
      bd swarm list --json
    """
    from gastown import beads

    with context.read() as session:
        found = [beads.listed_json(each) for each in beads.list_swarms(session)]
    if context.json:
        emit(context, {"swarms": found})
        return
    rows = [(each["id"], each["epic_id"], f"{each['progress_percent']}%", each["title"]) for each in found]
    table(context, ("SWARM", "EPIC", "DONE", "TITLE"), rows, empty="No swarms.")


@swarm.command("status", in_session=True)
@click.argument("bead", metavar="EPIC")
@pass_context
def status(context: Context, bead: str) -> None:
    """Show what of an epic is done, under way, ready and waiting.

    \b
    Example:
      bd swarm status app-e5f6
    """
    from gastown import beads

    with context.read() as session:
        found = beads.swarm_status(session, resolve(context, session, bead).id)
    if context.json:
        emit(context, found)
        return
    context.echo(f"{found['epic_id']}: {found['epic_title']} ({found['progress_percent']}% of {found['total_issues']})")
    for name in ("completed", "active", "ready", "blocked"):
        context.echo(f"{name.title()} ({len(found[name])})")
        for item in found[name]:
            context.echo(f"  {item['id']} {item['title']}" + (f" ({item['assignee']})" if item["assignee"] else ""))


@swarm.command("validate", in_session=True)
@click.argument("bead", metavar="EPIC")
@click.option("--verbose", is_flag=True, help="With every issue.")
@pass_context
def validate(context: Context, bead: str, verbose: bool) -> int:
    """Put an epic's work into waves and say what looks wrong; exit status 1 when it can never be finished.

    \b
    Example:
      bd swarm validate app-e5f6 --json
    """
    from gastown import beads

    with context.read() as session:
        found = beads.swarm_json(
            beads.validate_swarm(session, resolve(context, session, bead).id), verbose=verbose or not context.json
        )
    if context.json:
        emit(context, found)
    else:
        context.echo(
            f"{found['epic_id']}: {found['epic_title']} ({found['closed_issues']}/{found['total_issues']} closed)"
        )
        for front in found["ready_fronts"]:
            context.echo(f"Wave {front['wave']}: {', '.join(front['issues'])}")
        context.echo(f"At most {found['max_parallelism']} at once, {found['estimated_sessions']} sessions in all")
        for kind in ("warnings", "errors"):
            for words in found[kind]:
                context.echo(f"{kind[:-1]}: {words}")
        context.echo("✓ Swarmable" if found["swarmable"] else "✗ Not swarmable")
    return 0 if found["swarmable"] else 1
