"""`gt estop`, `gt thaw`, `gt scheduler`: holding work up by somebody's word."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import iso, table

if TYPE_CHECKING:
    from gastown.rigs import Halt


@command("estop")
@click.option("--rig", metavar="RIG", help="Only this rig (default: the whole town).")
@click.option("--reason", default="", help="Why, for whoever finds it stopped.")
@pass_context
def estop(context: Context, rig: str | None, reason: str) -> None:
    """Stop everything at once: agents are frozen where they are, nothing is dispatched, started or pushed.

    Their context and leases are kept; `gt thaw` goes on exactly there. Slung work waits. Hosts act within ten seconds,
    also when Redis is away.

    \b
    Examples:
      gt estop --reason "the remote is being moved"
      gt estop --rig app
    """
    from gastown.town import halts

    with context.write() as session:
        halts.stop(session, actor=context.actor, rig=rig, why=reason)
    found = _tell_workers(context, rig)
    if context.json:
        context.print_json(as_json(found))
        return
    what = f"Rig {rig}" if rig else "The town"
    context.echo(f"{what} is stopped: agents are frozen within ten seconds, nothing is dispatched, started or pushed.")
    context.echo(f"`gt thaw{f' --rig {rig}' if rig else ''}` goes on where it stopped.")


@command("thaw")
@click.option("--rig", metavar="RIG", help="Only this rig (default: what was stopped for the whole town).")
@pass_context
def thaw(context: Context, rig: str | None) -> None:
    """End an emergency stop: agents go on where they were frozen, and what waits is dispatched, tested and landed.

    \b
    Examples:
      gt thaw
      gt thaw --rig app
    """
    from gastown.town import halts

    with context.write() as session:
        halts.thaw(session, actor=context.actor, rig=rig)
    _say_what_is_left(context, _tell_workers(context, rig), f"Rig {rig} goes on." if rig else "The town goes on.")


def _tell_workers(context: Context, rig: str | None) -> "list[Halt]":
    """Have workers look at once; those that do not hear it look within ten seconds. Return what holds work up now."""
    from gastown import queue, rigs

    queue.announce_rig(rig or "")
    with context.read() as session:
        return rigs.list_halts(session)


def _say_what_is_left(context: Context, left: "Sequence[Halt]", words: str) -> None:
    if context.json:
        context.print_json(as_json(left))
        return
    context.echo(words)
    for halt in left:
        context.warn(f"Note: {halt.why}")


def as_json(halts: "Sequence[Halt]") -> dict[str, Any]:
    """What holds work up, for scripts."""
    return {
        "halts": [
            {"kind": halt.kind.value, "rig": halt.rig, "why": halt.why, "since": iso(halt.since)} for halt in halts
        ]
    }


@group("scheduler")
def scheduler() -> None:
    """Pause and resume dispatch; see what waits.

    \b
    Examples:
      gt scheduler pause
      gt scheduler status
      gt scheduler list
    """


@scheduler.command("pause")
@pass_context
def pause(context: Context) -> None:
    """Dispatch nothing in the whole town until `gt scheduler resume`; what runs goes on, slung work waits.

    \b
    Example:
      gt scheduler pause
    """
    from gastown import rigs
    from gastown.town import halts

    with context.write() as session:
        halts.pause(session, actor=context.actor)
        found = rigs.list_halts(session)
    if context.json:
        context.print_json(as_json(found))
    else:
        context.echo("Dispatch is paused: slung work waits, what runs goes on. `gt scheduler resume` ends that.")


@scheduler.command("resume")
@pass_context
def resume(context: Context) -> None:
    """Dispatch again: what may start is offered at once.

    \b
    Example:
      gt scheduler resume
    """
    from gastown.town import halts

    with context.write() as session:
        left = halts.resume(session, actor=context.actor)
    _say_what_is_left(context, left, "Dispatch goes on.")


@scheduler.command("run")
@pass_context
def run(context: Context) -> None:
    """Dispatch now: offer what may start, and ring again for what nobody took.

    \b
    Example:
      gt scheduler run
    """
    from gastown.town import halts

    with context.write() as session:
        offered = halts.run_now(session, actor=context.actor)
    if context.json:
        context.print_json({"offered": offered})
    else:
        context.echo(f"Offered {offered} attempts.")


@scheduler.command("status")
@pass_context
def status(context: Context) -> None:
    """Show whether dispatch goes on, what waits, and what room there is.

    \b
    Example:
      gt scheduler status --json
    """
    from gastown.town import halts

    with context.read() as session:
        found = halts.scheduler_status(session)
    if context.json:
        figures = {key: value for key, value in vars(found).items() if key != "halts"}
        context.print_json({**figures, **as_json(found.halts)})
        return
    for halt in found.halts:
        context.echo(f"Halted: {halt.why}")
    context.echo(
        f"{found.waiting} wait, {found.offered} are offered, {found.running} run; room for {found.free_slots} more."
    )


@scheduler.command("list")
@pass_context
def list_(context: Context) -> None:
    """List what has not started, best first, and what each waits for.

    \b
    Example:
      gt scheduler list
    """
    from gastown.town import halts

    with context.read() as session:
        lines = halts.list_waiting(session)
    if context.json:
        rows = [
            {
                "bead": line.attempt.bead_id,
                "rig": line.attempt.rig,
                "state": line.attempt.state.value,
                "priority": line.attempt.priority,
                "waits_for": line.why,
            }
            for line in lines
        ]
        context.print_json(rows)
        return
    table(
        context,
        ("BEAD", "RIG", "STATE", "PRIORITY", "WAITS FOR"),
        [
            (line.attempt.bead_id, line.attempt.rig, line.attempt.state.value, line.attempt.priority, line.why)
            for line in lines
        ],
        empty="Nothing waits.",
    )
