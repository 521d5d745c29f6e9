"""Events in words, for people who watch. Pure."""

from collections.abc import Callable, Mapping

from gastown.events import Event, EventKind

CONFLICT = "conflict"
_SHORT_OID = 10


def narrate(event: Event, titles: Mapping[str, str]) -> str | None:
    """What happened, in one line; None for what nobody needs to see."""
    tell = _WORDS.get(event.kind)
    if tell is None or (event.bead_id and event.bead_id not in titles):
        return None
    words = tell(event)
    if words is None:
        return None
    subject = f"{event.bead_id} ({titles[event.bead_id]})" if event.bead_id else (event.rig or "town")
    return f"{subject}: {words}"


def _agent(event: Event) -> str:
    return (event.agent or "an agent").rpartition("/")[2]


def _started(event: Event) -> str:
    if event.payload.get("run", 1) > 1:
        return f"{_agent(event)} is started again in the same worktree"
    return f"{_agent(event)} starts, attempt {event.fence}"


def _ended(event: Event) -> str | None:
    signal = event.payload.get("exit_signal")
    return f"DIED: {_agent(event)} was killed by signal {signal}" if signal else None


def _returned(event: Event) -> str:
    what = event.payload.get("summary") or event.payload.get("reason", "")
    word = "CONFLICT" if event.payload.get("reason") == CONFLICT else "RED"
    return f"{word}: {what} Back to {_agent(event)}"


def _adopted(event: Event) -> str:
    return f"ADOPTED: {_agent(event)} went on working without a worker; the restarted one has the session now"


def _worker(event: Event) -> str:
    return f"worker {event.payload.get('role', '')} is there (pid {event.payload.get('pid', '?')})"


_WORDS: Mapping[EventKind, Callable[[Event], str | None]] = {
    EventKind.SESSION_STARTED: _started,
    EventKind.SESSION_ENDED: _ended,
    EventKind.ASSIGNMENT_ADOPTED: _adopted,
    EventKind.ASSIGNMENT_SUBMITTED: lambda event: f"{_agent(event)} hands in",
    EventKind.REQUEST_RETURNED: _returned,
    EventKind.REQUEST_LANDED: lambda event: f"LANDED as {str(event.payload.get('sha', ''))[:_SHORT_OID]}",
    EventKind.BEAD_ESCALATED: lambda event: f"ESCALATED: {event.payload.get('reason', '')}",
    EventKind.TARGET_RED: lambda _event: "main is RED: nothing lands",
    EventKind.WORKER_STARTED: _worker,
    EventKind.CONVOY_LANDED: lambda _event: "the convoy has landed",
}
