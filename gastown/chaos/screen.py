"""What people see while a run goes on: a line for each thing that happens, and on a terminal where the beads are."""

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from gastown import clock
from gastown.chaos.standing import Standing
from gastown.town.demo.screen import Plain, printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Teller(Protocol):
    """Where a run says what happens."""

    def say(self, text: str) -> None:
        """Tell one thing."""

    def show(self, seen: Standing, total: int, faults: int) -> None:
        """Show where the beads are."""


class Screen:
    """Lines with the seconds since the start; on a terminal a bar below them."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.plain = Plain(out)
        self.bar: Progress | None = None
        self.task: TaskID | None = None

    def say(self, text: str) -> None:
        """Print the line at once."""
        if self.bar is None:
            self.plain.say(text)
        else:
            seconds = clock.monotonic() - self.plain.began
            self.bar.console.print(f"[{seconds:6.1f}s] {printable(text)}", markup=False, highlight=False)

    def show(self, seen: Standing, total: int, faults: int) -> None:
        """Move the bar."""
        if self.bar is not None and self.task is not None:
            words = f"{seen.landed} landed, {seen.escalated} escalated, {seen.at_work} at work, {faults} faults"
            self.bar.update(self.task, total=total, completed=seen.ended, description=words)

    def __enter__(self) -> "Screen":
        if self.out.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(console=Console(file=self.out))
            self.task = self.bar.add_task("founding a town")
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
