"""Which bead `claim_ready` takes: always the first of `ready` that nobody has, by whichever statement."""

from datetime import timedelta

from sqlmodel import Session

from gastown import beads, clock
from gastown.beads import Filters
from tests.support.factories_beads import make_bead
from tests.support.fake_clock import FakeClock


def claimed(session: Session, **filters: object) -> str | None:
    taken = beads.claim_ready(session, Filters(**filters), actor="ada")  # type: ignore[arg-type]
    return beads.get(session, taken).title if taken else None


def test_a_bead_that_came_back_is_taken_before_less_urgent_ones(session: Session, fake_clock: FakeClock) -> None:
    now = clock.now()
    make_bead(session, "open", priority=1)
    make_bead(session, "put off", priority=0, defer_until=now + timedelta(hours=1))
    make_bead(session, "later", priority=0, defer_until=now + timedelta(days=9))
    assert [bead.title for bead in beads.list_ready(session)] == ["open"]

    fake_clock.pass_(hours=2)
    assert [bead.title for bead in beads.list_ready(session)] == ["put off", "open"]
    assert [claimed(session), claimed(session), claimed(session)] == ["put off", "open", None]


def test_a_bead_of_an_active_status_of_the_stores_own_is_taken_in_its_turn(session: Session) -> None:
    beads.set_config(session, "status.custom", "triaged:active,parked:frozen", actor="ada")
    first, second, third = (make_bead(session, title, priority=1) for title in ("first", "second", "third"))
    beads.update(session, second.id, {"status": "triaged", "priority": 0}, actor="ada")
    beads.update(session, third.id, {"status": "parked", "priority": 0}, actor="ada")
    assert first.status == "open"

    assert [claimed(session), claimed(session), claimed(session)] == ["second", "first", None]


def test_what_waits_is_assigned_or_contains_open_work_is_passed_over(session: Session) -> None:
    epic = make_bead(session, "epic", priority=0, issue_type="epic")
    make_bead(session, "assigned", priority=0, assignee="bob")
    blocker = make_bead(session, "blocker", priority=3)
    make_bead(session, "waits", priority=0, deps=(blocker.id,))
    make_bead(session, "child", priority=2, parent=epic.id)

    assert [claimed(session), claimed(session), claimed(session)] == ["child", "blocker", None]
    beads.close(session, [blocker.id], actor="ada")
    assert claimed(session) == "waits"


def test_the_order_that_was_asked_for_counts(session: Session, fake_clock: FakeClock) -> None:
    for title in ("oldest", "middle", "newest"):
        fake_clock.pass_(hours=1)
        make_bead(session, title, priority=2)
    assert claimed(session, sort=beads.Sort.OLDEST) == "oldest"
    assert claimed(session) == "newest"
