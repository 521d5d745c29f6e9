"""For each invariant violations, each made from a healthy run by one small edit: the checker finds it where it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gastown.chaos import checker, recovery
from gastown.chaos.evidence import Evidence, JournalLine, Note, Repository, Row
from gastown.events import EventKind as K
from tests.support.chaos_story import HOLDERS, RIG, START, tell_healthy

Pick = Callable[[Any], bool]
Edit = Callable[[Evidence], Evidence]


def violated(evidence: Evidence) -> set[str]:
    return {name for name, said in checker.check(evidence).items() if said}


def event(kind: K, bead: str | None = None, nth: int = 0, **payload: object) -> Callable[[Evidence], Row]:
    """Finds the nth event of a kind, of a bead, with these values."""

    def find(evidence: Evidence) -> Row:
        found = [
            one
            for one in evidence.events
            if one["kind"] == kind
            and (bead is None or one["bead_id"] == bead)
            and all(one["payload"].get(name) == value for name, value in payload.items())
        ]
        return found[nth]

    return find


def drop(find: Callable[[Evidence], Row]) -> Edit:
    """The event is gone from the log."""

    def edit(evidence: Evidence) -> Evidence:
        gone = find(evidence)
        return replace(evidence, events=tuple(one for one in evidence.events if one is not gone))

    return edit


def alter(find: Callable[[Evidence], Row], said: dict[str, object] | None = None, **columns: object) -> Edit:
    """The event says something else."""

    def edit(evidence: Evidence) -> Evidence:
        old = find(evidence)
        new = {**old, **columns, "payload": {**old["payload"], **(said or {})}}
        return replace(evidence, events=tuple(new if one is old else one for one in evidence.events))

    return edit


def repeat(find: Callable[[Evidence], Row]) -> Edit:
    """The event happens once more, at the end."""

    def edit(evidence: Evidence) -> Evidence:
        return replace(evidence, events=(*evidence.events, {**find(evidence), "id": len(evidence.events) + 1}))

    return edit


def move_after(find: Callable[[Evidence], Row], other: Callable[[Evidence], Row]) -> Edit:
    """The event happens later, after another one."""

    def edit(evidence: Evidence) -> Evidence:
        moved, anchor = find(evidence), other(evidence)
        rest = [one for one in evidence.events if one is not moved]
        place = rest.index(anchor) + 1
        events = [*rest[:place], moved, *rest[place:]]
        return replace(evidence, events=tuple({**one, "id": number} for number, one in enumerate(events, start=1)))

    return edit


def rows(table: str, pick: Pick, **values: object) -> Edit:
    """Some rows of a table hold something else."""

    def edit(evidence: Evidence) -> Evidence:
        changed = tuple({**row, **values} if pick(row) else row for row in evidence.tables[table])
        return replace(evidence, tables={**evidence.tables, table: changed})

    return edit


def of(bead: str, fence: int = 1) -> Pick:
    return lambda row: (row["bead_id"], row.get("fence", fence)) == (bead, fence)


def remote(change: Callable[[Repository], Repository]) -> Edit:
    """The remote shows something else."""

    def edit(evidence: Evidence) -> Evidence:
        return replace(evidence, repositories={RIG: change(evidence.repositories[RIG])})

    return edit


def commit(number: int, **values: object) -> Edit:
    """A commit of the target's line is another."""

    def change(repository: Repository) -> Repository:
        line = list(repository.first_parents)
        line[number] = replace(line[number], **values)  # type: ignore[arg-type]
        return replace(repository, first_parents=tuple(line))

    return remote(change)


def write(bead: str, fence: int, note: Note, oid: str = "", *, pid: int = 0, after_s: float = 0) -> Edit:
    """An agent writes one more line, so long after its last one."""

    def edit(evidence: Evidence) -> Evidence:
        mine = [line for line in evidence.journal if (line.bead, line.fence) == (bead, fence)]
        last = mine[-1]
        line = JournalLine(
            last.at + timedelta(seconds=after_s), note, bead, fence, last.session, pid or last.pid, oid or last.oid
        )
        return replace(evidence, journal=(*evidence.journal, line))

    return edit


