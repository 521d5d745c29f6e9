"""How a listing is printed: a tree, lines, details, a picture's source, a template; once, or again and again."""

import select
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.options import BadOption, stack
from gastown.cli.bd.shapes import describe, print_beads
from gastown.cli.commands import ReaderGone
from gastown.cli.context import Context
from gastown.errors import Refused

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead

_POLL_S = 2.0
_LIMIT, _AGENT_LIMIT = 50, 20
_CLEAR = "\x1b[H\x1b[2J"

STYLE = stack(
    click.option("--flat", is_flag=True, help="One line a bead, on a terminal too."),
    click.option("--pretty", "--tree", is_flag=True, help="A tree, in a pipe too."),
    click.option("--long", "is_long", is_flag=True, help="Every field."),
    click.option("--format", "form", default="", help="json, digraph, dot, mermaid, or like '{{.ID}} {{.Title}}'."),
    click.option("-w", "--watch", is_flag=True, help="Show it again whenever it changes, until ctrl-C."),
)


def check(said: dict[str, Any]) -> None:
    """Refuse two styles at once, and a template that no bead can fill."""
    from gastown import beads

    if sum(bool(said[name]) for name in ("flat", "pretty", "is_long", "form")) > 1:
        raise BadOption("--flat, --pretty, --long and --format exclude each other")
    if said["form"] and said["form"] not in ("json", "digraph", "dot", "mermaid"):
        beads.check_template(said["form"])


def limit(given: int | None, everything: bool) -> int:
    """How many beads a listing shows when nobody says it; agents read less."""
    from gastown import config

    if given is not None or everything:
        return given or 0
    return _AGENT_LIMIT if config.environment().get("BD_AGENT_MODE") in ("1", "true") else _LIMIT


def print_styled(
    context: Context, session: "Session", found: "Sequence[Bead]", said: dict[str, Any], *, empty: str
) -> None:
    """Print a listing in the style that was asked for."""
    from gastown import beads

    form = said["form"]
    if context.json or form == "json":
        context.print_json(beads.list_json(session, found))
    elif form in ("digraph", "dot", "mermaid"):
        context.echo(beads.PICTURES[form](beads.draw_beads(session, [bead.id for bead in found])))
    elif form:
        for item in beads.list_json(session, found):
            context.echo(beads.fill_template(beads.check_template(form), item))
    elif said["is_long"] and found:
        context.echo("\n\n".join(describe(item) for item in beads.show_json(session, found)))
    elif found and not said["flat"] and (said["pretty"] or context.is_terminal):
        relations = beads.load_relations(session, [bead.id for bead in found])
        for line in beads.draw_forest(found, {bead.id: relations.parent_of(bead.id) for bead in found}):
            context.echo(line)
    else:
        print_beads(context, session, found, empty=empty)


def show(context: Context, run: Callable[[], None], *, watch: bool) -> None:
    """Run it once, or every two seconds until ctrl-C or until nobody reads; only what changed is printed again."""
    if not watch:
        run()
        return
    if context.session_pass is not None:
        raise Refused("--watch is not for agents", hint="Call the command again when you want to know.")
    try:
        _watch(context, run)
    except KeyboardInterrupt:
        return


def _watch(context: Context, run: Callable[[], None]) -> None:
    import io

    out, before = context.out, ""
    while True:
        context.out = io.StringIO()
        try:
            run()
        finally:
            text, context.out = context.text_out(), out
        if text != before:
            out.write((_CLEAR if context.is_terminal else "") + text)
            out.flush()
            before = text
        _wait(out)


def _wait(out: Any) -> None:
    """Two seconds, or until nobody reads any more."""
    try:
        number = out.fileno()
    except (OSError, ValueError):
        time.sleep(_POLL_S)
        return
    poll = select.poll()
    poll.register(number, 0)
    # A terminal that was closed, or a pipe whose reader ended, reports an error at once.
    if any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in poll.poll(_POLL_S * 1000)):
        raise ReaderGone
