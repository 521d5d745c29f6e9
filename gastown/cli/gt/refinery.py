"""`gt refinery`: who works on the merge queues, what the trains do, and what cannot move."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import ago, iso, table

if TYPE_CHECKING:
    from gastown.refinery import Blocked, QueueItem
    from gastown.town.refineries import Line


@group("refinery")
def refinery() -> None:
    """See the refineries at work: their workers, their trains, and what is stuck.

    \b
    Examples:
      gt refinery status
      gt refinery queue app
      gt refinery blocked
    """


@refinery.command("status")
@click.argument("rig", required=False)
@pass_context
def status(context: Context, rig: str | None) -> None:
    """Show who serves each rig's queue, who works on it at this moment, and what its train does.

    \b
    Example:
      gt refinery status app --json
    """
    from gastown.town import refineries

    with context.read() as session:
        lines = refineries.status(session, rig)
    if context.json:
        context.print_json([_status_json(line) for line in lines])
        return
    table(
        context,
        ("RIG", "WORKERS", "AT WORK", "TRAIN", "LOOKED", "WAITS FOR"),
        [_status_row(line) for line in lines],
        empty="No rigs yet: `gt rig add NAME URL-OR-PATH`.",
    )


def _status_row(line: "Line") -> tuple[object, ...]:
    from gastown.refinery import RequestState

    row = line.queue
    workers = ", ".join(f"{worker.role}@{worker.host}" for worker in line.workers) or "nobody"
    counts = [row.counts.get(state, 0) for state in (RequestState.TESTING, RequestState.QUEUED, RequestState.LANDING)]
    train = "{} aboard, {} wait, {} land; {} runs".format(*counts, len(row.runs))
    looked = f"{ago(row.looked_at)} ago" if row.looked_at else "never"
    return (row.rig.name, workers, line.holder or "-", train, looked, row.waits_for)


def _status_json(line: "Line") -> dict[str, Any]:
    row = line.queue
    return {
        "rig": row.rig.name,
        "workers": [{"id": worker.id, "host": worker.host, "role": worker.role} for worker in line.workers],
        "lease": {"holder": line.holder, "expires_at": iso(line.expires_at), "fence": line.fence},
        "counts": {state.value: count for state, count in row.counts.items()},
        "gate_runs": [run.id for run in row.runs],
        "landing": row.intent.new_oid if row.intent else None,
        "paused_at": iso(row.rig.queue_paused_at),
        "looked_at": iso(row.looked_at),
        "waits_for": row.waits_for,
    }


@refinery.command("queue")
@click.argument("rig", required=False)
@pass_context
def queue(context: Context, rig: str | None) -> None:
    """Show each train seat by seat: which prefixes are tested, which verdicts are known, what each rider waits for.

    \b
    Example:
      gt refinery queue app
    """
    from gastown import convoys, refinery, rigs
    from gastown.cli.gt.mq import item_json

    with context.read() as session:
        if rig is not None:
            rigs.get(session, rig)
        items = refinery.list_queue(session, rig, convoy_since=convoys.travelling_since)
    moving = [item for item in items if item.position]
    if context.json:
        context.print_json([item_json(item) for item in moving])
        return
    rows = [_seat_row(item) for item in moving]
    table(context, ("RIG", "SEAT", "BEAD", "LANE", "CHECKPOINTS", "WAITS FOR"), rows, empty="No train travels.")


def _seat_row(item: "QueueItem") -> tuple[object, ...]:
    from gastown.refinery import say_checkpoint

    request = item.request
    seat = request.seat or ("aside" if request.aside_at else request.state.value)
    told = "; ".join(say_checkpoint(point) for point in item.checkpoints) or "-"
    seat = f"{seat} ({request.area})" if request.area else seat
    return (request.rig, seat, request.bead_id, item.lane or "-", told, item.waits_for)


@refinery.command("blocked")
@click.argument("rig", required=False)
@pass_context
def blocked(context: Context, rig: str | None) -> None:
    """List the requests that cannot move, and why: rework, set aside, a dependency, a conflict, a pause, a red target.

    Conflicts are found with this host's copy of the repository, where it has one.

    \b
    Example:
      gt refinery blocked app --json
    """
    from gastown import refinery

    with context.read() as session:
        seen = refinery.read_blocked(session, rig)
    found = refinery.find_blocked(seen, context.settings.town)
    if context.json:
        context.print_json([_blocked_json(one) for one in found])
        return
    rows = [(one.item.request.rig, one.item.request.bead_id, one.kind, one.why, one.item.title) for one in found]
    table(context, ("RIG", "BEAD", "KIND", "WHY", "TITLE"), rows, empty="Nothing is blocked.")


def _blocked_json(one: "Blocked") -> dict[str, Any]:
    request = one.item.request
    return {
        "rig": request.rig,
        "bead": request.bead_id,
        "id": request.id,
        "state": request.state.value,
        "kind": one.kind,
        "why": one.why,
        "since": iso(request.queued_at),
    }
