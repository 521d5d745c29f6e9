"""`bd where`, `context`, `info`, `ping`, `version`."""

from typing import Any

import click

from gastown import __version__, clock, config
from gastown.cli.bd.scope import home_prefix
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context


def _print(context: Context, shown: dict[str, Any]) -> None:
    if context.json:
        emit(context, shown)
        return
    for name, value in shown.items():
        if value not in ("", None, False, 0):
            context.echo(f"{name.replace('_', ' ').capitalize()}: {value}")


@command("where", in_session=True)
@pass_context
def where(context: Context) -> None:
    """Show which store this is.

    \b
    Example:
      bd where --json
    """
    from gastown import stores

    with context.read() as session:
        prefix = home_prefix(context, session)
    shown = stores.describe_where(context.settings, prefix)
    if context.session_pass is not None:
        shown["database_path"] = ""  # an agent learns where its town is, not how to reach the database behind it
    _print(context, shown)


@command("context")
@pass_context
def context_(context: Context) -> None:
    """Show what a program asks first: the store, the repository around it, the database behind it.

    \b
    Example:
      bd context --json
    """
    from gastown import stores

    with context.read() as session:
        prefix = home_prefix(context, session)
    start = config.working_folder() / (context.start or "")
    _print(context, stores.describe_context(context.settings, start, prefix))


@command("info")
@click.option("--schema", "with_schema", is_flag=True, help="Show the tables and the version of the schema, too.")
@pass_context
def info(context: Context, with_schema: bool) -> None:
    """Show the store, how many beads it holds, and what its keys say.

    \b
    Example:
      bd info --json
    """
    from gastown import beads, stores

    with context.read() as session:
        shown: dict[str, Any] = {
            **stores.describe_where(context.settings, home_prefix(context, session)),
            "mode": "town" if context.settings.is_town else "direct",
            "issue_count": sum(beads.measure(session).by_status.values()),
        }
        if context.json:
            shown["config"] = beads.list_config(session)
        if with_schema:
            shown["schema"] = stores.describe_schema(session)
    _print(context, shown)


@command("ping", in_session=True)
@pass_context
def ping(context: Context) -> None:
    """Ask the store for an answer, and say how long it took.

    \b
    Example:
      bd ping --json
    """
    from gastown import beads

    begun = clock.monotonic()
    context.check_ready()
    resolved = clock.monotonic()
    with context.read() as session:
        opened = clock.monotonic()
        beads.find_config(session, beads.PREFIX)
    ended = clock.monotonic()
    steps = {"resolve_ms": resolved - begun, "store_ms": opened - resolved, "query_ms": ended - opened}
    shown = {name: round(1000 * taken, 3) for name, taken in {**steps, "total_ms": ended - begun}.items()}
    if context.json:
        emit(context, {"status": "ok", **shown})
    else:
        context.echo(f"ok ({shown['total_ms']:.1f} ms)")


@command("version", in_session=True)
@pass_context
def version(context: Context) -> None:
    """Show the version.

    \b
    Example:
      bd version
    """
    if context.json:
        emit(context, {"version": __version__, "build": "gastown"})
    else:
        context.echo(f"bd version {__version__} (gastown)")
