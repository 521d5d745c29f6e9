"""How long a bead waits after a kill, as the story's faults tell it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gastown.chaos import recovery
from gastown.chaos.evidence import Evidence, Fault, Row
from gastown.events import EventKind as K
from tests.support.chaos_story import tell_healthy


@pytest.fixture
def healthy() -> Evidence:
    return tell_healthy()


def find(evidence: Evidence, kind: K, bead: str, nth: int = 0) -> Row:
    return [one for one in evidence.events if (one["kind"], one["bead_id"]) == (kind, bead)][nth]


def at(event: Row, after_s: float = 0) -> datetime:
    moment: datetime = event["at"]
    return moment + timedelta(seconds=after_s)


def seconds(evidence: Evidence, *faults: Fault) -> list[float | None]:
    found = recovery.measure(replace(evidence, faults=faults))
    return [None if one.seconds is None else round(one.seconds, 1) for one in found]


def test_worker_that_dies_is_recovered_from_when_another_adopts_its_session(healthy: Evidence) -> None:
    adopted = find(healthy, K.ASSIGNMENT_ADOPTED, "a-5")
    fault = Fault(at(adopted, -7), "kill.worker.sessions", "one/sessions (100)")
    late = replace(healthy, events=tuple(shift(one, adopted, 5) for one in healthy.events))
    assert seconds(late, replace(fault, at=at(adopted, -1))) == [6.0]


def shift(event: Row, since: Row, by_s: float) -> Row:
    return {**event, "at": at(event, by_s)} if event["id"] >= since["id"] else event


def test_host_that_is_lost_is_recovered_from_when_another_claims_the_bead(healthy: Evidence) -> None:
    started = find(healthy, K.SESSION_STARTED, "a-3")
    claimed = find(healthy, K.ASSIGNMENT_CLAIMED, "a-3", 1)
    fault = Fault(at(started, 1), "kill.worker.sessions", "two/sessions (200)")
    assert seconds(healthy, fault) == [round((at(claimed) - fault.at).total_seconds(), 1)]


def test_agent_that_dies_is_recovered_from_when_it_is_started_anew(healthy: Evidence) -> None:
    first, second = find(healthy, K.SESSION_STARTED, "a-4"), find(healthy, K.SESSION_STARTED, "a-4", 1)
    fault = Fault(at(first, 0.01), "kill.agent", "one/agent (1)", bead="a-4")
    assert seconds(healthy, fault) == [round((at(second) - fault.at).total_seconds(), 1)]


def test_cool_down_by_policy_is_no_part_of_recovery(healthy: Evidence) -> None:
    second_run = find(healthy, K.SESSION_STARTED, "a-4", 3)
    third_attempt = find(healthy, K.SESSION_STARTED, "a-4", 4)
    fault = Fault(at(second_run, 0.01), "kill.agent", "one/agent (1)", bead="a-4")
    cool = datetime.fromisoformat(find(healthy, K.ASSIGNMENT_SLUNG, "a-4", 2)["payload"]["not_before"])
    assert seconds(healthy, fault) == [round((at(third_attempt) - cool).total_seconds(), 1)]


def test_agent_killed_in_the_last_attempt_needs_no_recovery(healthy: Evidence) -> None:
    last = find(healthy, K.SESSION_STARTED, "a-4", 5)
    assert seconds(healthy, Fault(at(last, 0.01), "kill.agent", "one/agent (1)", bead="a-4")) == []


def test_agent_killed_after_it_handed_in_needs_no_recovery(healthy: Evidence) -> None:
    done = find(healthy, K.ASSIGNMENT_SUBMITTED, "a-1")
    assert seconds(healthy, Fault(at(done, 0.01), "kill.agent", "one/agent (1)", bead="a-1")) == []


def test_gate_runner_that_dies_is_recovered_from_when_the_tree_is_tested_again(healthy: Evidence) -> None:
    started = find(healthy, K.GATE_RUN_STARTED, "a-1")
    finished = find(healthy, K.GATE_RUN_FINISHED, "a-1")
    fault = Fault(at(started, 0.01), "kill.worker.gates", "one/gates (300)")
    assert seconds(healthy, fault) == [round((at(finished) - fault.at).total_seconds(), 1)]


def test_bead_that_nobody_took_up_again_is_told_and_spoils_the_percentile(healthy: Evidence) -> None:
    adopted = find(healthy, K.ASSIGNMENT_ADOPTED, "a-5")
    fault = Fault(at(adopted, -0.01), "kill.worker.sessions", "one/sessions (100)")
    cut = replace(healthy, events=tuple(one for one in healthy.events if one["id"] < adopted["id"]), faults=(fault,))
    assert [found.seconds for found in recovery.measure(cut)] == [None]
    assert recovery.percentiles(cut) == {"p50": None, "p99": None}


def test_percentiles_are_nearest_ranks(healthy: Evidence) -> None:
    assert recovery.percentiles(replace(healthy, faults=())) == {"p50": None, "p99": None}
    found = recovery.percentiles(healthy)
    times = sorted(one.seconds or 0 for one in recovery.measure(healthy))
    assert found == {"p50": round(times[(len(times) - 1) // 2], 2), "p99": round(times[-1], 2)}


def test_the_times_are_told_by_kind_of_kill_and_the_longest_by_bead(healthy: Evidence) -> None:
    measured = recovery.measure(healthy)
    kinds = recovery.by_fault(healthy)
    assert sum(kind["beads"] or 0 for kind in kinds.values()) == len(measured) > 0
    assert max(kind["longest"] or 0 for kind in kinds.values()) == recovery.slowest(healthy, 1)[0]["seconds"]
