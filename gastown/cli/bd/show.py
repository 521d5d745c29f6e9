"""`bd show` and `bd children`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import history, styles
from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import NoIds, named, resolve
from gastown.cli.bd.shapes import describe, emit, print_beads
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import brief
from gastown.errors import GastownError

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead

_VIEWS = ("short", "refs", "children", "thread")


@command("show", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--id", "more", multiple=True, help="An id that starts with a hyphen.")
@click.option("--current", is_flag=True, help="What you are at work on.")
@click.option("--short", is_flag=True, help="One line a bead.")
@click.option("--long", "is_long", is_flag=True, help="Every field (always so).")
@click.option("--refs", is_flag=True, help="What points to it, by kind, instead.")
@click.option("--children", is_flag=True, help="Its children instead.")
@click.option("--thread", is_flag=True, help="The conversation that it is part of instead.")
@click.option("--include-dependents", is_flag=True, help="What depends on it (always so).")
@click.option("--include-comments", is_flag=True, help="Its comments (always so).")
@click.option("--local-time", is_flag=True, help="Times on this machine's clock.")
@click.option("-w", "--watch", is_flag=True, help="Show it again whenever it changes, until ctrl-C.")
@history.AS_OF
@pass_context
def show(context: Context, ids: tuple[str, ...], more: tuple[str, ...], watch: bool, **said: Any) -> int:
    """Show beads in full: fields, dependencies, dependents, comments.

    \b
    Examples:
      bd show app-a1b2 --json
      bd show app-a1b2 --as-of -2d
    """
    views = [f"--{name}" for name in _VIEWS if said[name]]
    if len(views) > 1:
        raise BadOption(f"{' and '.join(views)} exclude each other")
    if watch and said["as_of"]:
        raise BadOption("--watch and --as-of exclude each other", hint="The past does not change.")
    wanted = (*ids, *more)
    if not said["current"]:
        wanted = named(context, wanted, "no issue ID provided")
    codes: list[int] = []
    styles.show(context, lambda: codes.append(_show(context, wanted, said)), watch=watch)
    return codes[-1] if codes else 0


def _show(context: Context, wanted: tuple[str, ...], said: dict[str, Any]) -> int:
    from gastown import beads

    with context.read() as session:
        if said["current"]:
            wanted = (*wanted, *_current(context, session))
        with history.at(context, session, said["as_of"], wanted) as (then, names):
            found = _find(context, then, names)
            if not found:
                if context.json:
                    emit(context, {"error": "no issues found matching the provided IDs"})
                return 1
            if said["refs"]:
                _print_refs(context, beads.refs_json(then, found))
                return 0
            if said["children"]:
                found = [child for bead in found for child in beads.list_children(then, bead.id)]
            if said["thread"]:
                found = [each for bead in found for each in beads.list_thread(then, bead.id)]
            shown = beads.show_json(then, found)
    _print(context, shown, said)
    return 0


def _find(context: Context, session: "Session", wanted: "tuple[str, ...] | Any") -> "list[Bead]":
    found, hints = [], set[str | None]()
    for text in wanted:
        try:
            found.append(resolve(context, session, text))
        except GastownError as error:
            context.warn(f"Error fetching {brief(text)}: {error.message}")
            hints.add(error.hint)
    for hint in filter(None, hints):
        context.warn(f"Hint: {hint}")
    return found


def _current(context: Context, session: "Session") -> tuple[str, ...]:
    """The bead on the calling agent's hook, or what the actor has in progress."""
    from gastown import beads

    if context.session_pass is not None:
        return (context.session_pass.bead_id,)
    found = beads.list_current(session, context.actor)
    if not found:
        raise NoIds(f"{context.actor} is at work on nothing", hint="`bd ready --claim` takes something.")
    return tuple(bead.id for bead in found)


def _print_refs(context: Context, shown: list[dict[str, Any]]) -> None:
    if context.json:
        context.print_json(shown)
        return
    for item in shown:
        context.echo(f"{item['id']}: {item['title']}")
        for kind, beads in item["refs"].items():
            context.echo(f"  {kind} ({len(beads)})")
            for bead in beads:
                context.echo(f"    {bead['id']} [{bead['status']}] {bead['title']}")


def _print(context: Context, shown: list[dict[str, Any]], said: dict[str, Any]) -> None:
    if context.json:
        context.print_json(shown)
        return
    for number, item in enumerate(shown):
        if said["short"]:
            context.echo(f"{item['id']} [{item['status']}] P{item['priority']} {item['issue_type']}: {item['title']}")
        else:
            context.echo("\n" * bool(number) + describe(item, local_time=said["local_time"]))


@command("children", in_session=True)
@click.argument("bead", metavar="ID")
@pass_context
def children(context: Context, bead: str) -> None:
    """List a bead's children.

    \b
    Example:
      bd children app-e5f6
    """
    from gastown import beads

    with context.read() as session:
        parent = resolve(context, session, bead)
        print_beads(context, session, beads.list_children(session, parent.id), empty=f"{parent.id} has no children.")
