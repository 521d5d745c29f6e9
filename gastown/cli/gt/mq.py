"""`gt mq`: the merge queues."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.gt.mq_by_hand import COMMANDS
from gastown.cli.gt.mq_figures import simulate, stats
from gastown.cli.gt.mq_integration import integration
from gastown.cli.output import ago, iso, table

if TYPE_CHECKING:
    from gastown.refinery import Checkpoint, QueueItem, RigStatus

_SHORT_OID = 10


@group("mq")
def mq() -> None:
    """See what waits to land, and why.

    \b
    Examples:
      gt mq list
      gt mq next app
      gt mq status app
      gt mq submit app-a1b2 --branch fix/login
      gt mq reject app-a1b2 --reason "the new flag needs a line in the manual"
      gt mq pause app --reason "release day"
      gt mq retry app
      gt mq stats
      gt mq integration create app-e5f6
      gt mq simulate --requests 32 --bad 1 --runners 4 --trials 1000
    """


for _command in (*COMMANDS, simulate, stats, integration):
    mq.add_command(_command)


@mq.command("list")
@click.argument("rig", required=False)
@click.option("--limit", type=click.IntRange(1, 10000), default=200, show_default=True, help="How many at most.")
@pass_context
def list_(context: Context, rig: str | None, limit: int) -> None:
    """List open merge requests in the order in which they will land; those in rework last.

    \b
    Example:
      gt mq list app --json
    """
    from gastown import convoys, refinery, rigs

    with context.read() as session:
        if rig is not None:
            rigs.get(session, rig)
        items = refinery.list_queue(session, rig, convoy_since=convoys.travelling_since, limit=limit)
    if context.json:
        context.print_json([item_json(item) for item in items])
        return
    table(
        context,
        ("#", "RIG", "BEAD", "STATE", "SCORE", "AGE", "RETRIES", "WAITS FOR", "TITLE"),
        [_row(item) for item in items],
        empty="Nothing waits to land.",
    )
    for line in train_lines(items):
        context.echo(line)


def train_lines(items: "list[QueueItem]") -> list[str]:
    """Each train of each rig, and its checkpoints: what is being tested, what is known."""
    from gastown import refinery

    trains: dict[tuple[str, str], list[QueueItem]] = {}
    for item in items:
        if item.request.seat is not None:
            trains.setdefault((item.request.rig, item.request.area), []).append(item)
    lines = []
    for (rig, area), aboard in trains.items():
        told = [refinery.say_checkpoint(point) for item in aboard for point in item.checkpoints]
        name = f"{rig}, {area}" if area else rig
        lines.append(f"{name}: {len(aboard)} aboard; {'; '.join(told) or 'no run of them yet'}")
    return lines


def checkpoint_json(point: "Checkpoint") -> dict[str, Any]:
    """One run of a prefix."""
    run = point.run
    return {
        "run": run.id,
        "riders": list(point.riders),
        "without": list(point.without),
        "state": run.state.value,
        "verdict": run.verdict.value if run.verdict else None,
        "attempt": run.attempt,
        "host": run.host,
        "started_at": iso(run.started_at),
    }


def _row(item: "QueueItem") -> tuple[object, ...]:
    request = item.request
    place = item.position or "-"
    age = ago(request.created_at)
    return (
        *(place, request.rig, request.bead_id, request.state.value, f"{item.score:.0f}", age),
        *(request.retries, item.waits_for, item.title),
    )


def item_json(item: "QueueItem") -> dict[str, Any]:
    """One open request, for scripts."""
    request = item.request
    return {
        "position": item.position,
        "id": request.id,
        "rig": request.rig,
        "bead": request.bead_id,
        "title": item.title,
        "state": request.state.value,
        "priority": request.priority,
        "score": round(item.score, 2),
        "retries": request.retries,
        "head": item.head_oid,
        "polecat": item.polecat,
        "candidate": request.candidate_oid or None,
        "seat": request.seat,
        "area": request.area or None,
        "set_aside_at": iso(request.aside_at),
        "gate_run": request.gate_run_id,
        "advice": [{"gate": said["gate"], "why": said["why"]} for said in item.advice],
        "pull": None if request.pull_number is None else {"number": request.pull_number, "url": request.pull_url},
        "created_at": iso(request.created_at),
        "queued_at": iso(request.queued_at),
        "lane": item.lane or None,
        "checkpoints": [checkpoint_json(point) for point in item.checkpoints],
        "waits_for": item.waits_for,
    }


@mq.command("status")
@click.argument("rig", required=False)
@pass_context
def status(context: Context, rig: str | None) -> None:
    """Show each rig's target, what its gates are doing, and what holds its queue up.

    \b
    Example:
      gt mq status --json
    """
    from gastown import refinery

    with context.read() as session:
        rows = refinery.status(session, rig)
    if context.json:
        context.print_json([_status_json(row) for row in rows])
        return
    headings = (
        "RIG",
        "TARGET",
        "STATE",
        "AT",
        "QUEUED",
        "TESTING",
        "LANDING",
        "REWORK",
        "LANDED",
        "GATES",
        "WAITS FOR",
    )
    table(context, headings, [_status_row(row) for row in rows], empty="No rigs yet: `gt rig add NAME URL-OR-PATH`.")


def _counts(row: "RigStatus") -> dict[str, int]:
    from gastown.refinery import RequestState

    return {state.value: row.counts.get(state, 0) for state in RequestState}


def _status_row(row: "RigStatus") -> tuple[object, ...]:
    counts = _counts(row)
    runs = ", ".join(f"{run.id} {run.state.value}" for run in row.runs) or "-"
    figures = [counts[name] for name in ("queued", "testing", "landing", "returned", "landed")]
    state = "no gates" if row.rig.no_gates else row.rig.target_state.value
    return (row.rig.name, row.rig.branch, state, row.rig.target_oid[:_SHORT_OID], *figures, runs, row.waits_for)


def _status_json(row: "RigStatus") -> dict[str, Any]:
    intent = row.intent
    return {
        "rig": row.rig.name,
        "branch": row.rig.branch,
        "gated": not row.rig.no_gates,
        "target_state": row.rig.target_state.value,
        "target_oid": row.rig.target_oid or None,
        "paused_at": iso(row.rig.queue_paused_at),
        "paused_why": row.rig.queue_paused_why or None,
        "counts": _counts(row),
        "gate_runs": [
            {"id": run.id, "bead": run.bead_id, "state": run.state.value, "attempt": run.attempt, "host": run.host}
            for run in row.runs
        ],
        "landing": None
        if intent is None
        else {
            "request": intent.request_id,
            "base": intent.base_oid,
            "new": intent.new_oid,
            "since": iso(intent.created_at),
        },
        "looked_at": iso(row.looked_at),
        "waits_for": row.waits_for,
    }


@mq.command("retry")
@click.argument("rig")
@pass_context
def retry(context: Context, rig: str) -> None:
    """Start a stopped queue again: forget verdicts that are not green and refusals of the remote, and look anew.

    \b
    Example:
      gt mq retry app
    """
    from gastown import refinery

    with context.write() as session:
        forgotten = refinery.retry(session, rig, actor=context.actor)
    if context.json:
        context.print_json({"rig": rig, "forgotten": forgotten})
    else:
        context.echo(f"{rig}: {forgotten} verdicts and refusals forgotten; its queue looks again now.")
