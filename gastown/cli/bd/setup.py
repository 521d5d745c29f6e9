"""`bd setup` and `bd hooks`: what is written into other people's files, and taken out again."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.prime import project_of
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table
from gastown.config import StoreMissing, TownNotFound

if TYPE_CHECKING:
    from gastown.stores import Hook

# What a hook answers where there is no store: the shim skips.
_NO_STORE = 3
_TRAILER = "Executed-By"


@command("setup")
@click.argument("name", default="")
@click.option("--list", "as_list", is_flag=True, help="List the agents and editors.")
@click.option("--check", is_flag=True, help="Say whether it is set up; exit status 1 when it is not.")
@click.option("--remove", is_flag=True, help="Take out what was written.")
@click.option("--print", "as_text", is_flag=True, help="Print the section; write nothing.")
@pass_context
def setup(context: Context, name: str, as_list: bool, check: bool, remove: bool, as_text: bool) -> int:
    """Tell an agent or editor about beads: a section in the file that it reads, and its start-up hook if it has one.

    What others wrote in these files stays.

    \b
    Examples:
      bd setup --list
      bd setup claude
      bd setup cursor --check
    """
    from gastown import stores

    if as_text:
        context.echo(stores.GUIDE.text.rstrip())
        return 0
    project = project_of(context)
    if as_list or not name:
        _list(context, project)
        return 0
    if check and remove:
        raise BadOption("--check and --remove exclude each other")
    recipe = stores.find_recipe(name)
    if check:
        is_there = stores.is_set_up(project, recipe)
        _say(context, {"recipe": name, "installed": is_there}, "set up" if is_there else "not set up", recipe.title)
        return 0 if is_there else 1
    changed = stores.take_down(project, recipe) if remove else stores.set_up(project, recipe)
    said = f"wrote {', '.join(changed)}" if changed else "nothing to change"
    _say(context, {"recipe": name, "changed": changed}, f"{said}. {recipe.note}".strip(), recipe.title)
    return 0


def _say(context: Context, facts: dict[str, object], words: str, title: str) -> None:
    if context.json:
        emit(context, facts)
    else:
        context.echo(f"{title}: {words}")


def _list(context: Context, project: Path) -> None:
    from gastown import stores

    rows = [
        (name, recipe.title, recipe.file, stores.is_set_up(project, recipe)) for name, recipe in stores.RECIPES.items()
    ]
    if context.json:
        keys = ("name", "title", "file", "installed")
        context.print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    shown = [(name, title, file, "yes" if done else "") for name, title, file, done in rows]
    table(context, ("NAME", "FOR", "FILE", "SET UP"), shown, empty="There are no recipes.")


@group("hooks")
def hooks() -> None:
    """Git hooks that keep the exchange file in step, where the store's keys ask for that (export.auto, import.auto).

    \b
    Example:
      bd hooks install
    """


@hooks.command("install")
@pass_context
def install(context: Context) -> None:
    """Put our section into each hook of this checkout; what else is in them stays.

    \b
    Example:
      bd hooks install
    """
    from gastown import stores

    _show(context, stores.install_hooks(project_of(context)))


@hooks.command("uninstall")
@pass_context
def uninstall(context: Context) -> None:
    """Take our section out of each hook of this checkout.

    \b
    Example:
      bd hooks uninstall
    """
    from gastown import stores

    changed = stores.uninstall_hooks(project_of(context))
    _say(context, {"uninstalled": changed}, ", ".join(changed) or "none was installed", "Hooks taken out")


@hooks.command("list")
@pass_context
def list_(context: Context) -> None:
    """List the hooks that beads knows, as they are in this checkout.

    \b
    Example:
      bd hooks list --json
    """
    from gastown import stores

    _show(context, stores.list_hooks(project_of(context)))


def _show(context: Context, found: "Sequence[Hook]") -> None:
    rows = [{name: getattr(hook, name) for name in ("name", "path", "installed", "foreign")} for hook in found]
    if context.json:
        context.print_json(rows)
        return
    lines = [(row["name"], "yes" if row["installed"] else "", "yes" if row["foreign"] else "") for row in rows]
    table(context, ("HOOK", "INSTALLED", "HAS OTHER CONTENT"), lines, empty="There are no hooks.")


@hooks.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("words", nargs=-1)
@pass_context
def run(context: Context, name: str, words: tuple[str, ...]) -> int:
    """What a hook calls. Exit status 3 where there is no store.

    \b
    Example:
      bd hooks run pre-commit
    """
    from gastown import stores
    from gastown.cli.app import invoke

    stores.check_hook(name)
    try:
        context.check_ready()
    except (TownNotFound, StoreMissing):
        return _NO_STORE
    if name == "prepare-commit-msg":
        _add_trailer(context, words)
        return 0
    key, argv = stores.HOOK_SYNC.get(name, ("", ()))
    if not key or context.settings.is_town or not _is_on(context, key):
        return 0
    return invoke(context, list(argv))


def _is_on(context: Context, key: str) -> bool:
    from gastown import beads

    with context.read() as session:
        return beads.is_on(session, key)


def _add_trailer(context: Context, words: tuple[str, ...]) -> None:
    """Name the agent that commits; people's commits name them already."""
    from gastown import git
    from gastown.config import actor_from_environment

    if words and actor_from_environment():
        git.add_trailer(project_of(context), Path(words[0]).absolute(), _TRAILER, context.actor)
