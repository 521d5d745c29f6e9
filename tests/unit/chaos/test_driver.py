"""What a run draws from its seed, and what it does to doorbells and clocks."""

import time
from collections import Counter
from pathlib import Path

import pytest

from gastown import clock, queue
from gastown.chaos import wanted
from gastown.chaos.faults import KILLS
from gastown.chaos.launcher import Meddler, Order, put_clock_ahead
from gastown.chaos.plan import Kind, make_plan, rig_names
from gastown.chaos.schedule import make_schedule
from gastown.chaos.wanted import Counts
from gastown.policy import KEYS, parse
from gastown.queue import Doorbell, Task


@pytest.mark.parametrize(("beads", "rigs", "hopeless"), [(4, 1, 0), (12, 2, 1), (200, 4, 2), (2000, 4, 1)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_plan_can_be_worked_off(beads: int, rigs: int, hopeless: int, seed: int) -> None:
    steps = make_plan(beads, rig_names(rigs), hopeless=hopeless, seed=seed)

    assert [step.number for step in steps] == list(range(beads))
    assert steps == make_plan(beads, rig_names(rigs), hopeless=hopeless, seed=seed)
    assert sum(step.kind is Kind.HOPELESS for step in steps) == hopeless
    assert {step.rig for step in steps} == set(rig_names(rigs))
    by_number = {step.number: step for step in steps}
    for step in steps:
        assert all(need < step.number for need in step.needs)
        assert all(by_number[need].kind is not Kind.HOPELESS for need in step.needs)
        assert step.convoy is None or step.kind is not Kind.HOPELESS


def test_a_plan_has_every_kind_of_bead() -> None:
    steps = make_plan(200, rig_names(4), hopeless=1, seed=1)

    kinds = Counter(step.kind for step in steps)
    assert set(kinds) == set(Kind)
    writers = Counter((step.rig, step.path) for step in steps)
    assert sum(number == 2 for number in writers.values()) == kinds[Kind.CLASH] // 2
    assert max(writers.values()) == 2
    assert {step.convoy for step in steps} == {None, 0, 1}
    assert any(step.needs for step in steps)


def test_two_seeds_make_two_plans() -> None:
    assert make_plan(50, rig_names(2), hopeless=1, seed=1) != make_plan(50, rig_names(2), hopeless=1, seed=2)


def test_a_schedule_holds_as_many_faults_as_were_asked_for() -> None:
    counts = Counts(kills=200, flushes=10, stops=20, redis_restarts=3, database_restarts=3, floors=1)
    weights = {kind: weight for kind, (_, weight) in KILLS.items()}

    moments = make_schedule(counts, weights, seed=5)

    kinds = Counter(moment.kind for moment in moments)
    assert sum(kinds[kind] for kind in KILLS) == 200
    assert all(kinds[kind] for kind in KILLS)
    assert (kinds["flush"], kinds["stop"], kinds["restart.redis"], kinds["restart.database"]) == (10, 20, 3, 3)
    assert moments == sorted(moments, key=lambda moment: moment.share)
    assert moments == make_schedule(counts, weights, seed=5)


def test_the_towns_settings_are_allowed_together() -> None:
    for ttl_s in (5, 8, 60, 600):
        values = wanted.policy_of(wanted.Wanted(Path("/nowhere"), "ada", ttl_s=ttl_s))
        assert set(values) <= set(KEYS)
        for name, value in values.items():
            parse(name, str(value))
        assert 3 * float(values["lease.heartbeat_s"]) <= float(values["lease.ttl_s"])


def _bells(count: int) -> list[Doorbell]:
    return [Doorbell(Task.REACT, queue.TOWN_QUEUE, (number,)) for number in range(count)]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Doorbell]:
    """What really goes out."""
    out: list[Doorbell] = []

    def ring(bells: list[Doorbell]) -> list[Doorbell]:
        out.extend(bells)
        return bells

    monkeypatch.setattr(queue, "ring_all", ring)
    return out


def test_nothing_goes_out_when_every_doorbell_is_lost(rung: list[Doorbell], tmp_path: Path) -> None:
    meddler = Meddler(Order(lost=1, tally=str(tmp_path / "tally")))

    assert meddler(_bells(20)) == _bells(20)
    assert rung == []
    assert (tmp_path / "tally").read_text() == "l" * 20


def test_every_doorbell_goes_out_twice_when_all_are_doubled(rung: list[Doorbell]) -> None:
    Meddler(Order(doubled=1))(_bells(3))

    assert Counter(bell.args for bell in rung) == {(0,): 2, (1,): 2, (2,): 2}


def test_a_late_doorbell_goes_out_behind_those_that_were_rung_after_it(rung: list[Doorbell]) -> None:
    meddler = Meddler(Order(overtaken=1))
    meddler(_bells(1))
    assert rung == []
    meddler.order = Order()

    meddler([Doorbell(Task.REACT, queue.TOWN_QUEUE, (7,))])

    assert [bell.args for bell in rung] == [(7,), (0,)]


def test_the_outbox_owes_doorbells_that_redis_did_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ring_all", lambda _bells: [])

    assert Meddler(Order(doubled=0.5))(_bells(4)) == []


def test_a_process_with_its_clock_ahead_goes_on_by_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", time.time)
    right, steady = clock.now(), clock.monotonic()
    try:
        put_clock_ahead(3600)

        assert 3600 <= (clock.now() - right).total_seconds() < 3660
        assert clock.monotonic() - steady < 60
    finally:
        clock.set_source(None)
