"""`bd migrate`, `backup`, `sql`: the database behind the beads."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gastown import config
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from gastown.stores import Copy


@command("migrate")
@click.argument("what", required=False, type=click.Choice(["schema"]))
@click.option("--to", metavar="REVISION", help="An older or newer schema, instead of this version's.")
@pass_context
def migrate(context: Context, what: str | None, to: str | None) -> None:
    """Bring a folder's store to this version's schema, with a copy of it beside; --to goes back again.

    \b
    Examples:
      bd migrate
      bd migrate --to 0001
    """
    from gastown import stores

    context.check_writable()
    done = stores.migrate(context.settings, to)
    if context.json:
        kept = str(done.copy) if done.copy else None
        emit(context, {"before": done.before, "after": done.after, "changed": done.changed, "backup": kept})
        return
    context.echo(
        f"The schema is now {done.after} (was: {done.before or 'empty'})."
        if done.changed
        else f"The schema is {done.after}; nothing was changed."
    )
    if done.copy:
        context.echo(f"The store as it was is kept: {done.copy}")


@group("backup")
def backup() -> None:
    """Checked copies of the store.

    \b
    Examples:
      bd backup init /mnt/copies
      bd backup sync
      bd backup restore
    """


def _destination(context: Context) -> str:
    from gastown import beads, stores

    with context.read() as session:
        return beads.get_config(session, stores.DESTINATION)


@backup.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@pass_context
def backup_init(context: Context, folder: Path) -> None:
    """Say where copies go, and make the first one.

    \b
    Example:
      bd backup init /mnt/copies
    """
    from gastown import beads, stores

    destination = str((config.working_folder() / folder.expanduser()).resolve())
    context.check_writable()
    made = stores.back_up(context.settings, destination)
    with context.write() as session:
        beads.set_config(session, stores.DESTINATION, destination, actor=context.actor)
    _report(context, made)


@backup.command("sync")
@pass_context
def backup_sync(context: Context) -> None:
    """Make a copy now, while others go on working.

    \b
    Example:
      bd backup sync
    """
    from gastown import stores

    context.check_writable()
    _report(context, stores.back_up(context.settings, _destination(context)))


def _report(context: Context, made: "Copy") -> None:
    if context.json:
        emit(context, made.shown())
    else:
        context.echo(f"✓ Copied {made.beads} beads: {made.path}")


@backup.command("restore")
@click.argument("copy", default="")
@pass_context
def backup_restore(context: Context, copy: str) -> None:
    """Put a copy (default: the newest one) where the store is; the present store is kept under another name.

    \b
    Example:
      bd backup restore beads-20261121T093000Z.db
    """
    from gastown import stores

    context.check_writable()
    folder, destination = _place(context)
    found = stores.find_copy(destination, copy)
    kept = stores.restore(folder, found)
    if context.json:
        emit(context, {"restored": str(found), "kept": str(kept) if kept else None})
        return
    context.echo(f"✓ Restored {found}")
    if kept:
        context.echo(f"The store that was here is kept: {kept}")


def _place(context: Context) -> tuple[Path, Path]:
    """The folder of the store and that of its copies, also where the store is lost or cannot be read."""
    from gastown import stores
    from gastown.errors import GastownError

    try:
        folder = context.settings.town
    except config.StoreMissing as error:
        return error.folder, error.folder / stores.BACKUPS
    if context.settings.is_town:
        raise stores.TownsDatabase(
            "this is a town's database", hint="Stop the town (`gt down`), then put the copy where its database is."
        )
    try:
        return folder, stores.copies_folder(context.settings, _destination(context))
    except GastownError:  # a store that cannot be read is what one restores
        return folder, stores.copies_folder(context.settings, "")


@backup.command("remove")
@pass_context
def backup_remove(context: Context) -> None:
    """Forget where copies go; the copies stay.

    \b
    Example:
      bd backup remove
    """
    from gastown import beads, stores

    with context.write() as session:
        gone = beads.unset_config(session, stores.DESTINATION, actor=context.actor)
    if context.json:
        emit(context, {"removed": gone})
    else:
        context.echo("✓ Copies go beside the store again." if gone else "No folder for copies was set.")


@backup.command("status")
@pass_context
def backup_status(context: Context) -> None:
    """List the copies, newest first.

    \b
    Example:
      bd backup status --json
    """
    from gastown import stores

    _, destination = _place(context)
    found = stores.list_copies(destination)
    if context.json:
        emit(context, {"destination": str(destination), "backups": [item.shown() for item in found]})
        return
    context.echo(f"Copies go to {destination}")
    rows = [(item.path.name, f"{item.made_at:%Y-%m-%d %H:%M}", item.size, item.beads) for item in found]
    table(context, ("COPY", "MADE (UTC)", "BYTES", "BEADS"), rows, empty="There are none yet: `bd backup sync`.")


@command("sql")
@click.argument("statement", metavar="STATEMENT | -")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--write", is_flag=True, help="Let it change something. `bd doctor` then says whether all still agrees.")
@pass_context
def sql(context: Context, statement: str, as_csv: bool, write: bool) -> None:
    """Run one SQL statement on the store; it changes nothing without --write.

    \b
    Examples:
      bd sql "SELECT status, count(*) FROM beads GROUP BY status"
      bd sql --csv - < report.sql
    """
    from gastown import stores

    text = context.read_text("-") if statement == "-" else statement
    with context.write() if write else context.read() as session:
        answer = stores.run_sql(session, text, write=write)
    if context.json:
        context.print_json(answer.records())
    elif as_csv:
        page = io.StringIO()
        csv.writer(page, lineterminator="\n").writerows([answer.columns, *answer.rows])
        context.echo(page.getvalue().rstrip("\n"))
    elif write and not answer.columns:
        context.echo(f"{answer.changed} rows changed. Check with `bd doctor`.")
    else:
        table(context, answer.columns, answer.rows, empty="No rows.")
