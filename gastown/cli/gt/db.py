"""`gt db`: the database's schema."""

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
