"""`bd init`: a folder gets a store of its own."""

from typing import TYPE_CHECKING, Any

import click

from gastown import config
from gastown.cli.bd.options import BadOption
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.stores import Founded

_SHOWN = 20  # refused lines spelt out for people; JSON has them all


@command("init")
@click.option("-p", "--prefix", default="", help="What ids begin with (default: the folder's name).")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--stealth", is_flag=True, help="For this clone only: git overlooks it, no AGENTS.md.")
@click.option("--from-jsonl", is_flag=True, help="Take in issues.jsonl even if some of its lines cannot be.")
@click.option("--skip-hooks", is_flag=True, help="Leave git's hooks alone.")
@click.option("--skip-agents", is_flag=True, help="Leave AGENTS.md alone.")
@click.option("--force", "--reinit-local", "again", is_flag=True, help="A new store; the present one is kept aside.")
@pass_context
def init(context: Context, quiet: bool, **said: Any) -> int:
    """Make a store for this folder: `.beads/`, with a SQLite database. Takes in the issues.jsonl that lies there.

    \b
    Examples:
      bd init
      bd init --prefix app --stealth
    """
    from gastown import stores
    from gastown.db.unit_of_work import unit_of_work

    if context.db:
        raise BadOption("--db names a database that is there", hint="Go to the project's folder and run `bd init`.")
    context.check_writable()
    wanted = stores.Wanted(
        folder=config.new_folder(context.start),
        prefix=said["prefix"],
        take_what_can=said["from_jsonl"],
        again=said["again"],
        stealth=said["stealth"],
        guide=not said["skip_agents"],
        hooks=not said["skip_hooks"],
    )
    result = stores.init(wanted, unit_of_work, actor=context.actor)
    refused = result.imported.refused if result.imported else []
    for note in (*result.notes, *(f"Line {number} refused: {reason}" for number, reason in refused[:_SHOWN])):
        context.warn(note)
    if context.json:
        emit(context, result.shown())
    elif not (quiet or context.quiet):
        _show(context, result)
    return 1 if refused else 0


def _show(context: Context, result: "Founded") -> None:
    context.echo("✓ bd initialized successfully!\n")
    context.echo(f"  Database: {result.database}")
    context.echo(f"  Issue prefix: {result.prefix}")
    context.echo(f"  Issues will be named: {result.prefix}-<hash> (e.g., {result.prefix}-a3f2)")
    if result.imported is not None:
        taken, refused = len(result.imported.created), len(result.imported.refused)
        context.echo(f"  Taken in from issues.jsonl: {taken} beads; refused: {refused} lines")
        for edge in result.imported.skipped_edges[:_SHOWN]:
            context.echo(f"    Dependency left out: {edge}")
    if result.kept is not None:
        context.echo(f"  The earlier store is kept: {result.kept}")
    if result.copies:
        context.echo(f"  Copies of earlier stores are in {result.copies[0].parent}: see `bd backup status`")
    context.echo("\nRun `bd quickstart` to get started.")
