"""`bd label` and `bd tag`."""

from collections.abc import Sequence

import click

from gastown.cli.bd.scope import require, resolve, writable
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table


@group("label")
def label() -> None:
    """Put words on beads and find them by those.

    \b
    Example:
      bd label add app-a1b2 backend
    """


def _add(context: Context, ids: Sequence[str], word: str) -> None:
    from gastown import beads

    require(ids, "issue ID is required")
    with context.write() as session:
        names = [writable(context, session, text).id for text in ids]
        added = [beads.add_label(session, name, word, actor=context.actor) for name in names]
    if context.json:
        rows = zip(names, added, strict=True)
        context.print_json(
            [{"status": "added" if new else "present", "issue_id": name, "label": word} for name, new in rows]
        )
        return
    for name, new in zip(names, added, strict=True):
        context.echo(f"✓ Added label '{word}' to {name}" if new else f"{name} has the label '{word}' already")


@label.command("add", in_session=True)
@click.argument("words", metavar="ID... LABEL", nargs=-1)
@pass_context
def add(context: Context, words: tuple[str, ...]) -> None:
    """Put a label on beads; the last word is the label.

    \b
    Example:
      bd label add app-a1b2 app-c3d4 backend
    """
    _add(context, words[:-1], words[-1] if words else "")


@label.command("remove", in_session=True)
@click.argument("words", metavar="ID... LABEL", nargs=-1)
@pass_context
def remove(context: Context, words: tuple[str, ...]) -> None:
    """Take a label off beads; the last word is the label.

    \b
    Example:
      bd label remove app-a1b2 backend
    """
    from gastown import beads

    ids, word = words[:-1], words[-1] if words else ""
    require(ids, "issue ID is required")
    with context.write() as session:
        names = [writable(context, session, text).id for text in ids]
        removed = [beads.remove_label(session, name, word, actor=context.actor) for name in names]
    if context.json:
        rows = zip(names, removed, strict=True)
        context.print_json(
            [{"status": "removed" if gone else "absent", "issue_id": name, "label": word} for name, gone in rows]
        )
        return
    for name, gone in zip(names, removed, strict=True):
        context.echo(f"✓ Removed label '{word}' from {name}" if gone else f"{name} has no label '{word}'")


@label.command("propagate", in_session=True)
@click.argument("parent", metavar="PARENT")
@click.argument("word", metavar="LABEL")
@pass_context
def propagate(context: Context, parent: str, word: str) -> None:
    """Put a label on every child of a bead.

    \b
    Example:
      bd label propagate app-e5f6 backend
    """
    from gastown import beads

    with context.write() as session:
        name = writable(context, session, parent).id
        new = beads.propagate_label(session, name, word, actor=context.actor)
    if context.json:
        context.print_json([{"status": "added", "issue_id": child, "label": word} for child in new])
        return
    for child in new:
        context.echo(f"✓ Added label '{word}' to {child}")
    if not new:
        context.echo(f"No child of {name} lacks the label '{word}'.")


@label.command("list", in_session=True)
@click.argument("bead", metavar="ID")
@pass_context
def list_(context: Context, bead: str) -> None:
    """List a bead's labels.

    \b
    Example:
      bd label list app-a1b2
    """
    from gastown import beads

    with context.read() as session:
        name = resolve(context, session, bead).id
        found = beads.load_relations(session, [name]).labels.get(name, [])
    if context.json:
        context.print_json(found)
    else:
        context.echo("\n".join(found) or f"{name} has no labels.")


@label.command("list-all", in_session=True)
@pass_context
def list_all(context: Context) -> None:
    """List every label and how many beads have it.

    \b
    Example:
      bd label list-all
    """
    from gastown import beads

    with context.read() as session:
        found = beads.count_labels(session)
    if context.json:
        context.print_json([{"label": word, "count": number} for word, number in found])
    else:
        table(context, ("LABEL", "COUNT"), found, empty="No labels.")


@command("tag", in_session=True)
@click.argument("words", metavar="ID... LABEL", nargs=-1)
@pass_context
def tag(context: Context, words: tuple[str, ...]) -> None:
    """Put a label on beads: short for `bd label add`.

    \b
    Example:
      bd tag app-a1b2 backend
    """
    _add(context, words[:-1], words[-1] if words else "")
