"""The records: I17 to I20 and I23. The log is whole and replays, what must be told is told, costs are booked once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gastown.assignments import AssignmentState
from gastown.beads import BeadStatus
from gastown.chaos.evidence import Evidence, Invariant, Note, Row
from gastown.chaos.invariants.agents import processes
from gastown.chaos.invariants.merge import BY_GATES
from gastown.chaos.reading import by_bead, by_payload, collected, indexed, is_landing, of_kind, table
from gastown.events import EventKind
from gastown.queue import Task

# What each state is left by, and where it leads: (states that it may follow, state after it). "" is before the first.
_Steps = Mapping[EventKind, tuple[frozenset[str], str]]


def _step(before: str, after: str) -> tuple[frozenset[str], str]:
    return frozenset(word if word != "-" else "" for word in before.split()), after


_REQUEST: _Steps = {
    EventKind.REQUEST_SUBMITTED: _step("- queued testing returned", "queued"),
    EventKind.REQUEST_BOARDED: _step("queued testing", "testing"),
    EventKind.REQUEST_SET_ASIDE: _step("testing", "testing"),
    EventKind.REQUEST_REQUEUED: _step("queued testing", "queued"),
    EventKind.REQUEST_HURRIED: _step("queued", "queued"),
    EventKind.REQUEST_PULL_OPENED: _step("queued testing", "queued"),
    EventKind.LANDING_INTENDED: _step("queued testing", "landing"),
    EventKind.LANDING_VOIDED: _step("landing", "queued"),
    EventKind.REQUEST_LANDED: _step("landing", "landed"),
    EventKind.REQUEST_RETURNED: _step("queued testing", "returned"),
    EventKind.REQUEST_CANCELLED: _step("queued testing returned", "cancelled"),
}
_RUN: _Steps = {
    EventKind.GATE_RUN_REQUESTED: _step("-", "requested"),
    EventKind.GATE_RUN_STARTED: _step("requested running", "running"),  # from a runner whose lease has expired
    EventKind.GATE_RUN_EXPIRED: _step("running", "requested"),
    EventKind.GATE_RUN_FINISHED: _step("running", "finished"),
    EventKind.GATE_RUN_CANCELLED: _step("requested running", "cancelled"),
}
_INTENT: _Steps = {
    EventKind.LANDING_INTENDED: _step("-", "open"),
    EventKind.REQUEST_LANDED: _step("open", "landed"),
    EventKind.LANDING_VOIDED: _step("open", "void"),
}
_CONVOY: _Steps = {
    EventKind.CONVOY_CREATED: _step("-", "open"),
    EventKind.CONVOY_LANDED: _step("open", "landed"),
    EventKind.CONVOY_REOPENED: _step("landed", "open"),
}
_ATTEMPT: _Steps = {
    EventKind.ASSIGNMENT_SLUNG: _step("-", "waiting"),
    EventKind.ASSIGNMENT_OFFERED: _step("waiting", "offered"),
    EventKind.ASSIGNMENT_CLAIMED: _step("offered", "running"),
    EventKind.ASSIGNMENT_ADOPTED: _step("running", "running"),
    EventKind.ASSIGNMENT_SUBMITTED: _step("running", "submitted"),
    EventKind.ASSIGNMENT_ENDED: _step("waiting offered running", ""),  # its payload says which
}

# Whoever must act on a fact is rung for it.
_RINGS: Mapping[EventKind, Task] = {
    EventKind.ASSIGNMENT_OFFERED: Task.SUPERVISE,
    EventKind.REQUEST_SUBMITTED: Task.REFINERY_STEP,
    EventKind.GATE_RUN_REQUESTED: Task.GATE_RUN,
    EventKind.GATE_RUN_FINISHED: Task.REFINERY_STEP,
    EventKind.GATE_RUN_EXPIRED: Task.GATE_RUN,
    EventKind.BEAD_CLOSED: Task.REACT,
    EventKind.BEAD_ESCALATED: Task.REACT,
    EventKind.ASSIGNMENT_ENDED: Task.REACT,
    EventKind.ASSIGNMENT_SUBMITTED: Task.REACT,
}


@collected
def log_replays(evidence: Evidence) -> Iterator[str]:
    """I17."""
    yield from evidence.replay_differences


@collected
def nothing_is_missing(evidence: Evidence) -> Iterator[str]:
    """I18. The log has no numbers by aggregate; instead each one's events must follow from each other to its row."""
    chains: tuple[tuple[_Steps, str, str], ...] = (
        (_REQUEST, "request", "merge_requests"),
        (_RUN, "run", "gate_runs"),
        (_INTENT, "intent", "landing_intents"),
        (_CONVOY, "convoy", "convoys"),
    )
    for steps, name, rows in chains:
        column = "status" if rows == "convoys" else "state"
        found = by_payload(of_kind(evidence, *steps), name)
        if steps is _INTENT:
            found = {key: _once_told(events) for key, events in found.items()}
        yield from _chains(steps, found, f"{name} ", {row["id"]: row[column] for row in table(evidence, rows)})
    yield from _untested(evidence)
    numbers: dict[Any, list[Row]] = defaultdict(list)
    for event in of_kind(evidence, *_ATTEMPT):
        numbers[event["assignment_id"]].append(event)
    rows_of = indexed(evidence, "assignments")
    yield from _chains(_ATTEMPT, numbers, "attempt ", {number: row["state"] for number, row in rows_of.items()})
    yield from _holders(numbers, rows_of)
    yield from _statuses(evidence)
    yield from _counted(evidence)


