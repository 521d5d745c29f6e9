"""`gt install`, `up`, `down`, `shutdown`, `status`: the town as an installation."""

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import GastownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gastown.town.processes import Options


@command("install", resident=False)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", default="", help="The town's name (default: the folder's).")
@click.option("--database", metavar="URL", default="", help="postgresql://... (default: SQLite in the folder).")
@click.option("--redis", metavar="URL", default="", help="redis://... (default: one that `gt up` starts by itself).")
@click.option("--host", default="", help="This host's name in the town (default: the machine's).")
@click.option("--slots", type=click.IntRange(1, 1000), help="Agents that may run at once on this host (default: 8).")
@click.option("--upgrade", is_flag=True, help="Bring an older database to this version, instead of refusing it.")
@pass_context
def install(context: Context, **given: object) -> None:
    """Make a town in FOLDER, or join the town of the database that is named.

    \b
    Examples:
      gt install ~/town
      gt install /srv/town --database postgresql://gastown:PASSWORD@db/gastown --redis redis://cache:6379/0
    """
    from gastown import config
    from gastown.db import unit_of_work as work
    from gastown.town import setup

    folder = given.pop("folder")
    assert isinstance(folder, Path)
    slots = given.pop("slots") or 0
    wanted = setup.Wanted(folder, slots=slots, environ=config.environment(), **given)  # type: ignore[arg-type]
    made = setup.install(wanted, work.unit_of_work, actor=context.actor)
    where = made.settings.town
    if context.json:
        context.print_json(
            {
                "town": str(where),
                "id": made.id,
                "name": made.name,
                "host": made.settings.host_id,
                "founded": made.founded,
                "changed": made.changed,
            }
        )
        return
    if not made.changed:
        context.echo(f"{where} is the town {made.name} already, of this version; nothing was changed.")
    elif made.founded:
        context.echo(f"Made the town {made.name} in {where}.")
    else:
        context.echo(f"This host, {made.settings.host_id}, has joined the town {made.name}; its folder is {where}.")
    context.echo(f"Next: cd {shlex.quote(str(where))} && gt up")


@command("up", resident=False)
@click.option("--foreground", is_flag=True, help="Stay; ctrl-C or SIGTERM stops the town.")
@click.option("--flower", is_flag=True, help="Start Flower, too: queues, workers, sessions.")
@click.option("--flower-port", type=click.IntRange(1, 65535), default=5555, show_default=True, help="On loopback.")
@click.option("--only", metavar="ROLES", default="", help="Of sessions, refinery, gates, town, beat, flower.")
@pass_context
def up(context: Context, foreground: bool, only: str, **flower: int) -> None:
    """Start the town on this host; returns when it is ready.

    \b
    Examples:
      gt up
      gt up --flower
      gt up --only sessions,gates        a host that only works
    """
    from gastown.cli.database import check_schema
    from gastown.town import services
    from gastown.town.processes import Options

    roles = tuple(part.strip() for part in only.split(",") if part.strip())
    options = Options(roles, bool(flower["flower"]), flower["flower_port"])
    check_schema(context.settings)
    say = _unless_unread(context)
    seconds = services.up(context.settings, options, reading=context.read, say=say)
    _resume_dispatch(context)
    _say_ready(context, options, seconds)
    if foreground:
        services.stay(context.settings)
        _down(context)


def _unless_unread(context: Context) -> "Callable[[str], None]":
    """Say how it goes; that nobody reads it (`gt up | grep -q ready`) must not stop what was begun."""

    def say(text: str) -> None:
        if not context.json:
            with contextlib.suppress(BrokenPipeError):
                context.echo(text)

    return say


def _resume_dispatch(context: Context) -> None:
    """What a `gt shutdown` paused begins again, and what waits is rung at once; what people stopped stays so."""
    from gastown import rigs
    from gastown.cli.gt.stopping import set_paused
    from gastown.town import halts

    set_paused(context, False)
    with context.write() as session:
        halts.run_now(session, actor=context.actor)
        left = rigs.list_halts(session)
    for halt in left:
        context.warn(f"Note: {halt.why}")


def _say_ready(context: Context, options: "Options", seconds: float) -> None:
    flower = f"http://127.0.0.1:{options.flower_port}/" if options.flower or "flower" in options.only else None
    if context.json:
        context.print_json({"town": str(context.settings.town), "ready_s": round(seconds, 2), "flower": flower})
        context.out.flush()
        return
    context.echo(f"The town is up ({seconds:.1f} s).")
    if flower:
        context.echo(f"Flower: {flower}")
    context.echo("Next: `gt rig add NAME URL`, `gt sling BEAD RIG`, `gt status`; `gt down` stops it.")
    context.out.flush()


@command("down", resident=False)
@pass_context
def down(context: Context) -> None:
    """Stop the town's processes on this host. Agents go on in their grace; the next `gt up` takes them back.

    \b
    Example:
      gt down
    """
    _down(context)


def _down(context: Context) -> None:
    from gastown.town import services

    left, grace_s = _agents_here(context)
    stopped = services.down(context.settings, say=_unless_unread(context))
    if context.json:
        context.print_json({"stopped": stopped, "agents_left": len(left), "beads": left, "grace_s": grace_s})
        return
    context.echo("The town is down on this host." if stopped else "The town was not up on this host.")
    if left:
        context.echo(
            f"{len(left)} agents run on for up to {grace_s / 60:.0f} minutes ({', '.join(left[:5])}"
            f"{', ...' if len(left) > 5 else ''}): `gt up` takes them back; later they are stopped and their work kept."
        )


def _agents_here(context: Context) -> tuple[list[str], float]:
    """The beads whose agents run on this host, and their grace in seconds."""
    from gastown import assignments, policy

    try:
        with context.read() as session:
            running = assignments.list_running_on(session, context.settings.host_id)
            return [row.bead_id for row in running], policy.load(session).number("lease.grace_s")
    except GastownError as error:  # a database that is away or of another version must not keep the town up
        context.warn(f"Cannot tell which agents run: {error.message}")
        return [], 0.0


@command("shutdown", resident=False)
@click.option("--wait", "wait_s", type=click.IntRange(1, 3600), default=120, show_default=True, help="Seconds.")
@pass_context
def shutdown(context: Context, wait_s: int) -> None:
    """Save the agents' work, end them, and stop the town on this host. Their beads wait for the next `gt up`.

    \b
    Example:
      gt shutdown --wait 300
    """
    from gastown.cli.gt.stopping import stop_sessions

    stop_sessions(context, wait_s)
    _down(context)


@command("status")
@pass_context
def status(context: Context) -> None:
    """Show services, workers, rigs, agents and queues.

    \b
    Examples:
      gt status
      gt status --json
    """
    from gastown.cli.gt.status_view import as_json, print_text
    from gastown.town import services, status

    with context.read() as session:
        snapshot = status.take_snapshot(session)
    running = services.list_services(context.settings)
    if context.json:
        context.print_json(as_json(context.settings, snapshot, running))
    else:
        print_text(context, snapshot, running)


@command("run", resident=False)
@click.argument("role")
@pass_context
def run(context: Context, role: str) -> None:
    """Become one of the town's processes, for systemd, containers and the like; `gt up` needs none of this.

    \b
    Roles: keeper, sessions, refinery, gates, town, beat, flower
    Example:
      gt --town /var/lib/gastown/town run sessions
    """
    from gastown.cli.database import check_schema
    from gastown.town import processes

    if role != "keeper":  # agents run on under their keepers, whatever state the database is in
        check_schema(context.settings)
    context.out.flush()
    processes.become(context.settings, role)
