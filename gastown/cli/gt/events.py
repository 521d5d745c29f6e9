"""`gt events`: the log as the proof of what the tables hold, and as a view of the past."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import iso, table

if TYPE_CHECKING:
    from gastown.replay import Picture

_SHOWN = 50
_DIFFERS = 1


@group("events")
def events() -> None:
    """The log: verify it, look back with it, take a snapshot, prune it.

    \b
    Examples:
      gt events verify
      gt events at "2h ago" --rig app
    """


@events.command("verify")
@pass_context
def verify(context: Context) -> None:
    """Rebuild every table from the events and compare; exit status 1 when something differs.

    Changes nothing. Rows and events that were edited by hand are named, with both values.

    \b
    Example:
      gt events verify --json
    """
    from gastown import replay

    _know_every_table()
    with context.read(frozen=True) as session:
        built = replay.rebuild(session, progress=_progress(context))
        found = replay.compare(session, built)
    if context.json:
        differences = [one.as_json() for one in found]
        context.print_json({"equal": not found, "events": built.events, "differences": differences})
    else:
        since = f" since the snapshot {built.start}" if built.start else ""
        if not found:
            context.echo(f"The log of {built.events} events{since} says what the tables hold.")
        for one in found[:_SHOWN]:
            context.echo(str(one))
        if len(found) > _SHOWN:
            context.echo(f"... and {len(found) - _SHOWN} more (--json lists them).")
    if found:
        click.get_current_context().exit(_DIFFERS)


def _know_every_table() -> None:
    from gastown import tables

    assert tables.REVISION


def _progress(context: Context) -> Callable[[int], None]:
    return lambda count: context.warn(f"{count} events read")


@events.command("at")
@click.argument("time")
@click.option("--bead", help="One bead: its row, its attempts, its requests.")
@click.option("--rig", help="One rig.")
@pass_context
def at(context: Context, time: str, bead: str | None, rig: str | None) -> None:
    """Show the town as it was: at TIME (`2h ago`, `yesterday`, an ISO time), or after an event (`#1234`).

    \b
    Examples:
      gt events at "30m ago"
      gt events at 2026-03-01T09:00:00Z --bead app-a1b2
      gt events at "#1234" --json
    """
    from gastown import clock, replay

    _know_every_table()
    moment = replay.parse_moment(time, clock.now())
    with context.read(frozen=True) as session:
        built = replay.at(session, moment, progress=_progress(context))
    picture = replay.draw(built, rig=rig, bead=bead)
    if context.json:
        context.print_json(_as_json(picture))
        return
    _print(context, picture)


def _plain(row: Any) -> dict[str, Any]:
    return {name: iso(value) if hasattr(value, "isoformat") else value for name, value in row.items()}


def _as_json(picture: "Picture") -> dict[str, Any]:
    parts = ("beads", "running", "requests", "rigs", "convoys")
    rows = {part: [_plain(row) for row in getattr(picture, part)] for part in parts}
    return {"event": picture.events, "statuses": dict(picture.statuses), **rows}


_PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("rigs", "RIGS", ("name", "target_state", "is_parked", "is_docked")),
    ("running", "ATTEMPTS", ("bead_id", "fence", "state", "polecat", "host")),
    ("requests", "MERGE REQUESTS", ("id", "bead_id", "rig", "state", "retries")),
    ("convoys", "OPEN CONVOYS", ("id", "title")),
    ("beads", "BEADS", ("id", "status", "priority", "assignee", "title")),
)


def _print(context: Context, picture: "Picture") -> None:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(picture.statuses.items())) or "none"
    context.echo(f"After event {picture.events}. Beads: {counts}.")
    for part, title, names in _PARTS:
        rows = getattr(picture, part)
        context.echo(f"\n{title}")
        headings = tuple(name.upper().replace("_", " ") for name in names)
        table(context, headings, [[row[name] for name in names] for row in rows[:_SHOWN]], empty="none")
        if len(rows) > _SHOWN:
            context.echo(f"... and {len(rows) - _SHOWN} more (--json lists them).")


@events.command("snapshot")
@pass_context
def snapshot(context: Context) -> None:
    """Write all state tables into the log, so that replay starts there; others wait with their changes meanwhile.

    \b
    Example:
      gt events snapshot
    """
    from gastown import replay

    _know_every_table()
    with context.write() as session:
        taken = replay.take_snapshot(session, actor=context.actor)
    if context.json:
        context.print_json({"event": taken.number, "rows": taken.rows, "pieces": taken.pieces})
    else:
        context.echo(f"Event {taken.number} is a snapshot of {taken.rows} rows.")


@events.command("prune")
@click.option("--before", required=True, metavar="TIME", help="Only what a snapshot from before TIME stands in for.")
@pass_context
def prune(context: Context, before: str) -> None:
    """Forget events that are older than a snapshot; those of beads stay for good, and so does what is still owed.

    Refused where no snapshot was taken before TIME.

    \b
    Example:
      gt events prune --before "90d ago"
    """
    from gastown import clock, replay

    moment = replay.parse_time(before, clock.now())
    with context.write() as session:
        done = replay.prune(session, moment, actor=context.actor)
    if context.json:
        context.print_json({"pruned": done.events, "snapshot": done.snapshot})
    else:
        context.echo(f"{done.events} events went; the log replays from the snapshot {done.snapshot}.")
