"""Slinging, waiting, dispatching."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from gastown import assignments, beads, convoys, rigs, sling
from gastown.assignments import AssignmentState, Reason
from gastown.beads import BeadStatus
from gastown.errors import GastownError
from gastown.sling import SlingRefused, Target
from gastown.sling.dispatch import order_fairly
from tests.support.factories import make_bead, make_offered, make_rig, make_running


def states(session: Session) -> dict[str, AssignmentState]:
    return {row.bead_id: row.state for row in assignments.list_open(session)}


def test_what_is_ready_is_offered_and_what_is_blocked_waits(session: Session) -> None:
    make_rig(session)
    first = make_bead(session, "first")
    second = make_bead(session, "second")
    beads.add_dependency(session, second.id, first.id, actor="me")
    sling.sling(session, Target([first.id, second.id], "app"), actor="me", preset="command")
    assert states(session) == {first.id: AssignmentState.OFFERED, second.id: AssignmentState.WAITING}
    assert beads.get(session, first.id).status == BeadStatus.HOOKED


def test_a_waiting_bead_is_offered_when_its_blocker_lands(session: Session) -> None:
    make_rig(session)
    first, second = make_bead(session, "first"), make_bead(session, "second")
    beads.add_dependency(session, second.id, first.id, actor="me")
    sling.sling(session, Target([first.id, second.id], "app"), actor="me", preset="command")
    row = assignments.claim(session, "app", holder="h", host="here", slots=9).assignment
    assert row.id is not None
    assignments.submit(session, row.id, 1, head_oid="a" * 40, actor="agent")
    assert sling.dispatch(session, actor="town").offered == 0
    beads.close_landed(
        session, first.id, actor="refinery", sha="b" * 40, target="main", fence=1, assignment_id=row.id, rig="app"
    )
    assert sling.dispatch(session, actor="town").offered == 1
    assert states(session)[second.id] is AssignmentState.OFFERED


def test_all_beads_are_slung_or_none(session: Session) -> None:
    make_rig(session)
    good, closed = make_bead(session, "good"), make_bead(session, "closed")
    beads.close(session, [closed.id], actor="me", reason="done", force=False)
    with pytest.raises(SlingRefused), session.begin_nested():
        sling.sling(session, Target([good.id, closed.id], "app"), actor="me", preset="command")
    session.expire_all()
    assert states(session) == {}


@pytest.mark.parametrize("preset", ["nope", "clude"])
def test_an_unknown_preset_is_refused(session: Session, preset: str) -> None:
    make_rig(session)
    bead = make_bead(session)
    with pytest.raises(GastownError, match="preset"):
        sling.sling(session, Target([bead.id], "app"), actor="me", preset=preset)


def test_a_parked_rig_takes_nothing(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    rigs.park(session, "app", actor="me")
    with pytest.raises(SlingRefused, match="parked"):
        sling.sling(session, Target([bead.id], "app"), actor="me", preset="command")


def test_a_bead_of_another_rig_is_refused_unless_forced(session: Session) -> None:
    make_rig(session)
    make_rig(session, "lib")
    bead = make_bead(session, prefix="lib")
    with pytest.raises(SlingRefused, match="prefix"):
        sling.sling(session, Target([bead.id], "app"), actor="me", preset="command")
    [slung] = sling.sling(session, Target([bead.id], "app"), actor="me", preset="command", force=True)
    assert slung.rig == "app"


def test_a_convoy_is_slung_across_its_rigs(session: Session) -> None:
    make_rig(session)
    make_rig(session, "lib")
    one, two = make_bead(session), make_bead(session, prefix="lib")
    convoy = convoys.create(session, "both", [one.id, two.id], actor="me")
    slung = sling.sling(session, Target([convoy.id], None), actor="me", preset="command")
    assert {(each.bead_id, each.rig) for each in slung} == {(one.id, "app"), (two.id, "lib")}


def test_an_escalated_bead_may_be_slung_again_by_a_person(session: Session) -> None:
    make_rig(session)
    bead = make_bead(session)
    row = make_running(session, bead).assignment
    assert row.id is not None
    assignments.escalate(session, row.id, 1, actor="agent", why="stuck")
    [slung] = sling.sling(session, Target([bead.id], "app"), actor="me", preset="command")
    assert slung.fence == 2
    assert beads.get(session, bead.id).status == BeadStatus.HOOKED


def test_offers_nobody_took_are_rung_again(session: Session) -> None:
    make_rig(session)
    row = make_offered(session, make_bead(session))
    assert sling.list_stale_offers(session) == []
    [bell] = sling.list_stale_offers(session, rung_before=timedelta(0))
    assert bell.args[0] == row.id


def test_scarce_slots_are_shared_between_rigs(session: Session) -> None:
    make_rig(session)
    make_rig(session, "lib")
    many = [make_offered(session, make_bead(session, f"a{n}")) for n in range(3)]
    one = make_offered(session, make_bead(session, "l", prefix="lib"), rig="lib", priority=4)
    ordered = order_fairly([*many, one], {"app": 1})
    assert [row.rig for row in ordered] == ["lib", "app", "app", "app"]


def test_of_two_rigs_with_as_many_at_work_the_one_with_interrupted_work_goes_first(session: Session) -> None:
    make_rig(session)
    make_rig(session, "lib")
    urgent = make_offered(session, make_bead(session, "a"), priority=0)
    lost = make_offered(session, make_bead(session, "l", prefix="lib"), rig="lib", reason=Reason.TAKEOVER)
    assert [row.rig for row in order_fairly([urgent, lost], {})] == ["lib", "app"]