def _chains(steps: _Steps, found: Mapping[Any, Sequence[Row]], name: str, rows: Mapping[Any, str]) -> Iterator[str]:
    for key in dict.fromkeys([*found, *rows]):
        state = ""
        for event in found.get(key, ()):
            before, after = steps[event["kind"]]
            if state not in before:
                yield f"{name}{key}: event {event['id']} {event['kind']} does not follow from {state or 'nothing'}"
            state = after or str(event["payload"].get("state", ""))
        if state != rows.get(key, ""):
            yield f"{name}{key}: its events lead to {state or 'nothing'}, its row says {rows.get(key, 'nothing')}"


def _once_told(events: Sequence[Row]) -> list[Row]:
    """Of a landing each rider has an event; the first of each kind tells of the landing."""
    return list({event["kind"]: event for event in reversed(events)}.values())[::-1]


def _untested(evidence: Evidence) -> Iterator[str]:
    """What gates have judged had boarded: returned as red, or landed as a commit of ours after a run."""
    boarded: set[Any] = set()
    for event in of_kind(evidence, *_REQUEST):
        said = event["payload"]
        if event["kind"] == EventKind.REQUEST_BOARDED:
            boarded.add(said["request"])
            continue
        if event["kind"] == EventKind.REQUEST_SET_ASIDE:
            continue
        is_landing_of_ours = event["kind"] == EventKind.LANDING_INTENDED and said["base"] != said["new"]
        is_judged = (is_landing_of_ours and said.get("run") is not None) or said.get("reason") in BY_GATES
        if is_judged and said["request"] not in boarded:
            yield f"request {said['request']}: event {event['id']} {event['kind']}, and it had not boarded"
        boarded.discard(said["request"])


def _holders(numbers: Mapping[Any, Sequence[Row]], rows: Mapping[Any, Row]) -> Iterator[str]:
    """An adoption names whom it took the lease from; the last holder is in the row."""
    for number, events in numbers.items():
        holder = ""
        for event in events:
            said = event["payload"]
            if event["kind"] == EventKind.ASSIGNMENT_ADOPTED and said["old_holder"] != holder:
                yield f"attempt {number}: event {event['id']} took it from {said['old_holder']}, {holder} held it"
            holder = said.get("holder") or holder
        if number in rows and (rows[number]["holder"] or "") != holder:
            yield f"attempt {number}: {holder or 'nobody'} held it last, its row says {rows[number]['holder']}"


