"""Merge requests, heads, gate runs and landing intents as their events leave them."""

from collections.abc import Mapping, Sequence
from typing import Any

from gastown.events import EventKind, Fact, Step, Tables
from gastown.refinery.models import (
    GateRun,
    IntentState,
    LandingIntent,
    MergeHead,
    MergeRequest,
    Refinery,
    RequestState,
    RunState,
)

REQUESTS = str(MergeRequest.__tablename__)
HEADS = str(MergeHead.__tablename__)
RUNS = str(GateRun.__tablename__)
INTENTS = str(LandingIntent.__tablename__)
REFINERIES = str(Refinery.__tablename__)
_NOT_ABOARD = {"seat": None, "aside_at": None}
_NO_CANDIDATE: dict[str, Any] = {
    "base_oid": "",
    "riders": [],
    "candidate_oid": "",
    "tree_oid": "",
    "gate_run_id": None,
    "boarded_at": None,
    "area": "",
    **_NOT_ABOARD,
}


def _request(fact: Fact) -> tuple[Any]:
    return (fact.of("request"),)


def _head(fact: Fact) -> tuple[Any]:
    return (fact.of("head_id"),)


def _run(fact: Fact) -> tuple[Any]:
    return (fact.of("run"),)


def _submitted(tables: Tables, fact: Fact) -> None:
    key = _request(fact)
    values = fact.say("priority", "created_at", queued_at="submitted_at")
    if key not in tables.rows[REQUESTS]:
        values |= {"bead_id": fact.bead_id, "rig": fact.rig}
    head = fact.say("branch", "submitted_at", request_id="request", head_oid="head")
    named = {"assignment_id": fact.assignment_id, "fence": fact.fence, "polecat": fact.agent}
    tables.add(HEADS, _head(fact), {**head, **named})
    state = {"state": RequestState.QUEUED.value, "head_id": fact.of("head_id"), **_NO_CANDIDATE}
    tables.put(REQUESTS, key, {**values, **state})
    if fact.of("superseded") is not None:
        tables.change(HEADS, (fact.of("superseded"),), {"result": "superseded"})


def _boarded(tables: Tables, fact: Fact) -> None:
    values = fact.say("boarded_at", base_oid="base", candidate_oid="candidate", tree_oid="tree")
    # An event of before there were trains names the run, and no seat; one of the common train names no area.
    place = {"gate_run_id": fact.payload.get("run"), "seat": fact.payload.get("seat"), "aside_at": None}
    place |= {"riders": fact.payload.get("riders", []), "area": fact.payload.get("area", "")}
    tables.change(REQUESTS, _request(fact), {**values, **place, "state": RequestState.TESTING.value})


def _set_aside(tables: Tables, fact: Fact) -> None:
    tables.change(REQUESTS, _request(fact), {**fact.say("aside_at"), "seat": None})


def _retested(tables: Tables, fact: Fact) -> None:
    tables.change(REQUESTS, _request(fact), fact.say(gate_run_id="run"))


def _requeued(tables: Tables, fact: Fact) -> None:
    tables.change(REQUESTS, _request(fact), {**_NO_CANDIDATE, "state": RequestState.QUEUED.value})


def _hurried(tables: Tables, fact: Fact) -> None:
    tables.change(REQUESTS, _request(fact), fact.say("priority"))


def _returned(tables: Tables, fact: Fact) -> None:
    key = _request(fact)
    tables.change(REQUESTS, key, {**_NO_CANDIDATE, "state": RequestState.RETURNED.value})
    tables.change(HEADS, _head(fact), fact.say(result="reason"))
    # What a person returns costs the request nothing.
    if fact.of("retries") != tables.get(REQUESTS, key)["retries"]:
        tables.count(REQUESTS, key, "retries", fact.of("retries"))


def _pull_opened(tables: Tables, fact: Fact) -> None:
    values = fact.say(pull_number="number", pull_url="url")
    tables.change(REQUESTS, _request(fact), {**_NO_CANDIDATE, **values, "state": RequestState.QUEUED.value})


def _pull_closed(tables: Tables, fact: Fact) -> None:
    tables.change(REQUESTS, _request(fact), {"pull_number": None, "pull_url": ""})


def _cancelled(tables: Tables, fact: Fact) -> None:
    tables.change(REQUESTS, _request(fact), {**_NO_CANDIDATE, "state": RequestState.CANCELLED.value})
    if "head_id" in fact.payload:  # else it is not in the books any more
        tables.change(HEADS, _head(fact), fact.say("result"))


