"""What people see while the demo runs: a live table on a terminal, else a line for each thing that happens."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from gastown import clock
from gastown.beads import BeadStatus
from gastown.town.demo.board import Line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_MOST_LINES = 200
_LEAST_SHOWN = 4
_REFRESHES_A_SECOND = 5
# Rows of the screen that are neither a bead's nor of the log: headings, rules, margins.
_FRAME = 7
# Words that are worth a colour.
_COLOURS = {"DIED": "red", "KILLED": "red", "CONFLICT": "yellow", "RED": "yellow", "ADOPTED": "cyan", "LANDED": "green"}
_STATUS_COLOURS: Mapping[str, str] = {
    BeadStatus.CLOSED: "green",
    BeadStatus.ESCALATED: "red",
    BeadStatus.IN_PROGRESS: "cyan",
    BeadStatus.SUBMITTED: "blue",
}


class Screen(Protocol):
    """Where the demo says what happens."""

    def say(self, text: str) -> None:
        """Tell one thing."""

    def show(self, lines: Sequence[Line]) -> None:
        """Show where the beads are."""

    def __enter__(self) -> "Screen":
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""


class Plain:
    """One line for each thing, with the seconds since the start."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.began = clock.monotonic()

    def say(self, text: str) -> None:
        """Print the line at once."""
        self.out.write(f"[{clock.monotonic() - self.began:5.1f}s] {printable(text)}\n")
        self.out.flush()

    def show(self, lines: Sequence[Line]) -> None:
        """Nothing: what changed has been said."""

    def __enter__(self) -> "Plain":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to do."""


class Rich:
    """A table of the beads, with the last things that happened below it."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.began = clock.monotonic()
        self.log: deque[str] = deque(maxlen=_MOST_LINES)
        self.lines: Sequence[Line] = ()
        self.live: Live | None = None

    def say(self, text: str) -> None:
        """Add to the log under the table."""
        self.log.append(f"[{clock.monotonic() - self.began:5.1f}s] {printable(text)}")
        self._draw()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw the table anew."""
        self.lines = lines
        self._draw()

    def __enter__(self) -> "Rich":
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self.out)
        self.live = Live(console=console, refresh_per_second=_REFRESHES_A_SECOND, vertical_overflow="crop")
        self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self._draw()
            self.live.stop()

    def _draw(self) -> None:
        if self.live is not None:
            self.live.update(self._picture(self.live.console.width, self.live.console.height))

    def _picture(self, width: int, height: int) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        room = max(_LEAST_SHOWN, height - len(self.lines) - _FRAME)
        log = [Text(line, style=_colour_of(line), no_wrap=True, overflow="ellipsis") for line in list(self.log)[-room:]]
        return Group(*([_table(self.lines, width), Text("")] if self.lines else []), *log)


# Heading, what it shows, and its width; those without one share what is left.
_COLUMNS: tuple[tuple[str, Callable[[Line], str], int | None], ...] = (
    ("BEAD", lambda line: line.bead_id, 9),
    ("RIG", lambda line: line.rig, 8),
    ("TITLE", lambda line: line.title, None),
    ("STATUS", lambda line: line.status, 11),
    ("TRY", lambda line: str(line.attempts or ""), 3),
    ("AGENT", lambda line: line.agent, 8),
    ("WHAT HAPPENS", lambda line: line.doing, None),
)
# On a narrower terminal a bead's prefix must do for its rig.
_WIDTH_FOR_RIG = 100
_GAP = 2  # between columns
_LEAST_SHARE, _MOST_SHARE = 10, 34


def _table(lines: Sequence[Line], width: int) -> "RenderableType":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    columns = [column for column in _COLUMNS if column[0] != "RIG" or width >= _WIDTH_FOR_RIG]
    left = width - sum(fixed or 0 for _, _, fixed in columns) - _GAP * (len(columns) + 1)
    share = max(_LEAST_SHARE, min(_MOST_SHARE, left // sum(fixed is None for _, _, fixed in columns)))
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading, _, fixed in columns:
        drawn.add_column(heading, no_wrap=True, overflow="ellipsis", width=fixed or share)
    for line in lines:
        drawn.add_row(
            *(Text(printable(show(line))) for _, show, _ in columns), style=_STATUS_COLOURS.get(line.status, "")
        )
    return drawn


def _colour_of(line: str) -> str:
    return next((colour for word, colour in _COLOURS.items() if f"{word}:" in line or f"{word} " in line), "")


def printable(text: str) -> str:
    """`text` on one line, without what could steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
