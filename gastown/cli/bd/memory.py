"""`bd remember`, `recall`, `memories`, `forget`."""

import click

from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table


def _rig(context: Context) -> str:
    """An agent's notes are its rig's: other rigs' agents are not told what it says."""
    return context.session_pass.rig if context.session_pass else ""


@command("remember", in_session=True)
@click.argument("text")
@click.option("--key", default="", help="Its name (default: its first words); the same name replaces.")
@pass_context
def remember(context: Context, text: str, key: str) -> None:
    """Keep a note for whoever works here next; `bd prime` shows all of them.

    \b
    Example:
      bd remember "The tests need the German locale" --key locale
    """
    from gastown import beads

    said = context.read_text("-") if text == "-" else text
    with context.write() as session:
        name, is_new = beads.remember(session, said, key=key, rig=_rig(context), actor=context.actor)
    action = "remembered" if is_new else "updated"
    if context.json:
        emit(context, {"key": name, "value": said.strip(), "action": action})
    else:
        context.echo(f"{action.capitalize()} {name}")


@command("recall", in_session=True)
@click.argument("key")
@pass_context
def recall(context: Context, key: str) -> int:
    """Print one note; exit status 1 when there is none of that name.

    \b
    Example:
      bd recall locale
    """
    from gastown import beads

    with context.read() as session:
        text = beads.recall(session, key, rig=_rig(context))
    if context.json:
        emit(context, {"key": key, "value": text or "", "found": text is not None})
    elif text is not None:
        context.echo(text)
    else:
        context.warn(f"Error: no memory named {key}")
        context.warn("Hint: `bd memories` lists the names.")
    return 0 if text is not None else 1


@command("memories", in_session=True)
@click.argument("words", default="")
@pass_context
def memories(context: Context, words: str) -> None:
    """List the notes, or those that hold some words.

    \b
    Example:
      bd memories locale
    """
    from gastown import beads

    with context.read() as session:
        found = beads.memories(session, words, rig=_rig(context))
    if context.json:
        context.print_json(found)
    else:
        table(context, ("KEY", "MEMORY"), list(found.items()), empty="Nothing is remembered.")


@command("forget", in_session=True)
@click.argument("key")
@pass_context
def forget(context: Context, key: str) -> int:
    """Drop one note; exit status 1 when there is none of that name.

    \b
    Example:
      bd forget locale
    """
    from gastown import beads

    with context.write() as session:
        found = beads.forget(session, key, rig=_rig(context), actor=context.actor)
    if context.json:
        emit(context, {"key": key, "found": found})
    elif found:
        context.echo(f"Forgot {key}")
    else:
        context.warn(f"Error: no memory named {key}")
        context.warn("Hint: `bd memories` lists the names.")
    return 0 if found else 1
