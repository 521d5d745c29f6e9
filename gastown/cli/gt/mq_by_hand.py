"""What a person does to a merge queue: `gt mq next|submit|reject|pause|resume`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import iso, table

if TYPE_CHECKING:
    from gastown.refinery import NextUp


@command("next")
@click.argument("rig", required=False)
@pass_context
def next_(context: Context, rig: str | None) -> None:
    """Show what lands next in each rig, or in one, and why it is that one.

    \b
    Examples:
      gt mq next app
      gt mq next --json
    """
    from gastown import convoys, refinery, rigs

    with context.read() as session:
        if rig is not None:
            rigs.get(session, rig)
        found = refinery.list_next(session, rig, convoy_since=convoys.travelling_since)
    if context.json:
        context.print_json([_next_json(row) for row in found])
        return
    rows = [(row.item.request.rig, row.item.request.bead_id, row.why, _sum(row), row.item.title) for row in found]
    table(context, ("RIG", "BEAD", "WHY", "SCORE", "TITLE"), rows, empty="Nothing waits to land.")


def _sum(row: "NextUp") -> str:
    told = [f"{value:+.0f} {name}" for name, value in row.parts.items() if round(value) and name != "base"]
    return f"{row.item.score:.0f} = {row.parts['base']:.0f}" + "".join(f" {one}" for one in told)


def _next_json(row: "NextUp") -> dict[str, Any]:
    request = row.item.request
    return {
        "rig": request.rig,
        "bead": request.bead_id,
        "id": request.id,
        "title": row.item.title,
        "state": request.state.value,
        "why": row.why,
        "score": round(row.item.score, 2),
        "parts": {name: round(value, 2) for name, value in row.parts.items()},
        "waits_for": row.item.waits_for,
    }


@command("submit")
@click.argument("bead")
@click.argument("rig", required=False)
@click.option("--branch", metavar="B", help="A branch of the rig's remote (default: that of the bead's last attempt).")
@click.option("--head", metavar="COMMIT", help="A commit on that branch, all 40 digits (default: its newest).")
@pass_context
def submit(context: Context, bead: str, rig: str | None, branch: str | None, head: str | None) -> None:
    """Hand in a branch of the remote for a bead: it waits, is tested and lands as an agent's work does.

    The bead gets an attempt in your name that never runs; one that waits for an agent, such as a rework, is taken over.
    Should the queue return the work, an agent of the rig goes on with it.

    \b
    Examples:
      gt mq submit app-a1b2 --branch fix/login
      gt mq submit app-a1b2 --branch fix/login --head 8f3c0a1e5b7d9c2f4a6b8c0d1e2f3a4b5c6d7e8f
    """
    from gastown import git, sling

    oid = git.check_oid(head) if head else None
    with context.read() as session:
        sought = sling.find_work(context.settings.town, session, bead, rig=rig, branch=branch)
    work = sought.fetch(oid)
    with context.write() as session:
        done = sling.submit_by_hand(session, work, actor=context.actor)
    if context.json:
        context.print_json({**vars(done), "attempt_by": context.actor})
        return
    context.echo(
        f"Submitted {done.bead_id} ({done.head_oid[:12]} of {done.branch}) to the merge queue of {done.rig}, "
        f"as an attempt in the name of {context.actor}."
    )


@command("reject")
@click.argument("bead")
@click.option("--reason", required=True, metavar="TEXT", help="What is wrong with it, for whoever mends it.")
@click.option("--cancel", is_flag=True, help="Take it off the queue for good; the bead is open again.")
@pass_context
def reject(context: Context, bead: str, reason: str, cancel: bool) -> None:
    """Return a bead's request to its polecat as rework, with your reason; its next commit enters the queue again.

    The gates said nothing against it, so that it loses no score. No commit is lost either way.

    \b
    Examples:
      gt mq reject app-a1b2 --reason "the new flag needs a line in the manual"
      gt mq reject app-a1b2 --cancel --reason "we do it another way"
    """
    from gastown import refinery
    from gastown.town import halts

    why = halts.check_reason(reason)
    goes_on = True
    with context.write() as session:
        if cancel:
            request = refinery.withdraw(session, bead, actor=context.actor, why=why)
        else:
            request, goes_on = refinery.reject(session, bead, actor=context.actor, why=why)
    if context.json:
        context.print_json(
            {"bead": request.bead_id, "rig": request.rig, "state": request.state.value, "rework": goes_on}
        )
    elif cancel:
        context.echo(f"{request.bead_id} is off the merge queue of {request.rig}; its commits stay on their branch.")
    elif goes_on:
        context.echo(f"{request.bead_id} goes back to its polecat as rework.")
    else:
        context.warn(f"{request.bead_id} has been returned so often that a person decides: it is escalated.")


@command("pause")
@click.argument("rig")
@click.option("--reason", default="", metavar="TEXT", help="Why, for whoever finds it paused.")
@pass_context
def pause(context: Context, rig: str, reason: str) -> None:
    """Pause a rig's merge queue: nothing boards, no gate run is asked for, nothing new lands. Agents go on.

    What was pushed before is settled; gates that run come to their end.

    \b
    Example:
      gt mq pause app --reason "release day"
    """
    from gastown import refinery
    from gastown.town import halts

    why = halts.check_reason(reason)
    with context.write() as session:
        row = refinery.pause(session, rig, actor=context.actor, why=why)
    if context.json:
        context.print_json({"rig": row.name, "paused_at": iso(row.queue_paused_at), "why": row.queue_paused_why})
    else:
        context.echo(f"The merge queue of {row.name} is paused. `gt mq resume {row.name}` goes on.")


@command("resume")
@click.argument("rig")
@pass_context
def resume(context: Context, rig: str) -> None:
    """Let a paused merge queue go on where it was.

    \b
    Example:
      gt mq resume app
    """
    from gastown import refinery

    with context.write() as session:
        row = refinery.resume(session, rig, actor=context.actor)
    if context.json:
        context.print_json({"rig": row.name, "paused_at": None})
    else:
        context.echo(f"The merge queue of {row.name} goes on.")


COMMANDS = (next_, submit, reject, pause, resume)
