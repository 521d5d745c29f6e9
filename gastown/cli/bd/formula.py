"""`bd formula`: which there are, what one says, and JSON to TOML."""

from pathlib import Path

import click

from gastown.cli.bd.cook import library, say_warnings
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table


@group("formula")
def formula() -> None:
    """Formulas: the recipes that molecules are poured from, in `.beads/formulas` of the store, the checkout, you.

    \b
    Example:
      bd formula list
    """


@formula.command("list", in_session=True)
@click.option("--type", "kind", default="", help="workflow, expansion, aspect or convoy.")
@pass_context
def list_(context: Context, kind: str) -> None:
    """List the formulas on the search path; broken ones are named with what is wrong.

    \b
    Example:
      bd formula list --type workflow
    """
    from gastown import molecules

    shelf = library(context)
    found = molecules.list_formulas(shelf, kind=kind)
    if context.json:
        context.print_json([molecules.listed_json(one) for one in found])
        return
    rows = [
        (one.name, one.type or "broken", one.steps, one.vars, (one.problem or one.description)[:100]) for one in found
    ]
    places = ", ".join(str(folder) for folder in shelf.folders)
    table(context, ("NAME", "TYPE", "STEPS", "VARS", "DESCRIPTION"), rows, empty=f"No formulas in {places}.")


@formula.command("show", in_session=True)
@click.argument("name")
@pass_context
def show(context: Context, name: str) -> None:
    """Show what a formula says.

    \b
    Example:
      bd formula show shiny
    """
    from gastown import molecules

    found = library(context).load(name)
    if context.json:
        emit(context, molecules.formula_json(found))
        return
    say_warnings(context, tuple(f"unknown key {key}" for key in found.unknown))
    for line in molecules.formula_lines(found):
        context.echo(line)


@formula.command("convert")
@click.argument("names", metavar="NAME|FILE...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every JSON formula on the search path.")
@click.option("--stdout", is_flag=True, help="Print the TOML instead of writing it beside the JSON.")
@click.option("--delete", "drop", is_flag=True, help="Remove the JSON file when the TOML is written.")
@pass_context
def convert(context: Context, names: tuple[str, ...], every: bool, stdout: bool, drop: bool) -> None:
    """Write JSON formulas as TOML, beside them. Each is read again first: it must say the same.

    \b
    Examples:
      bd formula convert mol-feature
      bd formula convert --all
    """
    from gastown import molecules

    paths = molecules.json_files(library(context), names, every=every)
    done = []
    for path in paths:
        target, text = molecules.convert(path)
        if stdout:
            context.echo(text)
            continue
        molecules.write_new(target, text)
        if drop:
            Path(path).unlink()
        done.append({"source": str(path), "target": str(target)})
    if context.json and not stdout:
        context.print_json(done)
    elif not stdout:
        for one in done:
            context.echo(f"✓ Converted {one['source']} → {one['target']}")