def facts(**values: object) -> Edit:
    return lambda evidence: replace(evidence, **values)  # type: ignore[arg-type]


def both(*edits: Edit) -> Edit:
    def edit(evidence: Evidence) -> Evidence:
        for one in edits:
            evidence = one(evidence)
        return evidence

    return edit


def one_more_attempt(evidence: Evidence) -> Evidence:
    """The hopeless bead is given a fourth attempt, fully written down."""
    last = next(row for row in evidence.tables["assignments"] if (row["bead_id"], row["fence"]) == ("a-4", 3))
    new = {**last, "id": 99, "fence": 4, "claimed_at": None, "runs": 0, "booked_runs": 0, "cost_usd": None}
    new |= {"input_tokens": 0, "holder": None}
    slung = event(K.ASSIGNMENT_SLUNG, "a-4", 2)(evidence)
    ended = event(K.ASSIGNMENT_ENDED, "a-4", 2)(evidence)
    events = list(evidence.events)
    place = events.index(ended) + 1
    more = [{**slung, "assignment_id": 99, "fence": 4}, {**ended, "assignment_id": 99, "fence": 4}]
    escalated = {**events[place], "fence": 4, "assignment_id": 99}
    events[place : place + 1] = [*more, escalated]
    numbered = tuple({**one, "id": number} for number, one in enumerate(events, start=1))
    tables = {**evidence.tables, "assignments": (*evidence.tables["assignments"], new)}
    return replace(evidence, events=numbered, tables=tables)


def waiting_offer(evidence: Evidence) -> Evidence:
    """A bead was offered for two minutes while a slot was free and nothing was wrong."""
    offered = event(K.ASSIGNMENT_OFFERED, "a-1")(evidence)
    events = tuple(
        {**one, "at": one["at"] - timedelta(seconds=120)} if one["id"] <= offered["id"] else one
        for one in evidence.events
    )
    return replace(evidence, events=events)


CLOSED, LANDED = event(K.BEAD_CLOSED, "a-1"), event(K.REQUEST_LANDED, "a-1")

