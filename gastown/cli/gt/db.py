"""`gt db`: the database's schema."""

import click

from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context


@group("db")
def db() -> None:
    """The database's schema.

    \b
    Examples:
      gt db version
      gt db upgrade
    """


@db.command("upgrade", resident=False)
@pass_context
def upgrade(context: Context) -> None:
    """Bring the database to this version's schema, all of it or nothing; safe to run from several hosts at once.

    \b
    Example:
      gt db upgrade
    """
    from gastown.town import schema

    done = schema.upgrade(context.settings.database)
    if context.json:
        context.print_json({"before": done.before, "after": done.after, "changed": done.changed})
    elif done.changed:
        context.echo(f"The schema is now {done.after} (was: {done.before or 'empty'}).")
    else:
        context.echo(f"The schema is {done.after}, the newest; nothing was changed.")


@db.command("downgrade")
@click.argument("revision")
@pass_context
def downgrade(context: Context, revision: str) -> None:
    """Go back to an older schema, for an older version of gt; stop the town first.

    What newer versions added is dropped. A database that is a file is copied before; make a dump of any other.

    \b
    Example:
      gt db downgrade 0001
    """
    from gastown import stores

    done = stores.move(context.settings, revision)
    if context.json:
        kept = str(done.copy) if done.copy else None
        context.print_json({"before": done.before, "after": done.after, "changed": done.changed, "backup": kept})
        return
    context.echo(f"The schema is now {done.after} (was: {done.before}).")
    if done.copy:
        context.echo(f"The database as it was is kept: {done.copy}")


@db.command("version")
@pass_context
def version(context: Context) -> None:
    """Show the database's schema and the one that this version of gt works with.

    \b
    Example:
      gt db version --json
    """
    from gastown.town import schema

    found, wanted = schema.current(context.settings.database), schema.head()
    if context.json:
        context.print_json({"database": found, "program": wanted, "matches": found == wanted})
    else:
        hint = "" if found == wanted else "  (`gt db upgrade` adds what is missing)"
        context.echo(f"database: {found or 'empty'}   gt: {wanted}{hint}")
