"""`gt demo`: the whole of Gas Town, small."""

import contextlib
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import short, table
from gastown.errors import GastownError

if TYPE_CHECKING:
    from gastown.town.demo import Outcome, Screen, Ways

_NOT_GOOD = 1
_INTERRUPTED = 130
_SHORT_OID = 10


@command("demo", resident=False)
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="New or empty folder (default: a temporary one)."
)
@click.option("--repo", metavar="PATH-OR-URL", help="Repository to copy (default: the one around the working folder).")
@click.option("--beads", type=click.IntRange(12, 200), default=14, show_default=True, help="Beads to land.")
@click.option("--agents", type=click.IntRange(2, 32), default=4, show_default=True, help="Agents at work at once.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of what is drawn: how long agents think.")
@click.option("--timeout", "timeout_s", type=click.IntRange(10, 3600), default=180, show_default=True, help="Seconds.")
@pass_context
def demo(context: Context, folder: Path | None, **given: Any) -> int:
    """Watch a whole town work, with faults, in under a minute.

    Makes a town in a folder of its own, copies a repository into it (the original is only read) and makes a second one,
    files beads with dependencies, and has four agents land them, while two changes conflict, one breaks the tests, one
    agent dies and a worker is killed. The agents are a program without a model; everything else is what you will use.
    Exit status 0 when nothing was lost, nothing landed twice, and no commit on main is red.

    \b
    gt demo
    gt demo --repo ~/src/app --dir ~/demo
    gt demo --json
    """
    from gastown.town import demo as noun

    where = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="gt-demo-"))
    wanted = noun.Wanted(
        folder=where,
        source=given["repo"],
        cwd=Path.cwd(),
        beads=given["beads"],
        agents=given["agents"],
        seed=given["seed"],
        timeout_s=given["timeout_s"],
        actor=context.actor,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite end, too, leaves no process behind
    try:
        with _screen(context) as screen:
            outcome = noun.run(wanted, _ways(context), screen)
    except KeyboardInterrupt:
        context.warn(f"Stopped; nothing of it runs any more. What there is of it is in {where}")
        return _INTERRUPTED
    except GastownError:
        with contextlib.suppress(OSError):
            where.rmdir()  # the temporary folder of a demo that was refused is still empty
        raise
    if context.json:
        context.print_json(outcome.summary.as_json(town=str(outcome.town), duration_s=outcome.duration_s))
    else:
        _print(context, outcome)
    return 0 if outcome.summary.is_good else _NOT_GOOD


def _screen(context: Context) -> "Screen":
    from gastown.town.demo import Plain, Rich

    out = context.err if context.json else context.out
    return Rich(out) if out.isatty() else Plain(out)


def _ways(context: Context) -> "Ways":
    from gastown.cli.gt.stopping import stop_sessions
    from gastown.db.unit_of_work import unit_of_work
    from gastown.town.demo import Ways

    return Ways(unit_of_work, context.read, context.write, lambda wait_s: stop_sessions(context, wait_s))


def _print(context: Context, outcome: "Outcome") -> None:
    summary = outcome.summary
    context.echo()
    table(
        context,
        ("BEAD", "RIG", "TITLE", "STATUS", "ATTEMPTS", "LANDED", "TOOK"),
        [
            (
                item.id,
                item.rig,
                item.title,
                item.status,
                item.attempts,
                item.landed_sha[:_SHORT_OID],
                short(item.ended_at - item.began_at) if item.ended_at and item.began_at else "",
            )
            for item in summary.items
        ],
        empty="No beads.",
    )
    context.echo()
    context.echo(
        f"{len(summary.items)} beads: {summary.landed} landed, {summary.escalated} escalated, {summary.lost} lost; "
        f"{summary.double_landed} landed twice."
    )
    context.echo(
        f"{summary.commits} commits on the two mains, {len(summary.red)} red (the gates were run once more on "
        f"{summary.rechecked} of them)."
    )
    happened = (
        _count(summary.conflicts, "conflict"),
        _count(summary.reworks, "return for rework", "returns for rework"),
        _count(summary.agent_deaths, "dead agent"),
        _count(summary.worker_kills, "killed worker"),
    )
    context.echo(f"On the way: {', '.join(happened)}.")
    phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.phases)
    context.echo(f"{outcome.duration_s:.1f} s: {phases}.")
    for line in outcome.left:
        context.warn(f"Neither landed nor escalated: {line.bead_id} ({line.title}): {line.doing}")
    _print_next(context, outcome)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _print_next(context: Context, outcome: "Outcome") -> None:
    import shlex

    town = shlex.quote(str(outcome.town))
    some = max(outcome.summary.items, key=lambda item: item.attempts)
    context.echo(f"\nThe town is in {outcome.town}; nothing of it runs any more. Look around:")
    context.echo(f"  gt --town {town} log {some.id}        the story of the bead that took the most attempts")
    context.echo(f"  gt --town {town} feed                 everything that happened")
    context.echo(f"  gt --town {town} convoy list --all")
    for copy in outcome.copies:
        context.echo(f"  git -C {shlex.quote(str(copy.path))} log --graph --oneline main")
    context.echo(f"Start it again: gt --town {town} up; then gt --town {town} status")
    for bead_id, title in outcome.found[:3]:
        context.echo(f"On the way an agent filed {bead_id} ({title}); it waits for you.")
    context.echo("Your own: gt install ~/town, then gt rig add NAME URL-OR-PATH --gate NAME=CMD")
