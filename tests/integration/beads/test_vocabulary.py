"""The store's own types and statuses count wherever the built-in ones do."""

import pytest
from sqlmodel import Session

from gastown import beads
from gastown.beads import BadField, Category, Filters
from tests.support.factories_beads import PERSON, make_bead


@pytest.fixture(autouse=True)
def words(session: Session) -> None:
    beads.set_config(session, "types.custom", "wish,rfc", actor=PERSON)
    beads.set_config(session, "status.custom", "triage:active,review:wip,shipped:done,icebox:frozen,odd", actor=PERSON)


def test_they_are_known_with_their_categories(session: Session) -> None:
    assert {"wish", "rfc", "bug"} <= set(beads.known_types(session))
    known = beads.known_statuses(session)
    assert (known["triage"], known["shipped"], known["odd"], known["open"]) == (
        Category.ACTIVE,
        Category.DONE,
        None,
        Category.ACTIVE,
    )


def test_beads_may_have_them_and_no_others(session: Session) -> None:
    bead = make_bead(session, issue_type="wish")
    beads.update(session, bead.id, {"status": "review", "issue_type": "RFC"}, actor=PERSON)
    assert (bead.status, bead.issue_type) == ("review", "rfc")
    with pytest.raises(BadField, match="invalid status 'nope'"):
        beads.update(session, bead.id, {"status": "nope"}, actor=PERSON)
    with pytest.raises(BadField, match="invalid issue type 'nope'"):
        make_bead(session, issue_type="nope")


def test_done_and_frozen_hide_and_active_is_ready_and_claimable(session: Session) -> None:
    names = {}
    for status in ("triage", "review", "shipped", "icebox", "odd"):
        bead = make_bead(session, status)
        beads.update(session, bead.id, {"status": status}, actor=PERSON)
        names[bead.id] = status
    assert {names[bead.id] for bead in beads.list_(session, Filters())} == {"triage", "review", "odd"}
    assert [names[bead.id] for bead in beads.list_ready(session)] == ["triage"]
    assert {names[bead.id] for bead in beads.list_(session, Filters(statuses=("shipped",)))} == {"shipped"}
    taken = beads.claim_ready(session, Filters(), actor=PERSON)
    assert taken is not None
    assert (names[taken], beads.get(session, taken).status) == ("triage", "in_progress")
    assert beads.claim_ready(session, Filters(), actor="bob") is None


def test_one_bead_of_an_active_status_can_be_claimed_by_name(session: Session) -> None:
    first, second = make_bead(session), make_bead(session)
    beads.update(session, first.id, {"status": "triage"}, actor=PERSON)
    beads.update(session, second.id, {"status": "review"}, actor=PERSON)
    assert beads.claim(session, first.id, actor="bob").assignee == "bob"
    with pytest.raises(beads.AlreadyClaimed, match="not claimable: status review"):
        beads.claim(session, second.id, actor="bob")
