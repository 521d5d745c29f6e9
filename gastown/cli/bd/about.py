"""`bd where`, `version`."""

from gastown import __version__
from gastown.cli.bd.scope import TOWN_PREFIX, prefix_of_session
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context


@command("where", in_session=True)
@pass_context
def where(context: Context) -> None:
    """Show which store this is.

    \b
    Example:
      bd where --json
    """
    from sqlalchemy import make_url

    settings = context.settings
    database = make_url(settings.database)
    if context.session_pass is not None:
        path = ""  # an agent learns where its town is, not how to reach the database behind it
    elif settings.embedded_database:
        path = database.database or ""
    else:
        path = database.render_as_string(hide_password=True)
    prefix = prefix_of_session(context) or TOWN_PREFIX
    shown = {"path": str(settings.town), "prefix": prefix, "database_path": path}
    if context.json:
        emit(context, shown)
        return
    for name, value in shown.items():
        if value:
            context.echo(f"{name.replace('_', ' ').capitalize()}: {value}")


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
