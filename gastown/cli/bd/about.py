"""`bd prime`, `where`, `version`."""

from gastown import __version__
from gastown.cli.bd.scope import TOWN_PREFIX, prefix_of_session
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.config import TownNotFound

_PRIME = """\
# Beads

Work is tracked as beads, with `bd`. Do not keep lists of your own.

## Rules
- Find work with `bd ready`, take it with `bd ready --claim` or `bd update ID --claim`: of many callers one gets it.
- File what you find on the way: `bd create "Title" -d "What and how to see it" --deps discovered-from:ID`.
- What must wait says so: `bd dep add ID DEPENDS_ON`. `bd blocked` shows what waits for what.
- A bead that was slung to you closes when its work lands: finish with `gt done`, never with `bd close`.
- Other beads: `bd close ID -r "What was done"`.

## Commands
    bd ready [--json]                   what can be started now
    bd show ID                          one bead in full
    bd list --status open -l LABEL      search by fields (bd search WORDS for text)
    bd create "Title" -t bug -p 1       file a bead (types: bug feature task epic chore decision)
    bd update ID --append-notes TEXT    leave a note for whoever works on it next
    bd comment ID TEXT                  say something about it
    bd dep add ID DEPENDS_ON            ID waits for DEPENDS_ON
    bd dep tree ID                      what it stands on
    bd close ID -r REASON               close it

All commands take --json. Ids may be shortened to a part that fits one bead only.

## Before you end a session
1. File beads for what is left.
2. Commit your work.
3. `gt done` submits it; `gt handoff -m NOTE` passes it on unfinished.
"""


@command("prime", in_session=True)
@pass_context
def prime(context: Context) -> None:
    """Tell an agent how to work with beads. Silent where there is no town, so that it is safe in a global hook.

    \b
    Example:
      bd prime
    """
    try:
        context.check_ready()
    except TownNotFound:
        return
    if context.json:
        emit(context, {"text": _PRIME})
    else:
        context.echo(_PRIME.rstrip())


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
