"""Short forms of `bd update`: `assign`, `priority`, `note`, `edit`."""

from typing import TYPE_CHECKING

import click

from gastown.cli.bd import options
from gastown.cli.bd.scope import writable
from gastown.cli.bd.update import each
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import Invalid

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead, Patch


class NothingEdited(Invalid):
    """There is no editor, or no one to use it."""


def _patched(context: Context, session: "Session", text: str, patch: "Patch") -> "Bead":
    from gastown import beads

    bead = writable(context, session, text)
    beads.update(session, bead.id, patch, actor=context.actor)
    return bead


@command("assign", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("who", metavar="NAME")
@pass_context
def assign(context: Context, bead: str, who: str) -> int:
    """Say who does a bead; "" for nobody.

    \b
    Example:
      bd assign app-a1b2 ada
    """
    return each(
        context, (bead,), lambda session, text: _patched(context, session, text, {"assignee": who}), "Updated issue:"
    )


@command("priority", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("level", metavar="0-4")
@pass_context
def priority(context: Context, bead: str, level: str) -> int:
    """Say how urgent a bead is, from 0 (most) to 4.

    \b
    Example:
      bd priority app-a1b2 0
    """
    number = options.priority(level)
    return each(
        context, (bead,), lambda session, text: _patched(context, session, text, {"priority": number}), "Updated issue:"
    )


@command("note", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("words", metavar="TEXT", nargs=-1)
@click.option("-f", "--file", help="Read the text from a file (- is standard input).")
@click.option("--stdin", is_flag=True, help="Read the text from standard input.")
@pass_context
def note(context: Context, bead: str, words: tuple[str, ...], file: str | None, stdin: bool) -> int:
    """Add to a bead's notes.

    \b
    Example:
      bd note app-a1b2 "Seen on staging, too"
    """
    said = options.remark(context, words, file, stdin=stdin)
    if not said.strip():
        raise options.BadOption("note text cannot be empty")
    return each(
        context,
        (bead,),
        lambda session, text: _patched(context, session, text, {"append_notes": said}),
        "Note added to",
    )


@command("edit", resident=False)
@click.argument("bead", metavar="ID")
@click.option("--title", "field", flag_value="title", help="The title.")
@click.option("--description", "field", flag_value="description", default=True, help="The description (the default).")
@click.option("--design", "field", flag_value="design", help="The design.")
@click.option("--notes", "field", flag_value="notes", help="The notes.")
@click.option("--acceptance", "field", flag_value="acceptance", help="The acceptance criteria.")
@pass_context
def edit(context: Context, bead: str, field: str) -> int:
    """Change a text of a bead in your editor ($VISUAL or $EDITOR).

    \b
    Example:
      bd edit app-a1b2 --notes
    """
    column = "acceptance_criteria" if field == "acceptance" else field
    with context.read() as session:
        found = writable(context, session, bead)
        name, before = found.id, str(getattr(found, column))
    after = click.edit(before, extension=".md")
    if after is None or after.rstrip("\n") == before.rstrip("\n"):
        context.echo("No changes made")
        return 0
    patch: Patch = {column: after.rstrip("\n")}  # type: ignore[misc]
    return each(
        context, (name,), lambda session, text: _changed(context, session, text, before, patch), "Updated issue:"
    )


def _changed(context: Context, session: "Session", name: str, before: str, patch: "Patch") -> "Bead":
    """Write what was edited, unless somebody else wrote meanwhile."""
    bead = writable(context, session, name)
    [column] = patch
    if str(getattr(bead, column)) != before:
        raise NothingEdited(
            f"{bead.id} was changed meanwhile; your text was not written", hint="Run `bd edit` again on the new text."
        )
    return _patched(context, session, name, patch)
