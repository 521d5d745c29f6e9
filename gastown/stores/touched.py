"""Which bead was touched last in a store: what verbs without an id act on. A convenience, and never worth an error."""

import contextlib
import os
from pathlib import Path

from gastown.config import Settings

_FILE = "last-touched"
_LIMIT = 512  # bytes that are read


def _path(settings: Settings) -> Path:
    # A town's folder is its user's alone; a project's folder may be several people's.
    return settings.town / (_FILE if settings.is_town else f"{_FILE}-{os.getuid()}")


def remember_touched(settings: Settings, bead_id: str) -> None:
    """Note the bead; where that cannot be written nothing is noted."""
    path = _path(settings)
    waiting = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        waiting.write_text(bead_id + "\n", encoding="utf-8")
        waiting.replace(path)


def last_touched(settings: Settings) -> str | None:
    """The bead that was noted last."""
    try:
        return _path(settings).read_bytes()[:_LIMIT].decode().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
