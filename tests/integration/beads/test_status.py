from datetime import timedelta

import pytest
from sqlmodel import Session

from gastown import beads, clock, events
from gastown.beads import AlreadyClaimed, BadField, BeadStatus, CodeBead, DeleteRefused
from gastown.db import IllegalTransition
from tests.support.factories_beads import AGENT, PERSON, make_bead, make_closed, make_slung


def test_an_attempt_takes_a_bead_through_its_life(session: Session) -> None:
    bead = make_slung(session, BeadStatus.SUBMITTED)
    assert (bead.status, bead.assignee, bead.is_code) == ("submitted", AGENT, True)
    assert bead.started_at is not None
    steps = [event.payload["status"] for event in events.for_bead(session, bead.id) if "status" in event.payload]
    assert steps == ["hooked", "in_progress", "submitted"]


@pytest.mark.parametrize(
    ("status", "new"),
    [
        (BeadStatus.HOOKED, BeadStatus.SUBMITTED),
        (BeadStatus.IN_PROGRESS, BeadStatus.CLOSED),
        (BeadStatus.ESCALATED, BeadStatus.HOOKED),
        (BeadStatus.SUBMITTED, BeadStatus.DEFERRED),
    ],
)
def test_a_step_that_the_table_does_not_list_is_refused(session: Session, status: BeadStatus, new: BeadStatus) -> None:
    bead = make_slung(session, status)
    with pytest.raises(IllegalTransition):
        beads.set_status(session, bead.id, new, actor="town")
    assert bead.status == status


def test_an_escalated_bead_opens_for_another_sling(session: Session) -> None:
    bead = make_slung(session, BeadStatus.ESCALATED)
    assert events.for_bead(session, bead.id)[-1].kind.value == "bead.escalated"
    beads.set_status(session, bead.id, BeadStatus.OPEN, actor=PERSON, assignee="")
    assert (bead.status, bead.assignee) == ("open", "")
    beads.set_status(session, bead.id, BeadStatus.HOOKED, actor=PERSON)


def test_nobody_changes_the_status_while_an_attempt_is_at_work(session: Session) -> None:
    bead = make_slung(session)
    with pytest.raises(CodeBead):
        beads.update(session, bead.id, {"status": "open"}, actor=AGENT)
    assert beads.update(session, bead.id, {"append_notes": "half way"}, actor=AGENT)
    assert bead.notes == "half way"


def test_an_update_records_only_what_changed(session: Session) -> None:
    bead = make_bead(session, notes="one")
    patch: beads.Patch = {"append_notes": "two", "priority": 2, "merge_metadata": {"k": 1}, "assignee": "bob"}
    assert beads.update(session, bead.id, patch, actor=PERSON)
    payload = events.for_bead(session, bead.id)[-1].payload
    assert set(payload) == {"notes", "meta", "assignee", "updated_at"}
    assert bead.notes == "one\ntwo"
    assert not beads.update(session, bead.id, {"priority": 2}, actor=PERSON)


def test_leaving_closed_forgets_the_close(session: Session) -> None:
    bead = make_closed(session)
    beads.update(session, bead.id, {"status": "in_progress"}, actor=PERSON)
    assert (bead.closed_at, bead.close_reason, bead.status) == (None, "", "in_progress")
    assert bead.started_at is not None
    assert bead.assignee == ""


def test_a_status_that_only_this_store_knows_is_accepted(session: Session) -> None:
    bead = make_bead(session)
    with pytest.raises(BadField, match="invalid status"):
        beads.update(session, bead.id, {"status": "review"}, actor=PERSON)
    line = b'{"id":"app-zz","title":"t","status":"review","created_at":"2026-01-01T00:00:00Z"}'
    beads.import_lines(session, line, actor=PERSON)
    beads.update(session, bead.id, {"status": "review"}, actor=PERSON)
    assert bead.status == "review"
    with pytest.raises(BadField, match="invalid status"):
        beads.update(session, bead.id, {"status": "tombstone"}, actor=PERSON)


