"""`gt mq stats` and `gt mq simulate`: what landing costs, and would."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import iso, table

if TYPE_CHECKING:
    from gastown.refinery import RigFigures, Train

_SHORT_OID = 10


@command("stats")
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
    trains = [(row.rig, train) for row in rows for train in row.trains]
    if trains:
        context.echo("")
        _print_trains(context, trains)


def _print_trains(context: Context, trains: "list[tuple[str, Train]]") -> None:
    lines = [
        (
            rig,
            iso(train.ended_at),
            train.oid[:_SHORT_OID],
            train.riders,
            train.runs,
            _told(train.seconds),
            train.outcome,
        )
        for rig, train in trains
    ]
    table(context, ("RIG", "TRAIN ENDED", "COMMIT", "RIDERS", "RUNS", "SECONDS", "OUTCOME"), lines, empty="")


def _told(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"


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
        "ejections": row.ejections,
        "returned": dict(row.returned),
        "flakes_by_gate": dict(row.flakes),
        "trains": [
            {
                "ended_at": iso(train.ended_at),
                "commit": train.oid,
                "riders": train.riders,
                "gate_run": train.gate_run,
                "runs": train.runs,
                "seconds": train.seconds,
                "outcome": train.outcome,
                "why": train.why or None,
            }
            for train in row.trains
        ],
    }


@command("simulate")
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
