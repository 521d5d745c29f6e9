"""Following the feed while it grows."""

from collections.abc import Sequence

from sqlmodel import Session

from gastown.db import is_sqlite
from gastown.events import feed
from gastown.events.models import Event

# PostgreSQL gives numbers before commits: an event may appear after later ones were seen. So far back we look again.
_OVERLAP = 500
_BATCH = 1000


class Tail:
    """What happens from now on, each event once, in the order in which it becomes visible."""

    def __init__(self, session: Session, *, rig: str | None = None) -> None:
        self._rig = rig
        self._overlap = 0 if is_sqlite(session) else _OVERLAP
        self._newest = feed.latest_id(session)
        self._seen = {event.id for event in feed.after(session, self._newest - self._overlap)}

    def read(self, session: Session) -> Sequence[Event]:
        """What became visible since the last call."""
        found = feed.after(session, self._newest - self._overlap, limit=self._overlap + _BATCH)
        fresh = [event for event in found if event.id not in self._seen]
        self._newest = max((event.id or 0 for event in fresh), default=self._newest)
        self._seen = {event.id for event in found if (event.id or 0) > self._newest - self._overlap}
        return [event for event in fresh if self._rig in (None, event.rig)]
