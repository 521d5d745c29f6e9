"""The leases that this worker process holds, renewed by one thread for all of them."""

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gastown import clock, logs
from gastown.assignments import Desired, HeldLease, Sign
from gastown.errors import GastownError, Unavailable
from gastown.runtimes import host

log = logs.get(__name__)

# Renews what it is given (attempt -> fence, attempt -> what was seen) and says how each stands; raises Unavailable
# while the database is away.
Renew = Callable[[Mapping[int, int], Mapping[int, Sign]], list[HeldLease]]


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
    renewed_at: float = field(default_factory=host.boot_seconds)
    """When the lease was last known to be ours, by a clock that goes on while the machine sleeps."""
    active_at: float = field(default_factory=clock.monotonic)
    """The agent's last sign of life: output, a command, changed work."""
    progress_at: float = field(default_factory=clock.monotonic)
    """When its work was last seen to have changed."""
    told_active_at: float = 0.0
    told_progress_at: float = 0.0

    def __post_init__(self) -> None:
        # The claim and the start of a run say so in SQL themselves.
        self.told_active_at, self.told_progress_at = self.active_at, self.progress_at

    def note_life(self) -> None:
        """The agent gave a sign of life."""
        self.active_at = clock.monotonic()

    def note_progress(self) -> None:
        """The agent's work has changed."""
        self.active_at = self.progress_at = clock.monotonic()

    def sign(self) -> Sign | None:
        """What is to be told of this session; None when there is nothing new."""
        now = clock.monotonic()
        silent_s = now - self.active_at if self.active_at != self.told_active_at else None
        idle_s = now - self.progress_at if self.progress_at != self.told_progress_at else None
        return Sign(silent_s, idle_s) if silent_s is not None or idle_s is not None else None

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
        """Whether somebody took the bead off its hook, gave the attempt up, or shuts the town down."""
        # Named one by one: a word that somebody wrote into the row by hand ends no session.
        return self._wants in (Desired.STOP, Desired.HAND_OVER, Desired.GIVE_UP)

    @property
    def is_asked_to_restart(self) -> bool:
        """Whether the agent is to be ended and started again in the same attempt."""
        return self._wants is Desired.RESTART

    @property
    def _wants(self) -> Desired | None:
        return self.standing.desired if self.standing is not None and self.standing.is_mine else None


class LeaseBook:
    """Renews every lease of the process every `heartbeat_s`; costs nothing while there are none.

    While the database does not answer nothing is decided: agents go on, and each keeper ends its session when its
    grace, counted from the last heartbeat that succeeded, is over.
    """

    def __init__(self, renew: Renew, *, heartbeat_s: float, grace_s: float, ttl_s: float = 60.0) -> None:
        self._renew = renew
        self.heartbeat_s = heartbeat_s
        self.grace_s = grace_s
        self.ttl_s = ttl_s
        self._beating = threading.Lock()
        self.last_beat = clock.monotonic()
        self._entries: dict[int, Entry] = {}
        self._lock = threading.Lock()
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None

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

    def may_act(self, entry: Entry) -> bool:
        """Whether effects may go out under this lease: it is known to be ours. Asks the database when that is long ago.

        A process that was stopped, or cut off, for longer than the TTL finds out here before it pushes or answers.
        """
        if host.boot_seconds() - entry.renewed_at > self.ttl_s:
            self.beat()
        return host.boot_seconds() - entry.renewed_at <= self.ttl_s and not entry.is_lost

    def find(self, assignment_id: int) -> Entry | None:
        """What is held under this number."""
        with self._lock:
            return self._entries.get(assignment_id)

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
        with self._beating:
            entries = self.entries()
            if entries:
                self._beat(entries)

    def _beat(self, entries: list[Entry]) -> None:
        asked_at = host.boot_seconds()
        told = {entry.assignment_id: (entry.active_at, entry.progress_at) for entry in entries}
        signs = {entry.assignment_id: sign for entry in entries if (sign := entry.sign()) is not None}
        try:
            standings = self._renew({entry.assignment_id: entry.fence for entry in entries}, signs)
        except Unavailable as error:
            log.warning("leases not renewed, agents go on: %s", error)
            return
        self.last_beat = clock.monotonic()
        found = {standing.assignment_id: standing for standing in standings}
        with self._lock:
            for entry in entries:
                entry.told_active_at, entry.told_progress_at = told[entry.assignment_id]
                self._note(entry, found.get(entry.assignment_id), asked_at)

    def _note(self, entry: Entry, standing: HeldLease | None, asked_at: float) -> None:
        # An attempt whose row is gone is over, whoever removed it.
        gone = HeldLease(entry.assignment_id, entry.fence, is_mine=False, is_over=True, desired=Desired.STOP)
        entry.standing = standing or gone
        entry.renewed_at = asked_at
        folder = entry.folder  # its own thread may clear it between two looks
        if entry.standing.is_mine and folder is not None:
            self._push_deadline(folder)
        if not entry.standing.is_mine or entry.standing.desired is not Desired.RUN:
            entry.stir()

    def _push_deadline(self, folder: Path) -> None:
        try:
            host.touch_deadline(folder, self.grace_s)
        except (GastownError, OSError) as error:
            log.warning("deadline of %s not pushed out: %s", folder, error)
