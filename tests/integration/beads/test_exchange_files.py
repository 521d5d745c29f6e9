"""Files that are written anew only where something changed, and never made smaller by mistake."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlmodel import Session

from gastown import beads
from gastown.beads import ExportOptions, Target, WouldShrink
from gastown.beads.errors import BeadNotFound
from gastown.db.engine import make_engine
from tests.support.databases import PostgresServer
from tests.support.exchange import edge, line, text
from tests.support.factories_beads import PERSON, make_bead

ALL = ExportOptions(everything=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "store"
    found.mkdir()
    return found


@pytest.fixture
def target(tmp_path: Path, folder: Path) -> Target:
    return Target(tmp_path / "issues.jsonl", folder)


def fresh(session: Session, options: ExportOptions = ALL) -> str:
    return "".join(beads.export_lines(session, options=options))


def test_only_what_changed_is_made_anew_and_nothing_when_nothing_did(session: Session, target: Target) -> None:
    made = [make_bead(session, f"bead {number}") for number in range(5)]
    assert beads.export_file(session, target).rendered == 5
    before = os.stat(target.path)
    done = beads.export_file(session, target)
    assert (done.rendered, done.is_changed, os.stat(target.path)) == (0, False, before)
    beads.update(session, made[2].id, {"notes": "n"}, actor=PERSON)
    make_bead(session, "another")
    done = beads.export_file(session, target)
    assert (done.rendered, done.number, done.is_changed) == (2, 6, True)
    assert target.path.read_text() == fresh(session, ExportOptions())


def test_a_file_that_somebody_wrote_to_is_looked_at_as_a_whole(session: Session, target: Target) -> None:
    bead = make_bead(session, "one")
    beads.export_file(session, target)
    target.path.write_text(target.path.read_text().replace('"one"', '"two"'))
    done = beads.export_file(session, target)
    assert (done.rendered, done.is_changed) == (1, True)
    assert f'"id":"{bead.id}","title":"one"' in target.path.read_text()


def test_the_same_lines_leave_a_foreign_file_untouched(session: Session, target: Target) -> None:
    make_bead(session, "one")
    target.path.write_text(fresh(session, ExportOptions()))
    before = os.stat(target.path)
    assert not beads.export_file(session, target).is_changed
    assert os.stat(target.path) == before


@pytest.mark.parametrize(
    ("foreign", "why"),
    [
        (text(line("gt-only")), "gt-only"),
        (b"<<<<<<< HEAD\n", "line 2"),
        (b'{"_type":"memory","key":"k","value":"v"}\n', "1 memories"),
        (b'{"_type":"event","issue_id":"gt-a1b2"}\n', "1 events"),
        (text(line(updated_at="2030-01-01T00:00:00Z")), "newer versions of 1 beads: gt-a1b2"),
    ],
)
def test_what_only_the_file_holds_is_not_lost(session: Session, target: Target, foreign: bytes, why: str) -> None:
    beads.import_lines(session, text(line()), actor=PERSON)
    target.path.write_bytes(text(line()) + foreign)
    with pytest.raises(WouldShrink, match=why) as refused:
        beads.export_file(session, target)
    assert "--allow-shrink" in (refused.value.hint or "")
    assert target.path.read_bytes() == text(line()) + foreign
    allowed = Target(target.path, target.state, allow_shrink=True)
    assert beads.export_file(session, allowed).number == 1


def test_an_empty_store_never_replaces_beads(session: Session, target: Target) -> None:
    target.path.write_bytes(text(line()))
    with pytest.raises(WouldShrink, match="this store has none"):
        beads.export_file(session, Target(target.path, target.state, allow_shrink=True))
    assert target.path.read_bytes() == text(line())


def test_a_filtered_export_does_not_replace_a_whole_one(session: Session, target: Target) -> None:
    make_bead(session, "one")
    wanted = make_bead(session, "two", labels=("x",))
    beads.export_file(session, target)
    with pytest.raises(WouldShrink):
        beads.export_file(session, target, ExportOptions(labels=("x",)))
    other = Target(target.path.with_name("x.jsonl"), target.state)
    assert beads.export_file(session, other, ExportOptions(labels=("x",))).number == 1
    assert wanted.id in other.path.read_text()


def test_deleted_beads_stay_as_tombstones_and_forgotten_memories_may_go(session: Session, target: Target) -> None:
    bead = make_bead(session, "one")
    beads.remember(session, "x", key="k", actor=PERSON)
    beads.export_file(session, target, ALL)
    beads.delete(session, [bead.id], actor=PERSON)
    beads.forget(session, "k", actor=PERSON)
    beads.export_file(session, Target(target.path), ALL)
    assert '"status":"tombstone"' in target.path.read_text()
    assert '"memory"' not in target.path.read_text()


def test_wisps_that_a_file_holds_are_not_dropped_by_an_export_without_all(session: Session, target: Target) -> None:
    make_bead(session, "one")
    wisp = make_bead(session, "wisp", ephemeral=True)
    beads.export_file(session, target, ExportOptions(everything=True, statuses=("open",)))
    with pytest.raises(WouldShrink, match=wisp.id):
        beads.export_file(session, target)


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        (ExportOptions(statuses=("closed",)), ["c"]),
        (ExportOptions(types=("bug",)), ["b"]),
        (ExportOptions(assignee="bob"), ["b"]),
        (ExportOptions(scrub=True), ["b", "c", "testing is fun"]),
    ],
)
def test_conditions_choose_beads(session: Session, options: ExportOptions, titles: list[str]) -> None:
    make_bead(session, "test issue 3")
    make_bead(session, "testing is fun")
    make_bead(session, "b", issue_type="bug", assignee="bob")
    beads.close(session, [make_bead(session, "c").id], actor=PERSON, reason="done")
    found = [each.partition('"title":"')[2].partition('"')[0] for each in beads.export_lines(session, options=options)]
    assert sorted(found) == titles


def test_an_id_that_is_not_there_is_refused(session: Session) -> None:
    with pytest.raises(BeadNotFound):
        list(beads.export_lines(session, options=ExportOptions(ids=("gt-none",))))


class Editing(RuleBasedStateMachine):
    """Any changes, and exports between them: an incremental file is the one that a whole export would write."""

    session: Session
    path: Path

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = self.session.begin_nested()
        self.ids: list[str] = []
        self.targets = [Target(self.path / f"{name}.jsonl", self.path) for name in ("all", "plain")]
        for target in self.targets:
            target.path.unlink(missing_ok=True)

    @initialize()
    def begin(self) -> None:
        self.add("first")

    def pick(self, number: int) -> str:
        return self.ids[number % len(self.ids)]

    @rule(title=st.sampled_from(["a", "ü", 'quo"te', "line\u2028end"]), ephemeral=st.booleans())
    def create(self, title: str, ephemeral: bool) -> None:
        self.add(title, ephemeral=ephemeral)

    def add(self, title: str, **said: Any) -> None:
        self.ids.append(make_bead(self.session, title, **said).id)

    @rule(number=st.integers(0, 50), notes=st.text("ab", max_size=3))
    def update(self, number: int, notes: str) -> None:
        beads.update(self.session, self.pick(number), {"notes": notes}, actor=PERSON)

    @rule(number=st.integers(0, 50), label=st.sampled_from("xy"), add=st.booleans())
    def label(self, number: int, label: str, add: bool) -> None:
        (beads.add_label if add else beads.remove_label)(self.session, self.pick(number), label, actor=PERSON)

    @rule(number=st.integers(0, 50))
    def comment(self, number: int) -> None:
        beads.add_comment(self.session, self.pick(number), "hello", actor=PERSON)

    @rule(one=st.integers(0, 50), two=st.integers(0, 50))
    def depend(self, one: int, two: int) -> None:
        if self.pick(one) > self.pick(two) and not beads.load_relations(self.session, [self.pick(one)]).edges:
            beads.add_dependency(self.session, self.pick(one), self.pick(two), actor=PERSON, type="related")

    @precondition(lambda self: len(self.ids) > 1)
    @rule(number=st.integers(0, 50))
    def delete(self, number: int) -> None:
        name = self.pick(number)
        self.ids.remove(name)
        beads.delete(self.session, [name], actor=PERSON, orphan=True)

    @precondition(lambda self: len(self.ids) > 1)
    @rule(number=st.integers(0, 50))
    def rename(self, number: int) -> None:
        name = self.pick(number)
        self.ids.remove(name)
        beads.upkeep.rename(self.session, name, f"{name}x", actor=PERSON)
        self.ids.append(f"{name}x")

    @rule(number=st.integers(0, 5))
    def take(self, number: int) -> None:
        said = line(f"gt-im{number}", labels=["z"], dependencies=[edge(f"gt-im{number}", "gt-gone")])
        beads.import_lines(self.session, text(said), actor=PERSON)

    @rule(key=st.sampled_from("kl"))
    def remember(self, key: str) -> None:
        beads.remember(self.session, f"note {len(self.ids)}", key=key, actor=PERSON)

    @rule()
    def write(self) -> None:
        for target, options in zip(self.targets, (ALL, ExportOptions()), strict=True):
            beads.export_file(self.session, target, options)
            assert target.path.read_text() == fresh(self.session, options)

    def teardown(self) -> None:
        self.write()
        self.savepoint.rollback()


def test_an_incremental_file_is_what_a_whole_export_would_be(session: Session, tmp_path: Path) -> None:
    machine = type("Machine", (Editing,), {"session": session, "path": tmp_path})
    chosen = settings(
        max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_a_change_that_was_under_way_during_an_export_is_in_the_next(
    postgres_server: PostgresServer, target: Target
) -> None:
    """SQLite has one writer, and gives numbers of events in the order of commits."""
    engine = make_engine(postgres_server.create_database())
    with Session(engine, expire_on_commit=False) as early, Session(engine, expire_on_commit=False) as late:
        one, two = make_bead(early, "one"), make_bead(early, "two")
        early.commit()
        beads.update(early, one.id, {"notes": "early"}, actor=PERSON)
        early.flush()  # has its number, and is not committed
        beads.update(late, two.id, {"notes": "late"}, actor=PERSON)
        late.commit()
        with Session(engine) as reader:
            assert beads.export_file(reader, target).rendered == 2
        early.commit()
        with Session(engine) as reader:
            assert beads.export_file(reader, target).rendered == 1
            assert target.path.read_text() == fresh(reader, ExportOptions())
    assert '"notes":"early"' in target.path.read_text()
    engine.dispose()
