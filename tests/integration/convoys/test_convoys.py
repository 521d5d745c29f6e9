"""Convoys against real SQL."""

import pytest
from sqlmodel import Session, select

from gastown import beads, convoys
from gastown.beads import NewBead
from gastown.convoys import ConvoyStatus
from gastown.events import Event, EventKind

SHA = "a" * 40


def make(session: Session, title: str = "work", *, code: bool | None = None) -> str:
    bead = beads.create(session, NewBead(title=title, prefix="app"), actor="pat")
    if code is not None:
        beads.mark_slung(session, bead.id, is_code=code, actor="pat")
    return bead.id


def land(session: Session, bead_id: str) -> None:
    beads.close_landed(
        session, bead_id, actor="app/refinery", sha=SHA, target="main", fence=1, assignment_id=1, rig="app"
    )


def kinds(session: Session) -> list[EventKind]:
    return [event.kind for event in session.exec(select(Event).order_by(Event.id)) if event.kind.startswith("convoy.")]


def test_convoy_lands_when_its_last_code_bead_has_landed(session: Session) -> None:
    one, two = make(session, code=True), make(session, code=True)
    convoy = convoys.create(session, "both", [one, two], actor="pat")
    land(session, one)
    assert convoys.check_landed(session, one, actor="app/refinery") == []
    assert convoy.status is ConvoyStatus.OPEN
    land(session, two)
    landed = convoys.check_landed(session, two, actor="app/refinery")
    assert [found.id for found in landed] == [convoy.id]
    assert convoy.status is ConvoyStatus.LANDED
    assert convoy.landed_at is not None
    assert kinds(session).count(EventKind.CONVOY_LANDED) == 1


def test_convoy_lands_once_when_it_is_checked_again(session: Session) -> None:
    only = make(session, code=True)
    convoys.create(session, "one", [only], actor="pat")
    land(session, only)
    assert len(convoys.check_landed(session, only, actor="x")) == 1
    assert convoys.check_landed(session, only, actor="x") == []
    assert kinds(session).count(EventKind.CONVOY_LANDED) == 1


def test_convoy_stays_open_when_a_code_bead_is_closed_without_a_landing(session: Session) -> None:
    only = make(session, code=True)
    convoy = convoys.create(session, "one", [only], actor="pat")
    bead = beads.get(session, only)
    bead.status = beads.BeadStatus.CLOSED.value  # what no door of ours does
    assert convoys.check_landed(session, only, actor="x") == []
    assert convoy.status is ConvoyStatus.OPEN


def test_convoy_lands_when_a_person_settles_the_rest_without_code(session: Session) -> None:
    one, two = make(session, code=True), make(session, code=True)
    convoy = convoys.create(session, "both", [one, two], actor="pat")
    land(session, one)
    closing = beads.close(session, [two], actor="pat", reason="not needed", no_code=True)
    assert not closing.refused
    convoys.check_landed(session, two, actor="pat")
    assert convoy.status is ConvoyStatus.LANDED


def test_convoy_lands_when_its_last_open_member_is_deleted(session: Session) -> None:
    one, two = make(session), make(session)
    convoy = convoys.create(session, "both", [one, two], actor="pat")
    beads.close(session, [one], actor="pat")
    beads.delete(session, [two], actor="pat")
    convoys.check_landed(session, two, actor="pat")
    assert convoy.status is ConvoyStatus.LANDED


def test_convoy_never_lands_when_all_its_members_are_deleted(session: Session) -> None:
    only = make(session)
    convoy = convoys.create(session, "one", [only], actor="pat")
    beads.delete(session, [only], actor="pat")
    assert convoys.check_landed(session, only, actor="pat") == []
    assert convoy.status is ConvoyStatus.OPEN


def test_convoy_opens_again_when_work_is_added(session: Session) -> None:
    one, two = make(session), make(session)
    convoy = convoys.create(session, "grows", [one], actor="pat")
    beads.close(session, [one], actor="pat")
    convoys.check_landed(session, one, actor="pat")
    assert convoys.add_members(session, convoy.id, [one, two, two], actor="pat") == [two]
    assert convoy.status is ConvoyStatus.OPEN
    assert convoy.landed_at is None
    assert kinds(session)[-1] is EventKind.CONVOY_REOPENED


def test_convoy_lands_at_once_when_everything_in_it_is_done(session: Session) -> None:
    only = make(session)
    beads.close(session, [only], actor="pat")
    assert convoys.create(session, "late", [only], actor="pat").status is ConvoyStatus.LANDED


def test_bead_that_travels_twice_lands_both_convoys(session: Session) -> None:
    shared = make(session)
    made = {convoys.create(session, name, [shared], actor="pat").id for name in ("one", "two")}
    assert len(made) == 2
    beads.close(session, [shared], actor="pat")
    assert {convoy.id for convoy in convoys.check_landed(session, shared, actor="pat")} == made


@pytest.mark.parametrize("title", ["", "   ", "x" * 501, "two\nlines"])
def test_convoy_is_refused_when_its_title_is_bad(session: Session, title: str) -> None:
    only = make(session)
    with pytest.raises(convoys.BadConvoy):
        convoys.create(session, title, [only], actor="pat")


def test_convoy_is_refused_when_it_has_no_beads_or_unknown_ones(session: Session) -> None:
    with pytest.raises(convoys.BadConvoy):
        convoys.create(session, "empty", [], actor="pat")
    with pytest.raises(beads.BeadNotFound):
        convoys.create(session, "unknown", ["app-none"], actor="pat")


def test_status_orders_members_by_wave_when_they_depend_on_each_other(session: Session) -> None:
    first, second, third = make(session, "a"), make(session, "b"), make(session, "c")
    beads.add_dependency(session, second, first, actor="pat")
    beads.add_dependency(session, third, second, actor="pat")
    convoy = convoys.create(session, "chain", [third, second, first], actor="pat")
    report = convoys.status(session, convoy.id)
    assert [[bead.id for bead in wave] for wave in report.waves] == [[first], [second], [third]]
    assert (report.progress.total, report.progress.done) == (3, 0)


def test_list_shows_landed_convoys_only_when_asked(session: Session) -> None:
    one, two = make(session), make(session)
    still_open = convoys.create(session, "open", [one, two], actor="pat")
    landed = convoys.create(session, "landed", [one], actor="pat")
    beads.close(session, [one], actor="pat")
    convoys.check_landed(session, one, actor="pat")
    assert [item.convoy.id for item in convoys.list_all(session)] == [still_open.id]
    everything = {item.convoy.id: item.progress for item in convoys.list_all(session, include_landed=True)}
    assert set(everything) == {still_open.id, landed.id}
    assert (everything[still_open.id].done, everything[still_open.id].total) == (1, 2)


def test_unknown_convoy_is_not_found(session: Session) -> None:
    with pytest.raises(convoys.ConvoyNotFound):
        convoys.status(session, "hq-cv-nope1")
