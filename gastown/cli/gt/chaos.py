"""`gt chaos`: break a town on purpose, and prove that nothing was lost."""

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.chaos import Result

F = TypeVar("F", bound=Callable[..., Any])

_VIOLATED = 1
_INTERRUPTED = 130
_SHOWN = 5  # violations of one invariant


def _number(name: str, least: int, most: int, default: int, words: str) -> Callable[[F], F]:
    return click.option(name, type=click.IntRange(least, most), default=default, show_default=True, help=words)


@command("chaos", resident=False)
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="New or empty folder, which is kept.")
@_number("--beads", 4, 100_000, 200, "Beads to work on.")
@_number("--rigs", 1, 50, 4, "Repositories.")
@_number("--kills", 0, 100_000, 30, "SIGKILLs: of workers, agents, gates, git, beat, the outbox relay.")
@_number("--flushes", 0, 10_000, 2, "FLUSHALLs of Redis.")
@_number("--stops", 0, 10_000, 2, "Workers stopped for longer than a lease.")
@_number("--redis-restarts", 0, 1000, 1, "Kills of Redis.")
@_number("--database-restarts", 0, 1000, 0, "Restarts of PostgreSQL; of a server that is named: cuts.")
@_number("--disk-floors", 0, 1000, 1, "Times that the disk falls under its floor.")
@_number("--seed", 0, 2**31, 1, "Of what is drawn: beads, faults, victims.")
@click.option("--database", default="sqlite", show_default=True, help="sqlite, postgresql (its own server), or a URL.")
@_number("--hosts", 1, 2, 1, "Hosts of the town, on this machine.")
@_number("--slots", 1, 100, 6, "Agents at once on each host.")
@_number("--beats", 0, 3, 1, "Clocks: none, one, or three at once.")
@_number("--ttl", 5, 600, 8, "Seconds that a lease lasts.")
@_number("--hopeless", 0, 10, 1, "Beads whose agent dies at once every time.")
@click.option("--drop-doorbells", is_flag=True, help="Lose every doorbell: only ticks and SQL move the town.")
@_number("--doorbell-faults", 0, 30, 1, "Percent of doorbells lost; as many doubled, as many late.")
@_number("--skew", -86400, 86400, 0, "Seconds by which the clock of one worker is ahead.")
@_number("--timeout", 30, 86400, 3600, "Seconds until the run is given up.")
@pass_context
def chaos(context: Context, folder: Path | None, **given: Any) -> int:
    """Break a town on purpose while it works, and check that nothing was lost.

    Founds a town of its own with real workers, git and agents without a model, kills and stops what there is, wipes
    Redis, and compares the tables, the log of events, git and the agents' own journal when all has ended. Nothing
    outside of its folder is written, and only servers that it started are restarted. Exit status 0 when every
    invariant held.

    \b
    gt chaos
    gt chaos --beads 2000 --kills 200 --flushes 10 --hosts 2 --beats 3 --json
    gt chaos --database postgresql --database-restarts 3 --seed 7
    """
    from gastown import chaos as noun
    from gastown.cli.gt.stopping import stop_sessions

    where = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="gt-chaos-"))
    out = context.err if context.json else context.out
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite end, too, leaves no process behind
    try:
        with noun.Screen(out) as screen:
            result = noun.run(
                noun.make_wanted(where, actor=context.actor, **given),
                screen,
                lambda wait_s: stop_sessions(context, wait_s),
            )
    except KeyboardInterrupt:
        context.warn(f"Stopped; nothing of it runs any more. What there is of it is in {where}")
        return _INTERRUPTED
    except BaseException:
        with contextlib.suppress(OSError):
            where.rmdir()  # a run that was refused has left nothing in it
        raise
    is_kept = folder is not None or not result.is_good
    if not is_kept:
        shutil.rmtree(where, ignore_errors=True)
    if context.json:
        context.print_json({**result.as_json(), "town": str(where) if is_kept else ""})
    else:
        _print(context, result, where if is_kept else None)
    return 0 if result.is_good else _VIOLATED


def _print(context: Context, result: "Result", where: Path | None) -> None:
    shown = result.as_json()
    context.echo()
    context.echo(
        f"{shown['beads']} beads: {shown['landed']} landed, {shown['escalated']} escalated, {shown['lost']} lost; "
        f"{shown['double_landed']} landed twice, {shown['red_commits']} red commits, "
        f"{shown['wrong_ejections']} good requests ejected."
    )
    context.echo(f"Faults: {', '.join(f'{kind} {number}' for kind, number in shown['faults'].items()) or 'none'}.")
    recovery = ", ".join(f"{name} {value} s" for name, value in shown["recovery_s"].items())
    context.echo(f"From a kill to its bead being worked on again: {recovery} (leases last {shown['ttl_s']} s).")
    context.echo(f"The log of events replays {'to the same state' if shown['replay_equal'] else 'DIFFERENTLY'}.")
    held = [name for name, found in result.violations.items() if not found]
    context.echo(f"Invariants that held: {', '.join(held) or 'none'}.")
    for name, found in result.violations.items():
        for words in found[:_SHOWN]:
            context.warn(f"{name} violated: {words}")
        if len(found) > _SHOWN:
            context.warn(f"{name}: and {len(found) - _SHOWN} more")
    context.echo(f"{shown['duration_s']} s, seed {shown['seed']}.")
    if where is not None:
        context.echo(f"The town is in {where}; nothing of it runs any more.")
