"""Keeping a lease while slow work goes on in the same thread."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from sqlmodel import Session

from gastown import logs
from gastown.errors import Conflict

Work = Callable[[], AbstractContextManager[Session]]
"""Opens a unit of work. Edges pass it in: nothing below them commits."""

log = logs.get(__name__)


class Heartbeat:
    """Calls `beat` every `every_s` seconds until the block ends; `lost` is set once the lease is somebody else's.

    A database that is away does not lose the lease: nobody else can take it there meanwhile either.
    """

    def __init__(self, work: Work, beat: Callable[[Session], None], *, every_s: float) -> None:
        self.work = work
        self.beat = beat
        self.every_s = every_s
        self.lost = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refinery-heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self.every_s):
            try:
                with self.work() as session:
                    self.beat(session)
            except Conflict:
                self.lost.set()
                return
            except Exception as error:  # whatever it is, the next beat may do better, and nobody else would make it
                log.warning("cannot renew a lease just now: %s", error)
