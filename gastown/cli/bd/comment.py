"""`bd comment` and `bd comments`."""

import click

from gastown.cli.bd.options import BadOption, remark
from gastown.cli.bd.scope import resolve, writable
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context


def _add(context: Context, bead: str, words: tuple[str, ...], file: str | None, stdin: bool) -> None:
    from gastown import beads

    text = remark(context, words, file, stdin=stdin)
    with context.write() as session:
        name = writable(context, session, bead).id
        made = beads.add_comment(session, name, text, actor=context.actor)
        shown = beads.comment_json(made)
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"✓ Comment added to {name}")


@command("comment", in_session=True)
@click.argument("bead", metavar="ID")
@click.argument("words", metavar="TEXT", nargs=-1)
@click.option("-f", "--file", help="Read the text from a file (- is standard input).")
@click.option("--stdin", is_flag=True, help="Read the text from standard input.")
@pass_context
def comment(context: Context, bead: str, words: tuple[str, ...], file: str | None, stdin: bool) -> None:
    """Add a remark to a bead.

    \b
    Example:
      bd comment app-a1b2 "Reproduced on main"
    """
    _add(context, bead, words, file, stdin)


def _list(context: Context, bead: str) -> None:
    from gastown import beads

    with context.read() as session:
        name = resolve(context, session, bead).id
        found = beads.load_relations(session, [name], comments=True).comments.get(name, [])
    if context.json:
        context.print_json([beads.comment_json(item) for item in found])
        return
    for item in found:
        shown = beads.comment_json(item)
        context.echo(f"{shown.get('created_at', '')} {item.author}: {item.text}")
    if not found:
        context.echo(f"{name} has no comments.")


@command("comments", in_session=True)
@click.argument("words", metavar="ID | add ID TEXT", nargs=-1)
@click.option("-f", "--file", help="Read the text from a file (- is standard input).")
@click.option("--stdin", is_flag=True, help="Read the text from standard input.")
@pass_context
def comments(context: Context, words: tuple[str, ...], file: str | None, stdin: bool) -> None:
    """List a bead's remarks; `bd comments add ID TEXT` adds one.

    \b
    Example:
      bd comments app-a1b2
    """
    if words[:1] == ("add",) and len(words) > 1:
        _add(context, words[1], words[2:], file, stdin)
    elif len(words) == 1:
        _list(context, words[0])
    else:
        raise BadOption("issue ID is required", hint="bd comments ID")
