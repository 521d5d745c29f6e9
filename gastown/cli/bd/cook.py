"""`bd cook`, and what the verbs of molecules share: values, and where formulas are."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import prefix_for, prefix_of_session, writable
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import Refused

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.molecules import Library, Poured, Protomolecule, Shelf

VALUES = click.option("--var", "values", multiple=True, metavar="NAME=VALUE", help="The value of a variable.")
RIG = click.option("--rig", help="The rig whose beads they are; without it those that are at home here.")


def library(context: Context, *more: Path) -> "Library":
    """The formulas that this caller may name; an agent's are those of the store."""
    from gastown import config
    from gastown.molecules import Library

    is_person = context.session_pass is None
    folders = config.beads_folders(context.settings, start=context.start, here=is_person)
    return Library((*more, *(folder / "formulas" for folder in folders)))


def shelf(context: Context) -> "Shelf":
    """Where the words on this command line are looked up."""
    from gastown.molecules import Shelf

    return Shelf(library(context), prefix_of_session(context))


def check_writable(context: Context, session: "Session", *words: str) -> None:
    """Refuse an agent to hang something on a molecule of another rig."""
    from gastown import beads, molecules

    for word in words if context.session_pass is not None else ():
        found = molecules.find_source(session, word, shelf(context), {})
        if isinstance(found, beads.Bead):
            writable(context, session, found.id)


def say_warnings(context: Context, warnings: "tuple[str, ...]") -> None:
    """Print what was odd."""
    for warning in warnings:
        context.warn(f"Warning: {warning}")


@command("cook", in_session=True)
@click.argument("formula")
@VALUES
@click.option("--persist", is_flag=True, help="Keep it as a template, which `bd mol pour` pours.")
@click.option("--dry-run", is_flag=True, help="With --persist: only show what would be kept.")
@click.option(
    "--mode", type=click.Choice(["compile", "runtime"]), help="runtime puts the values in, and needs them all."
)
@click.option("--search-path", multiple=True, type=click.Path(path_type=Path), help="A folder to look in first.")
@RIG
@pass_context
def cook(  # noqa: PLR0913 - the options of the command
    context: Context,
    formula: str,
    values: tuple[str, ...],
    persist: bool,
    dry_run: bool,
    mode: str | None,
    search_path: tuple[Path, ...],
    rig: str | None,
) -> None:
    """Work out the steps of a formula: a name on the search path, or a file. Nothing is written without --persist.

    \b
    Examples:
      bd cook shiny --var feature=login
      bd cook ./shiny.formula.toml --persist
    """
    from gastown import molecules

    given = molecules.parse_values(values)
    is_path = "/" in formula or formula.endswith((molecules.TOML, molecules.JSON))
    if context.session_pass is not None and (is_path or search_path):
        raise Refused("inside a session formulas are named, not read from files", hint="`bd formula list` shows them.")
    if persist and mode == "runtime":
        raise BadOption("--persist keeps variables open: it is not for --mode runtime", hint="Leave --mode out.")
    if mode == "compile" and values:
        raise BadOption("--mode compile keeps variables open: --var is for the other", hint="Leave one of them out.")
    word = str((context.start or Path()) / formula) if is_path else formula
    proto = molecules.cook_word(word, library(context, *search_path), given, is_path=is_path)
    if persist:
        _persist(context, proto, rig, dry_run=dry_run)
        return
    if mode == "runtime" or (given and mode is None):
        proto = molecules.bind(proto, given)
    _print(context, proto)


def _persist(context: Context, proto: "Protomolecule", rig: str | None, *, dry_run: bool) -> None:
    from gastown import molecules

    with context.write() as session:
        vessel = molecules.Vessel(prefix=prefix_for(context, session, rig))
        made: Poured = molecules.persist(session, proto, vessel, actor=context.actor)
        if dry_run:
            session.rollback()
    say_warnings(context, proto.warnings)
    if context.json:
        emit(context, molecules.kept_json(proto, made) | ({"dry_run": True} if dry_run else {}))
    else:
        context.echo(f"{'Would keep' if dry_run else '✓ Cooked'} {proto.formula}: {made.root_id}, {made.created} beads")


def _print(context: Context, proto: "Protomolecule") -> None:
    from gastown import molecules

    if context.json:
        emit(context, molecules.cooked_json(proto))
        return
    say_warnings(context, proto.warnings)
    for line in molecules.cooked_lines(proto):
        context.echo(line)
