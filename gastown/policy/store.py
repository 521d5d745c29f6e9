"""Reading and changing settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from gastown import clock
from gastown.events import EventKind, record, say_time
from gastown.ids import check_label_name
from gastown.policy.keys import KEYS, Value, check_together, get_key, parse
from gastown.policy.models import Setting

PRESET_PREFIX = "preset."
DEFAULT_AGENT = "default_agent"
_HELD = "gastown.policy"


@dataclass(frozen=True)
class Policy:
    """Every setting's value at one moment."""

    values: Mapping[str, Value]

    def number(self, name: str) -> float:
        """A numeric setting."""
        return float(self.values[name])

    def count(self, name: str) -> int:
        """A whole-number setting."""
        return int(self.values[name])

    def text(self, name: str) -> str:
        """A text setting."""
        return str(self.values[name])


def load(session: Session) -> Policy:
    """All settings, defaults filled in."""
    held = session.info.get(_HELD)
    if isinstance(held, Policy):
        return held
    changed = {row.name: row.value for row in session.exec(select(Setting)).all()}
    return Policy({name: changed.get(name, key.default) for name, key in KEYS.items()})


def hold(session: Session, values: Policy) -> None:
    """Let `load` answer these for a session that only reads: of many looks in a row, each would ask for the same."""
    session.info[_HELD] = values


def set_value(session: Session, name: str, text: str, *, actor: str) -> Value:
    """Change one setting for the whole town; refuse what `parse` and `check_together` refuse, and unknown presets."""
    value = parse(name, text)
    check_together({**load(session).values, name: value})
    if name == DEFAULT_AGENT:
        from gastown import runtimes  # which most readers of settings do without

        runtimes.catalog.get(text, presets(session))
    row = _lock(session, name)
    now = clock.now()
    old = row.value if row else KEYS[name].default
    if row is None:
        session.add(Setting(name=name, value=value, updated_at=now))
    else:
        row.value, row.updated_at = value, now
    _tell(session, name, actor=actor, old=old, new=value, updated_at=say_time(now))
    return value


def _lock(session: Session, name: str) -> Setting | None:
    session.flush()
    return session.get(Setting, name, with_for_update=True, populate_existing=True)


def _tell(session: Session, name: str, *, actor: str, **values: Any) -> None:
    """`updated_at` is empty where the setting went back to its default."""
    record(session, EventKind.SETTING_CHANGED, actor=actor, **{"name": name, **values})


def clear_value(session: Session, name: str, *, actor: str) -> Value:
    """Go back to the default."""
    default = get_key(name).default
    check_together({**load(session).values, name: default})
    row = _lock(session, name)
    if row is not None:
        session.delete(row)
        _tell(session, name, actor=actor, old=row.value, new=default, updated_at=None)
    return default


def presets(session: Session) -> dict[str, dict[str, object]]:
    """The agent presets that this town added or changed, by name (kept as settings called `preset.<name>`)."""
    rows = session.exec(select(Setting).where(col(Setting.name).startswith(PRESET_PREFIX))).all()
    return {row.name.removeprefix(PRESET_PREFIX): dict(row.value) for row in rows}


def set_preset(session: Session, name: str, values: dict[str, object], *, actor: str) -> None:
    """Add or change an agent preset, or, without values, forget the town's own; the caller has checked `values`."""
    key = PRESET_PREFIX + check_label_name(name)
    row = _lock(session, key)
    now = clock.now()
    if row is not None and not values:
        session.delete(row)
    elif row is not None:
        row.value, row.updated_at = values, now
    elif values:
        session.add(Setting(name=key, value=values, updated_at=now))
    session.flush()
    _tell(session, key, actor=actor, new=values, updated_at=say_time(now) if values else None)
