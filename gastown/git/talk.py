"""A git process that stays: one question after the other, without the cost of a new process for each."""

import contextlib
import os
import selectors
import tempfile

from gastown import clock
from gastown.git.errors import GitFailed, GitTimedOut
from gastown.git.run import TIMEOUT_S, Options, Place, end, start

_AT_ONCE = 1 << 16


class Talk:
    """One git command that answers each line of its input. It ends with us: its input then ends, whatever killed us.

    Whoever reads an answer knows how it ends. A command that has ended, or does not answer in time, is an error
    (`GitFailed`, `GitTimedOut`), after which this object is of no more use.
    """

    def __init__(self, place: Place, *words: str) -> None:
        self._name = words[0]
        self._heard = b""
        with contextlib.ExitStack() as opening:
            self._complaints = opening.enter_context(tempfile.TemporaryFile())
            self._process = start(["git", *words], place, Options(input=""), self._complaints)
            self._selector = selectors.DefaultSelector()
            self._selector.register(self._pipe(), selectors.EVENT_READ)
            opening.pop_all()

    def close(self) -> None:
        """End the process."""
        self._selector.close()
        end(self._process)
        self._complaints.close()

    def ask(self, question: str) -> None:
        """Hand the command one line; short ones only, which fit into the pipe whatever the command is doing."""
        if self._process.stdin is None:
            raise GitFailed(f"git {self._name} takes no questions")
        try:
            self._process.stdin.write(question.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise GitFailed(f"git {self._name} has ended: {error}", hint="Try again.") from None

    def hear(self, until: bytes) -> bytes:
        """The answer up to the next `until`, which is left out."""
        deadline = clock.monotonic() + TIMEOUT_S
        searched = 0
        while (place := self._heard.find(until, searched)) < 0:
            searched = max(0, len(self._heard) - len(until) + 1)
            if not self._selector.select(max(0.0, deadline - clock.monotonic())):
                raise GitTimedOut(f"git {self._name} did not answer within {TIMEOUT_S:g} s", hint="Try again later.")
            more = os.read(self._pipe(), _AT_ONCE)
            if not more:
                raise GitFailed(f"git {self._name} ended without an answer", hint="Try again.")
            self._heard += more
        answer, self._heard = self._heard[:place], self._heard[place + len(until) :]
        return answer

    def _pipe(self) -> int:
        if self._process.stdout is None:
            raise GitFailed(f"git {self._name} gives no answers")
        return self._process.stdout.fileno()
