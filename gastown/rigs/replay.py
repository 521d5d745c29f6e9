"""Rigs and their gates as their events leave them."""

from collections.abc import Mapping, Sequence
from typing import Any

from gastown.events import EventKind, Fact, Step, Tables
from gastown.rigs.models import Gate, Rig

TABLE = str(Rig.__tablename__)
GATES = str(Gate.__tablename__)
_ADDED = ("prefix", "branch", "no_gates", "push_atomic", "push_fence", "updates_checkout", "created_at")
# Words of an event that changes a rig which are no column of it.
_GATE_WORDS = frozenset({"gates", "timeouts", "checks"})


def _added(tables: Tables, fact: Fact) -> None:
    # An event of before there were styles of landing, or areas, names none.
    landing = {name: fact.payload[name] for name in ("landing", "provider", "areas") if name in fact.payload}
    tables.add(TABLE, (fact.rig,), {**fact.say(*_ADDED, setup_command="setup", agent="preset"), **landing})
    _set_gates(tables, fact.rig, fact.of("checks"))


def _set_gates(tables: Tables, rig: str | None, checks: Sequence[Mapping[str, Any]]) -> None:
    for key in [key for key in tables.rows[GATES] if key[0] == rig]:
        tables.drop(GATES, key)
    for position, check in enumerate(checks):
        said = {name: value for name, value in check.items() if name != "name"}
        tables.add(GATES, (rig, check["name"]), {**said, "position": position})


def _updated(tables: Tables, fact: Fact) -> None:
    changed = dict(fact.of("changed"))
    tables.change(TABLE, (fact.rig,), {name: changed[name] for name in changed if name not in _GATE_WORDS})
    if "gates" in changed:
        _set_gates(tables, fact.rig, changed["checks"])


def _removed(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.rig,), fact.say("removed_at"))


def _parked(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.rig,), fact.say("is_parked"))


def _docked(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.rig,), fact.say("is_docked"))


def _frozen(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.rig,), fact.say("frozen_at", "frozen_why"))


def _queue_paused(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.rig,), fact.say("queue_paused_at", "queue_paused_why"))


def _target(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.rig,), fact.say(target_oid="oid", target_state="state"))


STEPS: Mapping[EventKind, Sequence[Step]] = {
    EventKind.RIG_ADDED: (_added,),
    EventKind.RIG_UPDATED: (_updated,),
    EventKind.RIG_REMOVED: (_removed,),
    EventKind.RIG_PARKED: (_parked,),
    EventKind.RIG_UNPARKED: (_parked,),
    EventKind.RIG_DOCKED: (_docked,),
    EventKind.RIG_UNDOCKED: (_docked,),
    EventKind.RIG_FROZEN: (_frozen,),
    EventKind.RIG_THAWED: (_frozen,),
    EventKind.QUEUE_PAUSED: (_queue_paused,),
    EventKind.QUEUE_RESUMED: (_queue_paused,),
    EventKind.TARGET_RED: (_target,),
    EventKind.TARGET_GREEN: (_target,),
    EventKind.TARGET_MOVED: (_target,),
}
