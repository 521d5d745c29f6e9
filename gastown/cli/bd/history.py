"""`bd history`, `bd restore`, and the stores of yesterday that `--as-of` shows."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.scope import prefix_of_session, resolve
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import iso

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Entry

_SHOWN = 120  # characters of a value on one line

AS_OF = click.option("--as-of", help="As it was at this time: -2d, 2026-03-01, an ISO time.")


@contextmanager
def at(
    context: Context, session: "Session", as_of: str | None, ids: Sequence[str] | None = None
) -> Iterator[tuple["Session", Sequence[str]]]:
    """The store that `--as-of` asks about, and what the beads `ids` were called in it; the present without it."""
    from gastown import beads
    from gastown.beads import BeadNotFound

    if not as_of:
        yield session, ids or ()
        return
    names: dict[str, str] = {}
    for text in ids or ():
        try:
            names[text] = beads.find_past(session, text, prefix=prefix_of_session(context))
        except BeadNotFound:
            names[text] = text
    moment = options.when(as_of, "--as-of")
    with beads.past(session, moment, around=None if ids is None else list(names.values())) as (then, called):
        yield then, [called.get(name, name) for name in names.values()]


@command("history", in_session=True)
@click.argument("bead", metavar="ID")
@click.option("-n", "--limit", type=click.IntRange(0), default=0, help="How many (0: all).")
@pass_context
def history(context: Context, bead: str, limit: int) -> None:
    """Show what changed a bead, newest first; deleted and renamed ones too.

    \b
    Examples:
      bd history app-a1b2
      bd history app-a1b2 --limit 5 --json
    """
    from gastown import beads

    with context.read() as session:
        name = beads.find_past(session, bead, prefix=prefix_of_session(context))
        found = beads.list_history(session, name)
    shown = found[:limit] if limit else found
    if context.json:
        context.print_json([entry.as_json() for entry in shown])
        return
    context.echo(f"History of {name} ({len(found)} events)")
    for entry in shown:
        _print(context, entry)


def _print(context: Context, entry: "Entry") -> None:
    why = f": {_brief(entry.comment)}" if entry.comment else ""
    context.echo(f"{iso(entry.at)}  {entry.event_type}  by {entry.actor}{why}")
    for name in {**entry.old, **entry.new}:
        old, new = _brief(entry.old.get(name)), _brief(entry.new.get(name))
        context.echo(f"    {name}: {old} -> {new}" if name in entry.old else f"    {name}: {new}")


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


@command("restore")
@click.argument("bead", metavar="ID")
@click.option("--apply", "put_back", is_flag=True, help="Put the text back, and forget the compaction.")
@pass_context
def restore(context: Context, bead: str, put_back: bool) -> None:
    """Show the text that a bead had before it was compacted; --apply puts it back.

    \b
    Examples:
      bd restore app-a1b2
      bd restore app-a1b2 --apply
    """
    from gastown import beads

    with context.write() if put_back else context.read() as session:
        found = resolve(context, session, bead)
        texts = beads.original_texts(session, found.id)
        if put_back:
            beads.restore(session, found.id, actor=context.actor)
        shown = {"id": found.id, "title": found.title, **texts, "restored": put_back}
    if context.json:
        emit(context, shown)
        return
    context.echo(f"✓ Restored {found.id}" if put_back else f"{found.id}: {found.title} (before its compaction)")
    for name, text in texts.items():
        if text:
            context.echo(f"\n{name.replace('_', ' ').title()}:\n{text}")
