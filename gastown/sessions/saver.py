"""The thread that makes a worker's saves."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from gastown import logs

log = logs.get(__name__)


class Saver:
    """One thread that makes a worker's saves, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.resting: dict[Path, float] = {}
        """Repositories whose remote did not answer: until when none of their saves is sent."""

    def ask(self, job: Callable[[], None]) -> None:
        """Have `job` done when its turn comes."""
        self._jobs.put(job)
        with self._lock:
            if self._thread is None:
                # A daemon: what it is at when the process ends is found unfinished, and is made again.
                self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:
                log.exception("a save failed")
