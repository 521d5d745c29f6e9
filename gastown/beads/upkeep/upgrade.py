"""Which version of the program the store's keepers have taken note of."""

from typing import Any

from sqlmodel import Session

from gastown import __version__
from gastown.beads.words.configuration import get_config, set_config

_SEEN = "upgrade.acknowledged"


def upgrade_json(session: Session) -> dict[str, Any]:
    """This version, the one that was acknowledged last, and whether they differ."""
    seen = get_config(session, _SEEN)
    return {"current_version": __version__, "acknowledged_version": seen or None, "unacknowledged": seen != __version__}


def acknowledge(session: Session, *, actor: str) -> bool:
    """Take note of this version; False when that was done before."""
    return set_config(session, _SEEN, __version__, actor=actor)