VIOLATIONS: dict[str, tuple[Edit, set[str]]] = {
    "I1 lost from the log": (drop(event(K.BEAD_ESCALATED, "a-4")), {"I1", "I18", "I20"}),
    "I1 slung and unknown": (facts(slung=("a-1", "a-2", "a-3", "a-4", "a-5", "a-6")), {"I1"}),
    "I1 ended twice": (repeat(CLOSED), {"I1", "I18"}),
    "I1 closed without a landing": (alter(CLOSED, {"sha": "", "landed_sha": ""}), {"I1", "I8"}),
    "I1 row still submitted": (rows("beads", lambda row: row["id"] == "a-2", status="submitted"), {"I1", "I10", "I18"}),
    "I2 fence skipped": (
        both(
            alter(event(K.ASSIGNMENT_SLUNG, "a-4", 2), fence=4),
            alter(event(K.ASSIGNMENT_CLAIMED, "a-4", 2), fence=4),
            rows("assignments", of("a-4", 3), fence=4),
        ),
        {"I2", "I4", "I5"},
    ),
    "I2 fence given twice": (alter(event(K.ASSIGNMENT_SLUNG, "a-2", 1), fence=1), {"I2", "I4", "I5"}),
    "I3 leased twice": (
        move_after(event(K.ASSIGNMENT_ENDED, "a-3"), event(K.ASSIGNMENT_CLAIMED, "a-3", 1)),
        {"I3", "I4", "I5"},
    ),
    "I3 by the database's clock": (
        rows("assignments", of("a-3", 2), claimed_at=START + timedelta(seconds=1)),
        {"I3"},
    ),
    "I3 one polecat for two": (
        both(
            alter(event(K.ASSIGNMENT_CLAIMED, "a-2"), agent=f"{RIG}/polecats/p1"),
            move_after(event(K.ASSIGNMENT_SUBMITTED, "a-1"), event(K.ASSIGNMENT_CLAIMED, "a-2")),
        ),
        {"I3"},
    ),
    "I4 written by the overtaken": (
        alter(event(K.BEAD_STATUS_CHANGED, "a-3", status="submitted"), fence=1),
        {"I4"},
    ),
    "I4 by an old lease of the queue": (alter(event(K.REQUEST_LANDED, "a-5"), {"lease": 1}), {"I4"}),
    "I4 of another attempt": (alter(event(K.REQUEST_SUBMITTED, "a-2", 1), assignment_id=1), {"I4"}),
    "I4 under a fence that nobody was granted": (alter(CLOSED, fence=2), {"I4"}),
    "I5 two agents under one fence": (
        both(write("a-1", 1, Note.START, pid=7, after_s=-1), write("a-1", 1, Note.END, pid=7)),
        {"I5", "I20"},
    ),
    "I5 an agent nobody leased": (
        facts(journal=(*tell_healthy().journal, JournalLine(START, Note.START, "a-1", 9, 9, 9))),
        {"I5"},
    ),
    "I5 done is forgotten": (
        both(
            alter(event(K.ASSIGNMENT_SUBMITTED, "a-1"), {"state": "failed"}),
            rows("assignments", of("a-1"), state="failed"),
        ),
        {"I5", "I18"},
    ),
    "I5 late work is visible": (
        remote(lambda one: replace(one, reachable=one.reachable | {"h-a-3-late"})),
        {"I5"},
    ),
    "I5 a line of another agent's": (
        facts(
            journal=tuple(
                replace(line, bead="a-9") if i == 2 else line for i, line in enumerate(tell_healthy().journal)
            )
        ),
        {"I5"},
    ),
    "I5 work of nobody": (
        facts(journal=tuple(line for line in tell_healthy().journal if line.oid != "h-a-1-1")),
        {"I5"},
    ),
    "I6 a fourth attempt": (one_more_attempt, {"I6"}),
    "I6 asked twice": (
        both(repeat(event(K.BEAD_ESCALATED, "a-4")), repeat(event(K.BEAD_COMMENTED, "a-4"))),
        {"I1", "I6", "I18"},
    ),
    "I6 adopted too often": (rows("assignments", of("a-5", 2), adoptions=21), {"I6"}),
    "I7 started too early": (
        move_after(CLOSED, event(K.ASSIGNMENT_CLAIMED, "a-5")),
        {"I7"},
    ),
    "I7 blocker was open": (alter(event(K.DEPENDENCY_ADDED, "a-5"), {"depends_on_id": "a-4"}), {"I7"}),
    "I8 convoy landed early": (move_after(event(K.CONVOY_LANDED), event(K.ASSIGNMENT_CLAIMED, "a-5")), {"I8"}),
    "I8 convoy left open": (rows("convoys", lambda _row: True, status="open"), {"I8", "I18"}),
    "I9 landed twice in the log": (repeat(LANDED), {"I9", "I15", "I18", "I4"}),
    "I9 landed twice on main": (
        remote(
            lambda one: replace(
                one,
                first_parents=(*one.first_parents, replace(one.first_parents[1], oid="c9")),
                target_values=(*one.target_values, "c9"),
            )
        ),
        {"I9", "I10"},
    ),
    "I9 trailers disagree": (commit(1, trailers={"Bead": ("a-9",), "Request": ("1",)}), {"I9", "I10"}),
    "I10 closed, not in the target": (
        remote(lambda one: replace(one, reachable=one.reachable - {"h-a-1-1"})),
        {"I10"},
    ),
    "I10 closed as another commit": (rows("beads", lambda row: row["id"] == "a-1", landed_sha="c7"), {"I10"}),
    "I10 landed, not closed": (
        both(drop(CLOSED), rows("beads", lambda row: row["id"] == "a-1", status="submitted")),
        {"I1", "I7", "I8", "I10"},
    ),
    "I11 no verdict": (alter(event(K.GATE_RUN_FINISHED, "a-1"), {"verdict": "fail"}), {"I11"}),
    "I11 verdict came late": (move_after(event(K.GATE_RUN_FINISHED, "a-1"), LANDED), {"I11"}),
    "I11 first commit not gated": (alter(event(K.GATE_RUN_FINISHED), {"tree": "t9"}), {"I11"}),
    "I11 red when run again": (remote(lambda one: replace(one, red=("c2",))), {"I11"}),
    "I12 rewound": (
        remote(
            lambda one: replace(
                one, rewinds=("c2",), target_values=(*one.target_values[:3], "c1", *one.target_values[2:])
            )
        ),
        {"I12"},
    ),
    "I12 a value off the line": (
        remote(lambda one: replace(one, target_values=(*one.target_values[:2], "x", *one.target_values[2:]))),
        {"I12"},
    ),
    "I13 another tree": (commit(1, tree="t9"), {"I11", "I13"}),
    "I13 on another base": (commit(2, parents=("c0", "h-a-2-2")), {"I13"}),
    "I13 undoes": (remote(lambda one: replace(one, undone=("c2 changed a.txt",))), {"I13"}),
    "I14 red once": (
        alter(event(K.GATE_RUN_FINISHED, "a-2", 1), {"verdict": "infrastructure_error"}),
        {"I14"},
    ),
    "I14 gates could run": (
        alter(event(K.REQUEST_RETURNED, "a-2"), {"reason": "gates_cannot_run"}),
        {"I14"},
    ),
    "I14 good one returned": (facts(bad=frozenset()), {"I14"}),
    "I14 no conflict": (
        remote(lambda one: replace(one, merges=dict.fromkeys(one.merges, "t5"))),
        {"I14"},
    ),
    "I15 overtaken in the queue": (
        move_after(event(K.REQUEST_LANDED, "a-2"), event(K.REQUEST_LANDED, "a-3")),
        {"I4", "I15"},
    ),
    "I16 branch of an open request gone": (
        both(
            drop(LANDED),
            rows("merge_requests", of("a-1"), state="landing"),
        ),
        {"I10", "I16", "I18"},
    ),
    "I16 deleted before its time": (
        remote(lambda one: replace(one, deleted_branches=dict.fromkeys(one.deleted_branches, START))),
        {"I16"},
    ),
    "I17 does not replay": (facts(replay_differences=("beads a-1, status: ...",)), {"I17"}),
    "I18 a status is missing": (drop(event(K.BEAD_STATUS_CHANGED, "a-1", status="submitted")), {"I18"}),
    "I18 a gate run's start is missing": (drop(event(K.GATE_RUN_STARTED, "a-1")), {"I18"}),
    "I18 a boarding is missing": (drop(event(K.REQUEST_BOARDED, "a-1")), {"I18"}),
    "I18 another holder": (rows("assignments", of("a-1"), holder=HOLDERS[1]), {"I18"}),
    "I18 a run is missing": (drop(event(K.SESSION_STARTED, "a-4", 1)), {"I18", "I20", "I23"}),
    "I18 a return is missing": (drop(event(K.REQUEST_RETURNED, "a-5")), {"I18"}),
    "I18 an adoption is missing": (alter(event(K.ASSIGNMENT_ADOPTED), {"old_holder": HOLDERS[2]}), {"I18"}),
    "I19 bell owed": (alter(CLOSED, rung_at=None), {"I19"}),
    "I19 nobody rung for": (alter(event(K.ASSIGNMENT_OFFERED), task=None), {"I19"}),
    "I20 nobody was told": (drop(event(K.BEAD_COMMENTED, "a-4")), {"I20"}),
    "I20 nudge never read": (
        facts(journal=tuple(line for line in tell_healthy().journal if line.note is not Note.NUDGED)),
        {"I20"},
    ),
    "I20 nudged without cause": (write("a-1", 1, Note.NUDGED), {"I20"}),
    "I21 a process": (facts(leftovers=("an agent runs",)), {"I21"}),
    "I21 a lease": (rows("assignments", of("a-1"), state="running"), {"I18", "I21"}),
    "I21 an intent": (rows("landing_intents", lambda row: row["id"] == 1, state="open"), {"I18", "I21"}),
    "I21 a worktree": (rows("polecats", lambda row: row["address"].endswith("p1"), worktree_state="busy"), {"I21"}),
    "I21 a ref": (remote(lambda one: replace(one, temporary_refs=("refs/tmp/x",))), {"I21"}),
    "I22 never quiet": (facts(quiet_at=None), {"I22"}),
    "I22 ready and not leased": (waiting_offer, {"I22"}),
    "I23 booked twice": (repeat(event(K.SESSION_ENDED, "a-1")), {"I23"}),
    "I23 not booked": (drop(event(K.SESSION_ENDED, "a-1")), {"I23"}),
    "I23 another sum": (rows("assignments", of("a-1"), input_tokens=11), {"I23"}),
    "I23 another cost": (rows("assignments", of("a-1"), cost_usd=0.5), {"I23"}),
}


