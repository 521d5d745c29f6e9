"""Settings as their events leave them."""

from collections.abc import Mapping, Sequence

from gastown.events import EventKind, Fact, Step, Tables
from gastown.policy.models import Setting

TABLE = str(Setting.__tablename__)


def _changed(tables: Tables, fact: Fact) -> None:
    key = (fact.of("name"),)
    if fact.of("updated_at") is None:  # back to the default
        tables.rows[TABLE].pop(key, None)
    else:
        tables.put(TABLE, key, fact.say("updated_at", value="new"))


STEPS: Mapping[EventKind, Sequence[Step]] = {EventKind.SETTING_CHANGED: (_changed,)}
