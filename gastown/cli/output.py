"""Tables and times for people. Rich draws when the output is a terminal; a pipe gets plain columns."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gastown import clock
from gastown.cli.terminal import harmless

if TYPE_CHECKING:
    from gastown.cli.context import Context

_LINE_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")  # a row of a table is one line


def table(context: "Context", headings: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print `rows` under `headings`, or the sentence `empty` when there are none."""
    if not rows:
        context.echo(empty)
        return
    cells = [["" if cell is None else _LINE_BREAKS.sub(" ", str(cell)) for cell in row] for row in rows]
    if context.is_terminal:
        _rich_table(context, headings, cells)
        return
    widths = [max(len(line[i]) for line in [list(headings), *cells]) for i in range(len(headings))]
    for line in [list(headings), *cells]:
        context.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _rich_table(context: "Context", headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(harmless(cell)) for cell in row))  # Text: what agents wrote is never markup
    Console(file=context.out).print(drawn)


def iso(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, as JSON shows times."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def ago(moment: datetime | None) -> str:
    """How long ago, in one unit."""
    return "" if moment is None else short(clock.now() - moment)


def short(span: timedelta) -> str:
    """A span in one unit: 12s, 5m, 3h, 2d."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