def _statuses(evidence: Evidence) -> Iterator[str]:
    """A bead's events name the status before each of them (what lands was submitted); the last one is in its row."""
    kinds = (
        *(EventKind.BEAD_CREATED, EventKind.BEAD_IMPORTED, EventKind.BEAD_UPDATED, EventKind.BEAD_CLAIMED),
        *(EventKind.BEAD_STATUS_CHANGED, EventKind.BEAD_ESCALATED, EventKind.BEAD_CLOSED, EventKind.BEAD_REOPENED),
        EventKind.BEAD_DELETED,
    )
    events, rows = by_bead(of_kind(evidence, *kinds)), indexed(evidence, "beads")
    for bead in dict.fromkeys([*events, *rows]):
        status = ""
        for event in events.get(bead, ()):
            said = event["payload"]
            was = BeadStatus.SUBMITTED if event["kind"] == EventKind.BEAD_CLOSED and is_landing(event) else status
            if said.get("was", was) != status:
                yield f"{bead}: event {event['id']} follows {said.get('was', was)}, it was {status or 'not there'}"
            status = said.get("status") or said.get("bead", {}).get("status") or status
        if bead in rows and rows[bead]["status"] != status:
            yield f"{bead}: its events lead to {status or 'nothing'}, its row says {rows[bead]['status']}"


def _counted(evidence: Evidence) -> Iterator[str]:
    """Runs of an attempt and returns of a request are numbered."""
    yield from _numbered(
        evidence, EventKind.SESSION_STARTED, "run", lambda event: event["assignment_id"], ("assignments", "runs")
    )
    yield from _numbered(
        evidence,
        EventKind.REQUEST_RETURNED,
        "retries",
        lambda event: event["payload"]["request"],
        ("merge_requests", "retries"),
    )


def _numbered(
    evidence: Evidence, kind: EventKind, name: str, of: Callable[[Row], Any], where: tuple[str, str]
) -> Iterator[str]:
    found: dict[Any, list[int]] = defaultdict(list)
    for event in of_kind(evidence, kind):
        found[of(event)].append(event["payload"][name])
    for row in table(evidence, where[0]):
        if found[row["id"]] != list(range(1, row[where[1]] + 1)):
            yield f"{where[0]} {row['id']}: {where[1]} is {row[where[1]]}, the log has {found[row['id']]}"


@collected
def outbox_is_empty(evidence: Evidence) -> Iterator[str]:
    """I19."""
    for event in evidence.events:
        if event["task"] is not None and event["rung_at"] is None:
            yield f"event {event['id']} {event['kind']}: its doorbell {event['task']} was never rung"
        needed = _RINGS.get(event["kind"])
        if needed is not None and event["task"] != needed:
            yield f"event {event['id']} {event['kind']}: rings {event['task'] or 'nobody'}, not {needed.value}"


@collected
def told_once(evidence: Evidence) -> Iterator[str]:
    """I20. Escalations as the comment that people read, nudges as the agents read them, findings until they clear."""
    comments = by_bead(of_kind(evidence, EventKind.BEAD_COMMENTED))
    asked = by_bead(of_kind(evidence, EventKind.BEAD_ESCALATED))
    told = {
        bead: sum(str(event["payload"].get("text", "")).startswith("Escalated: ") for event in found)
        for bead, found in comments.items()
    }
    for bead in dict.fromkeys([*asked, *told]):
        if told.get(bead, 0) != len(asked.get(bead, ())):
            yield f"{bead}: escalated {len(asked.get(bead, ()))} times, said so {told.get(bead, 0)} times"
    yield from _nudges(evidence)
    raised: dict[tuple[str, str], tuple[str, str]] = {}
    for event in of_kind(evidence, EventKind.FINDING_RAISED, EventKind.FINDING_CLEARED):
        said = event["payload"]
        what, news = (str(said["check"]), str(said["subject"])), (str(said.get("level")), str(said.get("message")))
        if event["kind"] == EventKind.FINDING_CLEARED:
            raised.pop(what, None)
        elif raised.get(what) == news:
            yield f"{what[0]} {what[1]}: raised again by event {event['id']} with nothing new, nobody had cleared it"
        else:
            raised[what] = news