def test_healthy_run_has_no_violation() -> None:
    found = {name: list(said) for name, said in checker.check(tell_healthy()).items() if said}
    assert found == {}


@pytest.mark.parametrize(("again", "expected"), [("worse", set()), ("bad", {"I20"})])
def test_finding_is_told_again_only_with_news(again: str, expected: set[str]) -> None:
    healthy = tell_healthy()
    like = {**healthy.events[-1], "kind": K.FINDING_RAISED.value, "bead_id": None, "fence": None, "assignment_id": None}
    said = [{"check": "queues", "subject": "q", "level": "warning", "message": text} for text in ("bad", again)]
    told = tuple({**like, "id": like["id"] + 1 + i, "payload": one, "task": None} for i, one in enumerate(said))
    assert violated(replace(healthy, events=(*healthy.events, *told))) == expected


@pytest.mark.parametrize("ahead_s", [3600, -3600, 60])
def test_wrong_clock_of_one_worker_is_no_violation(ahead_s: float) -> None:
    """A third of the log's times are wrong: those that one worker wrote."""
    healthy = tell_healthy()
    events = tuple(
        {**one, "at": one["at"] + timedelta(seconds=ahead_s)} if one["id"] % 3 == 1 and one["id"] > 1 else one
        for one in healthy.events
    )
    skewed = replace(healthy, events=events)
    assert violated(skewed) == set()
    times = [(found.bead, found.seconds) for found in recovery.measure(skewed)]
    right = [(found.bead, found.seconds) for found in recovery.measure(healthy)]
    assert [bead for bead, _ in times] == [bead for bead, _ in right]
    assert all(abs((mine or 0) - (its or 0)) < 0.3 for (_, mine), (_, its) in zip(times, right, strict=True))


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violation_is_found_where_it_is(name: str) -> None:
    edit, expected = VIOLATIONS[name]
    assert name.split()[0] in expected
    assert violated(edit(tell_healthy())) == expected


def test_every_invariant_has_a_violation_and_a_sentence() -> None:
    names = [invariant.name for invariant in checker.INVARIANTS]
    assert names == [f"I{number}" for number in range(1, 24)]
    assert {name.split()[0] for name in VIOLATIONS} == set(names)
    assert all(invariant.says.endswith(".") for invariant in checker.INVARIANTS)
