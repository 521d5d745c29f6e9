import pytest
from sqlmodel import Session

from gastown import beads
from gastown.beads.upkeep.removal import purge_rows
from tests.support.factories_beads import PERSON, make_bead, make_closed


@pytest.fixture
def waiting(session: Session) -> tuple[str, str]:
    """A closed provider of a capability, and who depends on it."""
    provider = make_closed(session, labels=("provides:tea",))
    waiting = make_bead(session, deps=("external:app:tea",))
    assert not waiting.is_blocked
    return provider.id, waiting.id


def test_a_capability_goes_with_the_bead_that_provided_it(session: Session, waiting: tuple[str, str]) -> None:
    provider, name = waiting
    beads.delete(session, [provider], actor=PERSON, orphan=True)
    session.expire_all()
    assert beads.get(session, name).is_blocked


def test_decay_leaves_what_provides_a_capability(session: Session, waiting: tuple[str, str]) -> None:
    provider, name = waiting
    assert list(beads.prune(session, actor=PERSON, pattern="*").kept) == [provider]
    assert not beads.get(session, name).is_blocked


def test_edges_to_a_purged_tombstone_hold_nobody_up(session: Session) -> None:
    gone = make_bead(session)
    bead = make_bead(session, deps=(gone.id,))
    beads.delete(session, [gone.id], actor=PERSON, orphan=True)
    purge_rows(session, [gone.id], actor=PERSON, reason="old")
    session.expire_all()
    assert not beads.get(session, bead.id).is_blocked
    assert make_bead(session, "again", id=gone.id).id == gone.id


def test_numbers_of_children_are_never_given_twice(session: Session) -> None:
    parent = make_bead(session)
    child = make_bead(session, parent=parent.id, ephemeral=True)
    beads.close(session, [child.id], actor=PERSON)
    assert beads.purge_wisps(session, actor=PERSON).purged == [child.id]
    assert make_bead(session, parent=parent.id).id == f"{parent.id}.2"


def test_beads_that_wait_only_for_what_is_elsewhere_can_be_taken_out(session: Session) -> None:
    name = make_bead(session, deps=("external:app:tea",)).id
    assert beads.uproot(session, [name], actor=PERSON, reason="burnt") == [name]
    with pytest.raises(beads.BeadNotFound):
        beads.find(session, name)
