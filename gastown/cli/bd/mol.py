"""`bd mol`: pour, bond, squash, burn, distill. Where molecules stand is in mol_views.py, wisps are in wisp.py."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.cook import RIG, VALUES, check_writable, say_warnings, shelf
from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import prefix_for, require, resolve, writable
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from gastown.molecules import Poured

_HERE = "gastown.cli.bd"
_BONDS = click.Choice(["sequential", "parallel", "conditional"])


@group(
    "mol",
    lazy={
        "wisp": (f"{_HERE}.wisp:wisp", "Wisps: create, list, gc."),
        "current": (f"{_HERE}.mol_views:current", "Show where you are in a molecule."),
        "progress": (f"{_HERE}.mol_views:progress", "Show how far a molecule is."),
        "ready": (f"{_HERE}.mol_views:ready", "List molecules that a gate lets go on."),
        "show": (f"{_HERE}.mol_views:show", "Show a molecule's steps; --parallel groups them."),
        "stale": (f"{_HERE}.mol_views:stale", "List molecules that are complete and not closed."),
        "last-activity": (f"{_HERE}.mol_views:last_activity", "Show what changed last."),
        "seed": (f"{_HERE}.mol_views:seed", "Check that formulas can be had."),
        "pour": (f"{_HERE}.mol:pour", "Pour a formula or template as a molecule."),
        "bond": (f"{_HERE}.mol:bond", "Bond two protos or molecules."),
        "squash": (f"{_HERE}.mol:squash", "Sum a molecule up in a digest."),
        "burn": (f"{_HERE}.mol:burn", "Take molecules out of the store (a preview without --force)."),
        "distill": (f"{_HERE}.mol:distill", "Make a formula of an epic or molecule."),
    },
    aliases={"fart": "bond"},
)
def mol() -> None:
    """Molecules: work that follows a formula, step by step.

    \b
    Example:
      bd mol pour shiny --var feature=login
      bd mol current
      bd close app-mol-a1b2.1 --continue
    """


@command("pour", in_session=True)
@click.argument("source", metavar="FORMULA|TEMPLATE")
@VALUES
@click.option("-a", "--assignee", default="", help="Who has the molecule.")
@click.option("--attach", multiple=True, metavar="FORMULA", help="Another proto to pour and hang on it.")
@click.option("--attach-type", type=_BONDS, default="sequential", show_default=True, help="How it hangs on it.")
@click.option("--dry-run", is_flag=True, help="Only show what would be filed.")
@RIG
@pass_context
def pour(context: Context, source: str, **said: Any) -> None:
    """File the steps of a formula (or a template) as beads, all of them or none.

    \b
    Example:
      bd mol pour shiny --var feature=login --assignee app/polecats/nux
    """
    pour_as(context, source, said, ephemeral=False)


def pour_as(context: Context, source: str, said: dict[str, Any], *, ephemeral: bool) -> None:
    """Pour as the options say, and print what was made."""
    from gastown import molecules

    with context.write() as session:
        vessel = molecules.Vessel(
            prefix=prefix_for(context, session, said["rig"]),
            assignee=said.get("assignee") or "",
            ephemeral=ephemeral,
            wisp_type=said.get("wisp_type") or "",
            root_only=bool(said.get("root_only")),
        )
        order = molecules.Order(
            word=source,
            vessel=vessel,
            given=molecules.parse_values(said["values"]),
            attach=said.get("attach") or (),
            attach_kind=molecules.Bond(said.get("attach_type") or "sequential"),
        )
        made: Poured = molecules.fulfil(session, order, shelf(context), actor=context.actor)
        if said["dry_run"]:
            session.rollback()
    say_warnings(context, made.warnings)
    if context.json:
        emit(context, made.as_json() | ({"dry_run": True} if said["dry_run"] else {}))
        return
    verb = "Would pour" if said["dry_run"] else "✓ Created wisp:" if ephemeral else "✓ Poured mol:"
    context.echo(f"{verb} {made.root_id} ({made.created + made.attached} beads, {made.phase})")


@command("bond", in_session=True)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--type", "kind", type=_BONDS, default="sequential", show_default=True, help="How B hangs on A.")
@click.option("--as", "title", default="", help="The title of two protos that become one.")
@click.option("--ref", default="", help="A readable end for the id of what is poured, like arm-nux.")
@click.option("--pour", "liquid", is_flag=True, help="What is poured is a molecule that stays.")
@click.option("--ephemeral", is_flag=True, help="What is poured is a wisp.")
@VALUES
@click.option("--dry-run", is_flag=True, help="Only show what would be made.")
@RIG
@pass_context
def bond(context: Context, first: str, second: str, **said: Any) -> None:
    """Bond two protos to one, a proto to a molecule, or two molecules.

    \b
    Examples:
      bd mol bond shiny release --type sequential
      bd mol bond app-mol-a1b2 code-review --ref review --var pr=12 --type parallel
    """
    from gastown import molecules

    if said["liquid"] and said["ephemeral"]:
        raise BadOption("--pour and --ephemeral exclude each other")
    with context.write() as session:
        check_writable(context, session, first, second)
        how = molecules.Bonding(
            kind=molecules.Bond(said["kind"]),
            prefix=prefix_for(context, session, said["rig"]),
            title=said["title"],
            ref=said["ref"],
            given=molecules.parse_values(said["values"]),
            ephemeral=True if said["ephemeral"] else False if said["liquid"] else None,
        )
        made = molecules.bond(session, first, second, how, shelf(context), actor=context.actor)
        if said["dry_run"]:
            session.rollback()
    say_warnings(context, made.warnings)
    if context.json:
        emit(context, made.as_json() | ({"dry_run": True} if said["dry_run"] else {}))
    else:
        verb = "Would bond" if said["dry_run"] else "✓ Bonded"
        context.echo(f"{verb} {first} + {second} → {made.result_id} ({made.kind.value}, {made.spawned} beads poured)")


@command("squash", in_session=True)
@click.argument("molecule")
@click.option("--summary", default="", help="What came of it; without it each step is listed.")
@click.option("--keep-children", is_flag=True, help="Leave the wisps in the store.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@pass_context
def squash(context: Context, molecule: str, summary: str, keep_children: bool, dry_run: bool) -> None:
    """Sum a molecule up in a closed digest, and take its wisps out of the store.

    \b
    Example:
      bd mol squash app-wisp-a1b2 --summary "Nothing to report"
    """
    from gastown import molecules

    with context.write() as session:
        name = writable(context, session, molecule).id
        done = molecules.squash(session, name, actor=context.actor, summary=summary, keep=keep_children)
        if dry_run:
            session.rollback()
    if context.json:
        emit(context, done.as_json() | ({"dry_run": True} if dry_run else {}))
        return
    verb = "Would squash" if dry_run else "✓ Squashed"
    context.echo(f"{verb} {done.molecule_id}: {len(done.squashed)} steps → {done.digest_id}, {done.deleted} deleted")


@command("burn", in_session=True)
@click.argument("ids", metavar="MOLECULE...", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Do it.")
@click.option("--dry-run", is_flag=True, help="Only show what would go (as without --force).")
@pass_context
def burn(context: Context, ids: tuple[str, ...], force: bool, dry_run: bool) -> None:
    """Take molecules, wisps or templates out of the store with all their steps. Only the event log tells of them.

    \b
    Example:
      bd mol burn app-wisp-a1b2 --force
    """
    from gastown import molecules

    require(ids, "no issue IDs provided")
    does = force and not dry_run
    with context.write() as session:
        names = dict.fromkeys(writable(context, session, text).id for text in ids)
        done = molecules.burn_all(session, list(names), actor=context.actor)
        if not does:
            session.rollback()
    if context.json:
        emit(context, molecules.burns_json(done) | ({} if does else {"dry_run": True}))
        return
    for one in done:
        verb = "✓ Burnt" if does else "Would burn"
        context.echo(f"{verb} {one.molecule_id}: {len(one.ids)} beads")
    if not does:
        context.echo("Nothing was changed. Add --force to do it.")


@command("distill")
@click.argument("epic")
@click.argument("name", default="")
@click.option("--var", "replacing", multiple=True, metavar="VALUE=NAME", help="A text that becomes a variable.")
@click.option("--output", type=click.Path(path_type=Path), help="The folder for the file.")
@click.option("--dry-run", is_flag=True, help="Print the formula instead of writing it.")
@pass_context
def distill(
    context: Context, epic: str, name: str, replacing: tuple[str, ...], output: Path | None, dry_run: bool
) -> None:
    """Make a formula of an epic or a molecule, in `.beads/formulas` of the store.

    \b
    Example:
      bd mol distill app-a1b2 mol-feature --var login=feature
    """
    from gastown import config, molecules

    with context.read() as session:
        done = molecules.distill(session, resolve(context, session, epic).id, name, replacing)
    if dry_run:
        context.echo(molecules.as_json(done.document))
        return
    folder = output or config.beads_folders(context.settings, here=False)[0] / "formulas"
    path = folder / f"{done.name}{molecules.JSON}"
    molecules.write_new(path, molecules.as_json(done.document))
    if context.json:
        emit(context, done.as_json(path))
    else:
        context.echo(f"✓ Distilled {done.steps} steps → {path}")