def _intended(tables: Tables, fact: Fact) -> None:
    same = fact.say(base_oid="base", tree_oid="tree", gate_run_id="run")
    # An event of before a landing could be of several commits names the last one alone.
    own = "candidate" if "candidate" in fact.payload else "new"
    candidate = fact.say("boarded_at", candidate_oid=own)
    riders = fact.payload.get("riders", [])
    state = {"state": RequestState.LANDING.value, "riders": riders, **_NOT_ABOARD}
    tables.change(REQUESTS, _request(fact), {**same, **candidate, **state})
    if (fact.of("intent"),) in tables.rows[INTENTS]:
        return  # another rider's event of the same landing has told of it
    last = ("last_head", "last") if "last" in fact.payload else ("head_id", "request")
    values = fact.say("created_at", new_oid="new", fence="lease", head_id=last[0], request_id=last[1])
    named = {"rig": fact.rig, "state": IntentState.OPEN.value, "riders": riders}
    tables.add(INTENTS, (fact.of("intent"),), {**same, **values, **named})


def _voided(tables: Tables, fact: Fact) -> None:
    values = fact.say("closed_at", "why", "refused")
    tables.change(INTENTS, (fact.of("intent"),), {**values, "state": IntentState.VOID.value})
    if "request" in fact.payload:  # else it is not in the books any more
        _requeued(tables, fact)


def _landed(tables: Tables, fact: Fact) -> None:
    tables.change(INTENTS, (fact.of("intent"),), {**fact.say(closed_at="landed_at"), "state": IntentState.LANDED.value})
    values = fact.say("landed_at", landed_oid="sha")
    tables.change(REQUESTS, _request(fact), {**values, "state": RequestState.LANDED.value})
    tables.change(HEADS, _head(fact), {"result": "landed"})


def _run_requested(tables: Tables, fact: Fact) -> None:
    values = fact.say("attempt", "created_at", request_id="request", base_oid="base", head_oid="head")
    values |= fact.say(commit_oid="commit", tree_oid="tree", config_hash="config")
    named = {"rig": fact.rig, "bead_id": fact.bead_id, "state": RunState.REQUESTED.value}
    named["riders"] = fact.payload.get("riders", [])
    tables.add(RUNS, _run(fact), {**values, **named})


def _run_started(tables: Tables, fact: Fact) -> None:
    values = fact.say("holder", "host", "started_at")
    tables.change(RUNS, _run(fact), {**values, "state": RunState.RUNNING.value})


def _run_finished(tables: Tables, fact: Fact) -> None:
    values = fact.say("verdict", "results", "finished_at")
    tables.change(RUNS, _run(fact), {**values, "state": RunState.FINISHED.value})


def _run_advised(tables: Tables, fact: Fact) -> None:
    tables.change(RUNS, _run(fact), fact.say("results"))


def _run_expired(tables: Tables, fact: Fact) -> None:
    tables.change(RUNS, _run(fact), {"state": RunState.REQUESTED.value, "holder": None})


def _run_cancelled(tables: Tables, fact: Fact) -> None:
    values = fact.say("finished_at")
    tables.change(RUNS, _run(fact), {**values, "state": RunState.CANCELLED.value, "holder": None})


def _verdicts_voided(tables: Tables, fact: Fact) -> None:
    for run in fact.of("runs"):
        tables.change(RUNS, (run,), {"is_void": True})
    for intent in fact.of("intents"):
        tables.change(INTENTS, (intent,), {"refused": False})


def _target_found(tables: Tables, fact: Fact) -> None:
    tables.put(REFINERIES, (fact.rig,), fact.say(first_oid="oid"))


STEPS: Mapping[EventKind, Sequence[Step]] = {
    EventKind.REQUEST_SUBMITTED: (_submitted,),
    EventKind.REQUEST_BOARDED: (_boarded,),
    EventKind.REQUEST_SET_ASIDE: (_set_aside,),
    EventKind.REQUEST_RETESTED: (_retested,),
    EventKind.REQUEST_REQUEUED: (_requeued,),
    EventKind.REQUEST_HURRIED: (_hurried,),
    EventKind.REQUEST_RETURNED: (_returned,),
    EventKind.REQUEST_CANCELLED: (_cancelled,),
    EventKind.REQUEST_PULL_OPENED: (_pull_opened,),
    EventKind.REQUEST_PULL_CLOSED: (_pull_closed,),
    EventKind.REQUEST_LANDED: (_landed,),
    EventKind.LANDING_INTENDED: (_intended,),
    EventKind.LANDING_VOIDED: (_voided,),
    EventKind.GATE_RUN_REQUESTED: (_run_requested,),
    EventKind.GATE_RUN_STARTED: (_run_started,),
    EventKind.GATE_RUN_FINISHED: (_run_finished,),
    EventKind.GATE_RUN_ADVISED: (_run_advised,),
    EventKind.GATE_RUN_EXPIRED: (_run_expired,),
    EventKind.GATE_RUN_CANCELLED: (_run_cancelled,),
    EventKind.VERDICTS_VOIDED: (_verdicts_voided,),
    EventKind.TARGET_FOUND: (_target_found,),
}