def test_a_claim_sets_all_at_once_and_repeats_for_its_holder_only(session: Session) -> None:
    bead = make_bead(session)
    beads.claim(session, bead.id, actor="ada")
    assert (bead.status, bead.assignee) == ("in_progress", "ada")
    number = len(events.for_bead(session, bead.id))
    assert beads.claim(session, bead.id, actor="ada").id == bead.id
    assert len(events.for_bead(session, bead.id)) == number
    with pytest.raises(AlreadyClaimed, match="already claimed by ada"):
        beads.claim(session, bead.id, actor="bob")
    with pytest.raises(AlreadyClaimed, match="not claimable: status closed"):
        beads.claim(session, make_closed(session).id, actor="bob")


def test_claiming_the_next_ready_bead_takes_them_in_order(session: Session) -> None:
    late, urgent = make_bead(session, priority=3), make_bead(session, priority=0)
    make_bead(session, priority=0, deps=(late.id,))
    first = beads.claim_ready(session, beads.Filters(), actor="ada")
    second = beads.claim_ready(session, beads.Filters(), actor="bob")
    assert [first, second] == [urgent.id, late.id]
    assert (urgent.status, urgent.assignee) == (BeadStatus.IN_PROGRESS, "ada"), "a bead at hand is as it is now"
    assert beads.claim_ready(session, beads.Filters(), actor="cyd") is None


def test_a_deferred_bead_returns_when_its_time_has_come(session: Session) -> None:
    bead = make_bead(session)
    beads.defer(session, bead.id, clock.now() + timedelta(hours=1), actor=PERSON)
    assert beads.list_ready(session) == []
    beads.defer(session, bead.id, clock.now() - timedelta(seconds=1), actor=PERSON)
    assert [each.id for each in beads.list_ready(session)] == [bead.id]
    assert beads.is_ready(bead)
    assert beads.undefer(session, bead.id, actor=PERSON)
    assert not beads.undefer(session, bead.id, actor=PERSON)


def test_a_deferred_parent_hides_its_children(session: Session) -> None:
    parent = make_bead(session, "parent")
    make_bead(session, parent=parent.id)
    beads.defer(session, parent.id, clock.now() + timedelta(hours=1), actor=PERSON)
    assert beads.list_ready(session) == []
    assert len(beads.list_ready(session, beads.Filters(include_deferred=True))) == 2


def test_labels_are_set_and_kept_across_updates(session: Session) -> None:
    bead = make_bead(session, labels=("a", "b"))
    assert not beads.add_label(session, bead.id, "a", actor=PERSON)
    beads.set_labels(session, bead.id, ["b", "c"], actor=PERSON)
    beads.update(session, bead.id, {"title": "another"}, actor=PERSON)
    assert beads.load_relations(session, [bead.id]).labels[bead.id] == ["b", "c"]
    with pytest.raises(BadField, match="label cannot be empty"):
        beads.add_label(session, bead.id, " ", actor=PERSON)


def test_comments_keep_their_order_and_refuse_to_be_empty(session: Session) -> None:
    bead = make_bead(session)
    for text in ("one", "two", "three"):
        beads.add_comment(session, bead.id, text, actor=PERSON)
    found = beads.load_relations(session, [bead.id], comments=True).comments[bead.id]
    assert [comment.text for comment in found] == ["one", "two", "three"]
    with pytest.raises(BadField):
        beads.add_comment(session, bead.id, " \n", actor=PERSON)


def test_a_deleted_bead_is_gone_with_its_edges_but_leaves_a_tombstone(session: Session) -> None:
    bead = make_bead(session)
    waiting = make_bead(session, description=f"after {bead.id}, not {bead.id}9", deps=(bead.id,))
    with pytest.raises(DeleteRefused, match=waiting.id):
        beads.delete(session, [bead.id], actor=PERSON)
    done = beads.delete(session, [bead.id], actor=PERSON, orphan=True)
    assert (done.edges, done.rewritten) == (1, [waiting.id])
    session.refresh(waiting)
    assert not waiting.is_blocked
    assert waiting.description == f"after [deleted:{bead.id}], not {bead.id}9"
    with pytest.raises(beads.BeadNotFound):
        beads.get(session, bead.id)
    assert beads.list_(session, beads.Filters(any_status=True)) == [waiting]
    assert [f'"id":"{bead.id}"' in line for line in beads.export_lines(session)].count(True) == 1


def test_a_bead_with_an_agent_at_work_cannot_be_deleted(session: Session) -> None:
    with pytest.raises(DeleteRefused, match="agent is at work"):
        beads.delete(session, [make_slung(session).id], actor=PERSON, orphan=True)
