"""`gt mq`: the merge queues."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import ago, iso, table

if TYPE_CHECKING:
    from gastown.refinery import QueueItem, RigFigures, RigStatus

_SHORT_OID = 10


@group("mq")
def mq() -> None:
    """See what waits to land, and why.

    \b
    Examples:
      gt mq list
      gt mq status app
      gt mq retry app
      gt mq stats
      gt mq simulate --requests 32 --bad 1 --runners 4 --trials 1000
    """


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
        context.print_json([_item_json(item) for item in items])
        return
    table(
        context,
        ("#", "RIG", "BEAD", "STATE", "SCORE", "AGE", "RETRIES", "WAITS FOR", "TITLE"),
        [_row(item) for item in items],
        empty="Nothing waits to land.",
    )


def _row(item: "QueueItem") -> tuple[object, ...]:
    request = item.request
    place = item.position or "-"
    age = ago(request.created_at)
    return (
        *(place, request.rig, request.bead_id, request.state.value, f"{item.score:.0f}", age),
        *(request.retries, item.waits_for, item.title),
    )


def _item_json(item: "QueueItem") -> dict[str, Any]:
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
        "set_aside_at": iso(request.aside_at),
        "gate_run": request.gate_run_id,
        "pull": None if request.pull_number is None else {"number": request.pull_number, "url": request.pull_url},
        "created_at": iso(request.created_at),
        "queued_at": iso(request.queued_at),
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


@mq.command("stats")
@click.argument("rig", required=False)
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="How far back to look.")
@pass_context
def stats(context: Context, rig: str | None, days: int) -> None:
    """Show what landing costs: gate runs for each landed request, waits, what went back, flaky gates, the last trains.

    \b
    Example:
      gt mq stats app --days 30 --json
    """
    from datetime import timedelta

    from gastown import clock, refinery

    with context.read() as session:
        rows = refinery.figures(session, clock.now() - timedelta(days=days), rig)
    if context.json:
        context.print_json([_figures_json(row) for row in rows])
        return
    headings = (
        "RIG",
        "LANDED",
        "TRAINS",
        "RUNS",
        "PER LANDED",
        "CONFIRMING",
        "WAIT P50",
        "P90",
        "P99",
        "BACK",
        "FLAKES",
    )
    table(context, headings, [_figures_row(row) for row in rows], empty="No rigs yet: `gt rig add NAME URL-OR-PATH`.")


def _figures_row(row: "RigFigures") -> tuple[object, ...]:
    waits = [f"{wait:.0f}s" if wait is not None else "-" for wait in row.wait_s.values()]
    per = "-" if row.runs_per_landed is None else f"{row.runs_per_landed:.2f}"
    told = [", ".join(f"{name} {count}" for name, count in of.items()) or "-" for of in (row.returned, row.flakes)]
    return (row.rig, row.landed, row.landings, row.gate_runs, per, row.confirm_runs, *waits, *told)


def _figures_json(row: "RigFigures") -> dict[str, Any]:
    return {
        "rig": row.rig,
        "landed": row.landed,
        "landings": row.landings,
        "gate_runs": row.gate_runs,
        "gate_runs_per_landed": row.runs_per_landed,
        "confirm_runs": row.confirm_runs,
        "wait_s": dict(row.wait_s),
        "returned": dict(row.returned),
        "flakes_by_gate": dict(row.flakes),
        "trains": [
            {"landed_at": iso(train.landed_at), "commit": train.oid, "riders": train.riders, "gate_run": train.gate_run}
            for train in row.trains
        ],
    }


@mq.command("simulate")
@click.option("--requests", type=click.IntRange(1, 5000), required=True, help="Requests that wait when a train starts.")
@click.option("--bad", type=click.IntRange(0), default=0, show_default=True, help="How many of them fail the gates.")
@click.option("--runners", type=click.IntRange(1, 256), default=2, show_default=True, help="Gate runs at once.")
@click.option("--trials", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Trains.")
@click.option(
    "--mode", type=click.Choice(["thrifty", "fast"]), default="fast", show_default=True, help="What they save."
)
@click.option(
    "--flaky", type=click.FloatRange(0, 0.9), default=0.0, help="How often a gate fails for nothing: 0 to 0.9."
)
@click.option("--clashes", type=click.IntRange(0, 10_000), default=0, help="Pairs that are good apart, red together.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same trains.")
@pass_context
def simulate(context: Context, /, *, mode: str, **varied: Any) -> None:
    """Show what a rate of bad requests or a flaky gate costs, on made-up trains and a virtual clock.

    The decisions are those of the real queue. A gate run takes 1; confirming runs are counted apart.

    \b
    Example:
      gt mq simulate --requests 128 --bad 2 --runners 8 --trials 1000 --json
    """
    from dataclasses import asdict

    from gastown.errors import Invalid
    from gastown.refinery import Mode
    from gastown.refinery import simulate as travel

    if varied["bad"] > varied["requests"]:
        raise Invalid(f"{varied['bad']} of {varied['requests']} requests cannot be bad", hint="Lower --bad.")
    if varied["clashes"] and varied["requests"] < 2:
        raise Invalid("a clash takes two requests", hint="Raise --requests.")
    figures = asdict(travel(mode=Mode(mode), **varied))
    if context.json:
        context.print_json({**figures, "mode": mode, **varied})
        return
    rows = [(name.replace("_", " ").removesuffix(" mean"), value) for name, value in figures.items()]
    table(context, ("PER TRAIN (MEAN), OR IN ALL", "VALUE"), rows, empty="")
