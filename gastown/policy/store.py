"""Reading and changing settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import clock
from gastown.events import EventKind, record
from gastown.ids import check_label_name
from gastown.policy.keys import KEYS, Value, check_together, get_key, parse
from gastown.policy.models import Setting

PRESET_PREFIX = "preset."
DEFAULT_AGENT = "default_agent"


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
    changed = {row.name: row.value for row in session.exec(select(Setting)).all()}
    return Policy({name: changed.get(name, key.default) for name, key in KEYS.items()})


def set_value(session: Session, name: str, text: str, *, actor: str) -> Value:
    """Change one setting for the whole town; refuse what `parse` and `check_together` refuse, and unknown presets."""
    value = parse(name, text)
    check_together({**load(session).values, name: value})
    if name == DEFAULT_AGENT:
        from gastown import runtimes  # which most readers of settings do without

        runtimes.catalog.get(text, presets(session))
    row = session.get(Setting, name)
    old = row.value if row else KEYS[name].default
    if row is None:
        session.add(Setting(name=name, value=value, updated_at=clock.now()))
    else:
        row.value, row.updated_at = value, clock.now()
    record(session, EventKind.SETTING_CHANGED, actor=actor, name=name, old=old, new=value)
    return value


def clear_value(session: Session, name: str, *, actor: str) -> Value:
    """Go back to the default."""
    default = get_key(name).default
    check_together({**load(session).values, name: default})
    row = session.get(Setting, name)
    if row is not None:
        session.delete(row)
        record(session, EventKind.SETTING_CHANGED, actor=actor, name=name, old=row.value, new=default)
    return default


def presets(session: Session) -> dict[str, dict[str, object]]:
    """The agent presets that this town added or changed, by name (kept as settings called `preset.<name>`)."""
    rows = session.exec(select(Setting).where(col(Setting.name).startswith(PRESET_PREFIX))).all()
    return {row.name.removeprefix(PRESET_PREFIX): dict(row.value) for row in rows}


def set_preset(session: Session, name: str, values: dict[str, object], *, actor: str) -> None:
    """Add or change an agent preset, or, without values, forget the town's own; the caller has checked `values`."""
    key = PRESET_PREFIX + check_label_name(name)
    row = session.get(Setting, key)
    if row is not None and not values:
        session.delete(row)
    elif row is not None:
        row.value, row.updated_at = values, clock.now()
    elif values:
        session.add(Setting(name=key, value=values, updated_at=clock.now()))
    session.flush()
    record(session, EventKind.SETTING_CHANGED, actor=actor, name=key, new=values)
