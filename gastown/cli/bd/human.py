"""`bd human`: beads labelled `human`, which wait for a person."""

from typing import TYPE_CHECKING

import click

from gastown.cli.bd.scope import writable
from gastown.cli.bd.shapes import emit, issues, print_beads
from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from sqlmodel import Session

_LABEL = "human"


@group("human")
def human() -> None:
    """Beads that wait for a person: those with the label `human`.

    \b
    Example:
      bd tag app-a1b2 human
      bd human list
    """


@human.command("list", in_session=True)
@click.option("--status", default="", help="Only this status (default: all that are not done).")
@pass_context
def list_(context: Context, status: str) -> None:
    """List what waits for a person.

    \b
    Example:
      bd human list
    """
    from gastown import beads

    with context.read() as session:
        asked = beads.Filters(labels=(_LABEL,), statuses=(status,) if status else ())
        beads.check_filters(session, asked)
        print_beads(context, session, beads.list_(session, asked), empty="Nothing waits for a person.")


@human.command("respond")
@click.argument("id")
@click.option("-r", "--response", required=True, help="What you decided or did.")
@pass_context
def respond(context: Context, id: str, response: str) -> None:
    """Answer: your words become a remark, and the bead is closed.

    \b
    Example:
      bd human respond app-a1b2 -r "Use the new key"
    """
    from gastown import beads

    with context.write() as session:
        bead = writable(context, session, id)
        beads.add_comment(session, bead.id, response, actor=context.actor)
        _close(context, session, bead.id, "Responded")


@human.command("dismiss")
@click.argument("id")
@click.option("-r", "--reason", default="Dismissed", show_default=True, help="Why no answer is needed.")
@pass_context
def dismiss(context: Context, id: str, reason: str) -> None:
    """Close it without an answer.

    \b
    Example:
      bd human dismiss app-a1b2 -r "Solved itself"
    """
    with context.write() as session:
        _close(context, session, writable(context, session, id).id, reason)


def _close(context: Context, session: "Session", bead_id: str, reason: str) -> None:
    from gastown import beads

    result = beads.close(session, [bead_id], actor=context.actor, reason=reason)
    for _, error in result.refused:
        raise error
    shown = issues(session, result.closed)
    if context.json:
        context.print_json(shown)
    else:
        context.echo(f"✓ Closed {bead_id}: {reason}")


@human.command("stats", in_session=True)
@pass_context
def stats(context: Context) -> None:
    """Count what waits for a person, and what was answered.

    \b
    Example:
      bd human stats --json
    """
    from gastown import beads

    with context.read() as session:
        found = beads.list_(session, beads.Filters(labels=(_LABEL,), any_status=True))
    done = sum(bead.status == beads.BeadStatus.CLOSED for bead in found)
    if context.json:
        emit(context, {"total": len(found), "pending": len(found) - done, "closed": done})
    else:
        context.echo(f"{len(found) - done} wait for a person, {done} are done.")
