import pytest
from sqlmodel import Session, col, select

from gastown import beads, events
from gastown.beads import Bead, BeadExists, Dependency
from gastown.beads.history.lineage import find_past, list_events
from gastown.beads.history.replay import replay
from gastown.beads.upkeep.renaming import RenameRefused
from gastown.errors import GastownError
from tests.integration.beads.test_replay_property import stored, told
from tests.support.factories_beads import PERSON, make_bead, make_slung


def in_line(session: Session) -> None:
    """Every bead is what its log says."""
    for name, row in stored(session).items():
        assert told(replay(list_events(session, name))) == row, name


def test_a_bead_is_renamed_everywhere_with_its_children(session: Session) -> None:
    old = make_bead(session, "first", labels=("red",))
    old.description = ""
    child = make_bead(session, "child", parent=old.id)
    waiting = make_bead(session, f"see {old.id}", deps=(old.id,), description=f"({old.id}), {child.id}. x{old.id}")
    other = make_bead(session, "other", notes=f"{old.id}.Then {old.id}.7 {old.id}-x")
    beads.add_comment(session, old.id, f"about {old.id}", actor=PERSON)
    was, names = old.id, (old.id, child.id)
    result = beads.rename(session, was, "app-login", actor=PERSON)
    assert result.names == {was: "app-login", names[1]: "app-login.1"}
    assert result.references == 2
    assert session.get(Bead, was) is None
    found = beads.get(session, "app-login")
    assert (found.title, found.prefix, found.last_child) == ("first", "app", 1)
    relations = beads.load_relations(session, ["app-login"], comments=True)
    assert relations.labels == {"app-login": ["red"]}
    assert [comment.text for comment in relations.comments["app-login"]] == [f"about {was}"]
    assert {edge.issue_id for edge in relations.dependents["app-login"]} == {"app-login.1", waiting.id}
    session.refresh(waiting)
    session.refresh(other)
    assert waiting.title == "see app-login"
    assert waiting.description == f"(app-login), app-login.1. x{was}"
    assert other.notes == f"app-login.Then {was}.7 {was}-x"
    assert waiting.is_blocked
    assert make_bead(session, parent="app-login").id == "app-login.2"
    beads.close(session, ["app-login.1"], actor=PERSON)
    beads.close(session, ["app-login"], actor=PERSON)
    session.refresh(waiting)
    assert not waiting.is_blocked
    in_line(session)


def test_the_history_follows_and_does_not_mix_with_the_next_holder_of_the_name(session: Session) -> None:
    old = make_bead(session, "first").id
    beads.rename(session, old, "app-second", actor=PERSON)
    beads.update(session, "app-second", {"title": "later"}, actor=PERSON)
    assert find_past(session, old) == "app-second"
    beads.rename(session, "app-second", "app-third", actor=PERSON)
    assert find_past(session, old) == "app-third"
    assert [entry.event_type for entry in beads.list_history(session, "app-third")] == [
        *("renamed", "updated", "renamed", "created"),
    ]
    make_bead(session, "another", id=old)
    assert find_past(session, old) == old
    (only,) = beads.list_history(session, old)
    assert only.new["title"] == "another"
    beads.rename(session, "app-third", "app-second", actor=PERSON)  # back to a name that it had
    assert len(beads.list_history(session, "app-second")) == 5
    assert beads.list_history(session, "app-second")[-1].new["title"] == "first"
    in_line(session)


def test_a_purged_name_begins_anew(session: Session) -> None:
    first = make_bead(session, "first", ephemeral=True).id
    beads.close(session, [first], actor=PERSON)
    beads.purge_wisps(session, actor=PERSON)
    assert beads.list_history(session, first)[0].event_type == "purged"
    make_bead(session, "second", id=first)
    assert [entry.event_type for entry in beads.list_history(session, first)] == ["created"]
    in_line(session)


def test_names_in_use_and_slung_beads_are_refused_and_nothing_changes(session: Session) -> None:
    bead, other, slung = make_bead(session), make_bead(session), make_slung(session)
    dangling = make_bead(session)
    session.add(Dependency(issue_id=dangling.id, depends_on_id="app-absent", type="blocks"))
    gone = make_bead(session)
    beads.delete(session, [gone.id], actor=PERSON)
    before, last = stored(session), events.latest_id(session)
    for old, new, error in (
        (bead.id, other.id, BeadExists),
        (bead.id, gone.id, BeadExists),
        (slung.id, "app-new", RenameRefused),
        (bead.id, "app-absent", RenameRefused),
        (bead.id, "not an id", GastownError),
    ):
        with pytest.raises(error):
            beads.rename(session, old, new, actor=PERSON)
    assert (stored(session), events.latest_id(session)) == (before, last)


def test_a_prefix_is_renamed_with_mentions_and_tombstones(session: Session) -> None:
    beads.set_config(session, beads.PREFIX, "old", actor=PERSON)
    one = make_bead(session, "one", prefix="old")
    two = make_bead(session, "two", prefix="old", deps=(one.id,), description=f"after {one.id}, not old-fashioned")
    gone = make_bead(session, "gone", prefix="old")
    beads.delete(session, [gone.id], actor=PERSON)
    hashes = [bead.id.removeprefix("old-") for bead in (one, two, gone)]
    old, result = beads.rename_prefix(session, "new-", actor=PERSON)
    assert (old, len(result.names), result.references) == ("old", 3, 0)
    assert set(session.exec(select(Bead.id))) == {f"new-{each}" for each in hashes}
    assert beads.get(session, f"new-{hashes[1]}").description == f"after new-{hashes[0]}, not old-fashioned"
    assert beads.get_config(session, beads.PREFIX) == "new"
    assert make_bead(session, prefix="new").id.startswith("new-")
    in_line(session)


def test_beads_of_several_prefixes_are_renamed_only_when_that_is_wanted(session: Session) -> None:
    beads.set_config(session, beads.PREFIX, "old", actor=PERSON)
    make_bead(session, "one", id="old-aaaa")
    make_bead(session, "child", parent="old-aaaa")
    make_bead(session, "two", id="other-aaaa")
    make_bead(session, "three", id="new-bbbb")
    with pytest.raises(RenameRefused, match="several prefixes"):
        beads.rename_prefix(session, "new", actor=PERSON)
    _, result = beads.rename_prefix(session, "new", actor=PERSON, repair=True)
    assert result.names["old-aaaa"] == "new-aaaa"
    assert result.names["old-aaaa.1"] == "new-aaaa.1"
    assert result.names["other-aaaa"].startswith("new-")
    assert len(set(session.exec(select(Bead.id).where(col(Bead.prefix) == "new")))) == 4
    in_line(session)


@pytest.mark.parametrize("prefix", ["", "-", "Upper-", "1a-", "far-too-long-", "a b-", "a--"])
def test_what_is_no_prefix_is_refused(session: Session, prefix: str) -> None:
    with pytest.raises(GastownError):
        beads.rename_prefix(session, prefix, actor=PERSON)
