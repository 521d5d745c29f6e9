"""The leases that this worker process holds, renewed by one thread for all of them."""

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gastown import clock, logs
from gastown.assignments import Desired, HeldLease
from gastown.errors import GastownError, Unavailable
from gastown.runtimes import host

log = logs.get(__name__)

# Renews what it is given (attempt -> fence) and says how each stands; raises Unavailable while the database is away.
Renew = Callable[[Mapping[int, int]], list[HeldLease]]


@dataclass
class Entry:
    """One session of this process."""

    assignment_id: int
    fence: int
    bead_id: str
    folder: Path | None = None
    """The running agent's folder, whose deadline each heartbeat pushes out; None while none runs."""
    standing: HeldLease | None = None
    wake: tuple[int, int] = field(default_factory=lambda: os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
    is_closed: bool = False

    def stir(self) -> None:
        """Wake the thread that supervises this session."""
        if not self.is_closed:
            with contextlib.suppress(BlockingIOError):
                os.write(self.wake[1], b"!")

    @property
    def is_lost(self) -> bool:
        """Whether another worker holds the attempt: let go, kill nothing."""
        return self.standing is not None and not self.standing.is_mine and not self.standing.is_over

    @property
    def is_over(self) -> bool:
        """Whether the attempt ended elsewhere: save, then stop the session."""
        return self.standing is not None and self.standing.is_over

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether somebody took the bead off its hook, or the town is being shut down."""
        return self.standing is not None and self.standing.is_mine and self.standing.desired is not Desired.RUN


class LeaseBook:
    """Renews every lease of the process every `heartbeat_s`; costs nothing while there are none.

    While the database does not answer nothing is decided: agents go on, and each keeper ends its session when its
    grace, counted from the last heartbeat that succeeded, is over.
    """

    def __init__(self, renew: Renew, *, heartbeat_s: float, grace_s: float) -> None:
        self._renew = renew
        self.heartbeat_s = heartbeat_s
        self.grace_s = grace_s
        self._entries: dict[int, Entry] = {}
        self._lock = threading.Lock()
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_beat = clock.monotonic()

    def add(self, assignment_id: int, fence: int, bead_id: str) -> Entry:
        """Start renewing an attempt that was just claimed or adopted."""
        entry = Entry(assignment_id, fence, bead_id)
        with self._lock:
            self._entries[assignment_id] = entry
            self._busy.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()
        return entry

    def remove(self, entry: Entry) -> None:
        """Stop renewing; the attempt ended, or is left to the next worker."""
        with self._lock:
            if self._entries.get(entry.assignment_id) is entry:
                del self._entries[entry.assignment_id]
            entry.is_closed = True
            if not self._entries:
                self._busy.clear()
        for descriptor in entry.wake:
            os.close(descriptor)

    def entries(self) -> list[Entry]:
        """What is held now."""
        with self._lock:
            return list(self._entries.values())

    def holds(self, assignment_id: int) -> bool:
        """Whether this process supervises the attempt."""
        with self._lock:
            return assignment_id in self._entries

    def stir_all(self) -> None:
        """Wake every supervising thread."""
        with self._lock:
            for entry in self._entries.values():
                entry.stir()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._busy.wait()
            pause.wait(self.heartbeat_s)
            try:
                self.beat()
            except Exception:
                # The thread is every session's heartbeat: it must outlive any surprise.
                log.exception("heartbeat failed")

    def beat(self) -> None:
        """One heartbeat for all: renew, push the keepers' deadlines out, wake those whose standing changed."""
        entries = self.entries()
        if not entries:
            return
        try:
            standings = self._renew({entry.assignment_id: entry.fence for entry in entries})
        except Unavailable as error:
            log.warning("leases not renewed, agents go on: %s", error)
            return
        self.last_beat = clock.monotonic()
        found = {standing.assignment_id: standing for standing in standings}
        with self._lock:
            for entry in entries:
                entry.standing = found.get(entry.assignment_id)
                folder = entry.folder  # its own thread may clear it between two looks
                if entry.standing is not None and entry.standing.is_mine and folder is not None:
                    self._push_deadline(folder)
                if entry.is_lost or entry.is_over or entry.is_asked_to_stop:
                    entry.stir()

    def _push_deadline(self, folder: Path) -> None:
        try:
            host.touch_deadline(folder, self.grace_s)
        except (GastownError, OSError) as error:
            log.warning("deadline of %s not pushed out: %s", folder, error)