def _nudges(evidence: Evidence) -> Iterator[str]:
    """Each process after an attempt's first is one that was asked again, and reads so once."""
    runs: dict[tuple[str, int], int] = defaultdict(int)
    for event in of_kind(evidence, EventKind.SESSION_STARTED):
        runs[event["bead_id"], event["fence"]] += 1
    for bead, found in processes(evidence.journal).items():
        fences: dict[int, list[list[Note]]] = defaultdict(list)
        for process in found:
            fences[process.fence].append([line.note for line in process.lines])
        for fence, notes in fences.items():
            nudged = sum(said.count(Note.NUDGED) for said in notes)
            unread = sum(Note.NUDGED not in said and len(said) > 1 for said in notes[1:])
            doubled = any(said.count(Note.NUDGED) > 1 for said in notes)
            if unread or doubled or nudged > max(0, runs[bead, fence] - 1):
                yield f"{bead}@{fence}: {len(notes)} processes of {runs[bead, fence]} runs read {nudged} nudges"


@collected
def costs_are_booked_once(evidence: Evidence) -> Iterator[str]:
    """I23. One booking a run, of runs that were started, and the attempt's row is their sum."""
    started: dict[int, set[int]] = defaultdict(set)
    booked: dict[int, list[Row]] = defaultdict(list)
    for event in of_kind(evidence, EventKind.SESSION_STARTED, EventKind.SESSION_ENDED):
        if event["kind"] == EventKind.SESSION_STARTED:
            started[event["assignment_id"]].add(event["payload"]["run"])
        else:
            booked[event["assignment_id"]].append(event)
    for row in table(evidence, "assignments"):
        name = f"{row['bead_id']}@{row['fence']}"
        runs = [event["payload"]["run"] for event in booked[row["id"]]]
        if len(runs) != len(set(runs)) or not set(runs) <= started[row["id"]]:
            yield f"{name}: the runs {runs} were booked, {sorted(started[row['id']])} were started"
        if row["state"] in (AssignmentState.SUBMITTED, AssignmentState.FAILED) and set(runs) != started[row["id"]]:
            yield f"{name}: {row['state']}, its runs {sorted(started[row['id']])}, booked are {sorted(set(runs))}"
        yield from (f"{name}: {text}" for text in _sums(row, booked[row["id"]]))


def _sums(row: Row, booked: Sequence[Row]) -> Iterator[str]:
    for column in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"):
        total = sum(event["payload"].get("tokens", {}).get(column, 0) for event in booked)
        if total != row[column]:
            yield f"{column} is {row[column]}, its runs' sum is {total}"
    cost = sum(event["payload"].get("cost_usd") or 0.0 for event in booked)
    if abs(cost - (row["cost_usd"] or 0.0)) > 1e-6:
        yield f"cost is {row['cost_usd']}, its runs' sum is {cost}"


RECORDS = (
    Invariant("I17", "The log, replayed from nothing, gives the tables as they are.", log_replays),
    Invariant(
        "I18",
        "The log has no gaps: each thing's events lead, step by step, to its row.",
        nothing_is_missing,
    ),
    Invariant("I19", "Whoever had to act was rung for, and no doorbell is owed.", outbox_is_empty),
    Invariant("I20", "Escalations, nudges and findings are told, and told once.", told_once),
    Invariant("I23", "What a run of an agent cost is booked once.", costs_are_booked_once),
)
