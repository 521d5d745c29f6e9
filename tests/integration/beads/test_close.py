import pytest
from sqlmodel import Session

from gastown import beads, events
from gastown.beads import BeadMoved, BeadNotFound, BeadStatus, CodeBead
from tests.support.factories_beads import AGENT, PERSON, make_bead, make_closed, make_slung


def refusal(result: beads.Closing) -> str:
    [(_, error)] = result.refused
    return str(error)


def test_a_closed_bead_has_its_time_and_reason_and_one_event(session: Session) -> None:
    bead = make_bead(session)
    result = beads.close(session, [bead.id], actor=PERSON, reason="fixed")
    assert [each.id for each in result.closed] == [bead.id]
    assert (bead.status, bead.close_reason) == ("closed", "fixed")
    assert bead.closed_at is not None
    event = events.for_bead(session, bead.id)[-1]
    assert (event.kind.value, event.actor, event.payload["close_reason"]) == ("bead.closed", PERSON, "fixed")


def test_closing_again_changes_nothing(session: Session) -> None:
    bead = make_closed(session)
    number = len(events.for_bead(session, bead.id))
    result = beads.close(session, [bead.id], actor=PERSON, reason="twice")
    assert (len(result.closed), result.refused, bead.close_reason) == (1, [], "done")
    assert len(events.for_bead(session, bead.id)) == number


def test_an_open_blocker_refuses_and_force_overrides(session: Session) -> None:
    blocker = make_bead(session, "blocker")
    bead = make_bead(session, deps=(blocker.id,))
    assert refusal(beads.close(session, [bead.id], actor=PERSON)) == (
        f"cannot close {bead.id}: blocked by open issues [{blocker.id}] (use --force to override)"
    )
    assert beads.close(session, [bead.id], actor=PERSON, force=True).refused == []


def test_an_association_does_not_refuse(session: Session) -> None:
    bead = make_bead(session)
    beads.add_dependency(session, bead.id, make_bead(session).id, actor=PERSON, type="related")
    assert beads.close(session, [bead.id], actor=PERSON).refused == []


def test_an_epic_closes_after_its_children(session: Session) -> None:
    epic = make_bead(session, "epic", issue_type="epic")
    child = make_bead(session, "child", parent=epic.id)
    assert "cannot close epic" in refusal(beads.close(session, [epic.id], actor=PERSON))
    beads.close(session, [child.id], actor=PERSON)
    assert beads.close(session, [epic.id], actor=PERSON).refused == []


def test_others_close_when_one_refuses(session: Session) -> None:
    blocker = make_bead(session, "blocker")
    bead = make_bead(session, deps=(blocker.id,))
    other = make_bead(session)
    result = beads.close(session, [bead.id, other.id], actor=PERSON, reason=["a", "b"])
    assert ([each.id for each in result.closed], other.close_reason) == ([other.id], "b")


def test_an_unknown_id_closes_nothing(session: Session) -> None:
    bead = make_bead(session)
    with pytest.raises(BeadNotFound):
        beads.close(session, [bead.id, "app-none"], actor=PERSON)
    assert bead.status == "open"


def test_closing_tells_who_is_set_free(session: Session) -> None:
    blocker = make_bead(session, "blocker")
    bead = make_bead(session, deps=(blocker.id,))
    assert beads.close(session, [blocker.id], actor=PERSON).unblocked == [bead.id]
    session.refresh(bead)
    assert not bead.is_blocked


@pytest.mark.parametrize("status", [BeadStatus.HOOKED, BeadStatus.IN_PROGRESS, BeadStatus.SUBMITTED])
def test_an_agent_cannot_close_what_was_slung_for_code(session: Session, status: BeadStatus) -> None:
    bead = make_slung(session, status)
    result = beads.close(session, [bead.id], actor=AGENT, reason="done!", force=True, no_code=True)
    assert "use gt done" in refusal(result)
    assert isinstance(result.refused[0][1], CodeBead)
    assert bead.status == status


def test_a_person_closes_a_code_bead_only_with_no_code_and_a_reason(session: Session) -> None:
    bead = make_slung(session)
    for said in ({"reason": "why"}, {"no_code": True}, {"force": True, "reason": "why"}):
        assert "slung for code" in refusal(beads.close(session, [bead.id], actor=PERSON, **said))  # type: ignore[arg-type]
    beads.close(session, [bead.id], actor=PERSON, reason="not a bug", no_code=True)
    event = events.for_bead(session, bead.id)[-1]
    assert (bead.status, event.payload["no_code"]) == ("closed", True)


def test_an_agent_closes_what_was_slung_without_code(session: Session) -> None:
    bead = make_slung(session, is_code=False)
    assert beads.close(session, [bead.id], actor=AGENT, reason="answered").refused == []


def test_a_landing_closes_with_its_sha_and_frees_those_that_waited_for_it(session: Session) -> None:
    bead = make_slung(session, BeadStatus.SUBMITTED)
    waiting = make_bead(session, "waiting")
    beads.add_dependency(session, waiting.id, bead.id, actor=PERSON, type="merge-blocks")
    sha = "0123456789abcdef0123456789abcdef01234567"
    beads.close_landed(session, bead.id, actor="refinery", sha=sha, target="main", fence=3, assignment_id=9, rig="app")
    session.refresh(waiting)
    assert (bead.status, bead.close_reason, bead.landed_sha) == ("closed", "Merged in 0123456789ab", sha)
    assert not waiting.is_blocked
    event = events.for_bead(session, bead.id)[-1]
    assert (event.payload["sha"], event.fence, event.assignment_id, event.rig) == (sha, 3, 9, "app")
    with pytest.raises(BeadMoved):
        beads.close_landed(
            session, bead.id, actor="refinery", sha=sha, target="main", fence=3, assignment_id=9, rig="app"
        )


def test_reopening_blocks_again_and_forgets_the_landing(session: Session) -> None:
    blocker = make_slung(session, BeadStatus.SUBMITTED)
    bead = make_bead(session, deps=(blocker.id,))
    beads.close_landed(
        session, blocker.id, actor="refinery", sha="a" * 40, target="main", fence=1, assignment_id=1, rig="app"
    )
    assert beads.reopen(session, blocker.id, actor=PERSON, reason="it is back")
    session.refresh(bead)
    assert bead.is_blocked
    assert (blocker.status, blocker.closed_at, blocker.close_reason, blocker.landed_sha) == ("open", None, "", "")
    assert not beads.reopen(session, blocker.id, actor=PERSON)
    assert beads.close(session, [blocker.id], actor=PERSON).refused == []


def test_a_status_of_closed_obeys_the_same_guards(session: Session) -> None:
    bead = make_slung(session)
    with pytest.raises(CodeBead):
        beads.update(session, bead.id, {"status": "closed"}, actor=AGENT)
    free = make_bead(session)
    beads.update(session, free.id, {"status": "closed"}, actor=PERSON)
    assert free.status == "closed"
    assert free.closed_at is not None
