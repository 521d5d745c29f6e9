"""Attempts as their events leave them."""

from collections.abc import Mapping, Sequence
from typing import Any

from gastown.assignments.models import Assignment, AssignmentState
from gastown.assignments.runs import TOTALS
from gastown.events import Contradiction, EventKind, Fact, Key, Step, Tables

TABLE = str(Assignment.__tablename__)
FENCE = "fence"


def restore(tables: Tables, table: str, row: Mapping[str, Any]) -> None:
    """Count the fences of a snapshot's rows, which are in no order."""
    if table == TABLE:
        series = (FENCE, row["bead_id"])
        tables.highest[series] = max(row["fence"], tables.highest.get(series, 0))


def _key(tables: Tables, fact: Fact) -> Key:
    """The attempt that an event speaks of, under the fence that it names."""
    key = (fact.assignment_id,)
    row = tables.get(TABLE, key)
    if row["fence"] != fact.fence:
        raise Contradiction(f"names fence {fact.fence} of attempt {fact.assignment_id}, whose fence is {row['fence']}")
    return key


def _slung(tables: Tables, fact: Fact) -> None:
    values = fact.say("preset", "reason", "priority", "slung_by", "not_before", "preferred", "preferred_until")
    values |= fact.say("notes", "base_oid", "rework", "created_at")
    named = {"bead_id": fact.bead_id, "rig": fact.rig, "fence": fact.fence, "state": AssignmentState.WAITING.value}
    tables.add(TABLE, (fact.assignment_id,), {**values, **named})
    tables.follow(FENCE, fact.bead_id, fact.fence)


def _offered(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, _key(tables, fact), {"state": AssignmentState.OFFERED.value})


def _claimed(tables: Tables, fact: Fact) -> None:
    values = fact.say("holder", "host", "claimed_at")
    tables.change(TABLE, _key(tables, fact), {**values, "state": AssignmentState.RUNNING.value, "polecat": fact.agent})


def _adopted(tables: Tables, fact: Fact) -> None:
    key = _key(tables, fact)
    tables.change(TABLE, key, fact.say("holder"))
    # Only an adoption from a holder that died counts.
    if fact.of("adoptions") != tables.get(TABLE, key)["adoptions"]:
        tables.count(TABLE, key, "adoptions", fact.payload["adoptions"])


def _ended(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, _key(tables, fact), fact.say("state", "outcome", "head_oid", "ended_at"))


def _asked(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, _key(tables, fact), {**fact.say("desired"), "outcome": str(fact.of("why"))[:1000]})


def _noted(tables: Tables, fact: Fact) -> None:
    known = {name: fact.payload[name] for name in _NOTED if name in fact.payload}
    tables.change(TABLE, _key(tables, fact), known)


_NOTED = ("branch", "base_oid", "head_oid", "notes", "desired", "outcome", "progress_at")


def _restarts(tables: Tables, fact: Fact) -> None:
    tables.count(TABLE, _key(tables, fact), "restarts", fact.of("restarts"))


def _saved(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, _key(tables, fact), fact.say("head_oid"))


def _run_started(tables: Tables, fact: Fact) -> None:
    key = _key(tables, fact)
    tables.change(TABLE, key, fact.say("branch", "base_oid", "agent_session_id", "started_at", "desired"))
    tables.count(TABLE, key, "runs", fact.of("run"))


def _run_ended(tables: Tables, fact: Fact) -> None:
    totals = fact.of("totals")
    tables.change(TABLE, _key(tables, fact), {name: totals[name] for name in TOTALS})


STEPS: Mapping[EventKind, Sequence[Step]] = {
    EventKind.ASSIGNMENT_SLUNG: (_slung,),
    EventKind.ASSIGNMENT_OFFERED: (_offered,),
    EventKind.ASSIGNMENT_CLAIMED: (_claimed,),
    EventKind.ASSIGNMENT_ADOPTED: (_adopted,),
    EventKind.ASSIGNMENT_SUBMITTED: (_ended,),
    EventKind.ASSIGNMENT_ENDED: (_ended,),
    EventKind.ASSIGNMENT_STOP_ASKED: (_asked,),
    EventKind.ASSIGNMENT_RESTART_ASKED: (_asked, _restarts),
    EventKind.ASSIGNMENT_NOTED: (_noted,),
    EventKind.SESSION_STARTED: (_run_started,),
    EventKind.SESSION_ENDED: (_run_ended,),
    EventKind.WORK_SAVED: (_saved,),
}
