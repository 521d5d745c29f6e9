"""Whatever edges are accepted, there is an order in which every bead can be closed."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert
from sqlmodel import Session, select

from gastown import beads
from gastown.beads import Bead, BeadStatus, Dependency, DependencyRefused, NewEdge
from gastown.beads.graphs.deadlocks import choose_dropped, circles
from gastown.errors import GastownError
from tests.support.factories_beads import PERSON, make_bead

BEADS = 6
BEAD = st.integers(0, BEADS - 1)
# Satisfies what waits for a close, for a failure and for a landing alike.
REASON = "Merged in 0123456789ab, which failed"
KINDS = st.sampled_from(
    [
        *("blocks", "blocks", "parent-child", "parent-child", "waits-for", "waits-for"),
        *("conditional-blocks", "merge-blocks", "duplicates", "supersedes", "related"),
    ]
)
STEPS = st.one_of(
    st.tuples(st.just("link"), BEAD, BEAD, KINDS),
    st.tuples(st.just("link"), BEAD, BEAD, KINDS),
    st.tuples(st.just("link"), BEAD, BEAD, KINDS),
    st.tuples(st.just("parent"), BEAD, BEAD),
    st.tuples(st.just("child"), BEAD),
    st.tuples(st.just("unlink"), BEAD, BEAD),
    st.tuples(st.just("many"), st.lists(st.tuples(BEAD, BEAD, KINDS), max_size=5)),
    st.tuples(st.just("any"), BEAD, BEAD),
)


def act(session: Session, names: list[str], step: tuple) -> None:  # type: ignore[type-arg]
    verb = step[0]
    if verb == "many":
        new = [NewEdge(names[one], names[two], kind) for one, two, kind in step[1]]
        beads.add_dependencies(session, new, actor=PERSON)
    elif verb == "link":
        beads.add_dependency(session, names[step[1]], names[step[2]], actor=PERSON, type=step[3])
    elif verb == "any":
        gate = '{"gate": "any-children"}'
        beads.add_dependency(session, names[step[1]], names[step[2]], actor=PERSON, type="waits-for", metadata=gate)
    elif verb == "parent":
        beads.set_parent(session, names[step[1]], names[step[2]], actor=PERSON)
    elif verb == "child":
        names.append(make_bead(session, parent=names[step[1]]).id)
    else:
        beads.remove_dependency(session, names[step[1]], names[step[2]], actor=PERSON)


def close_everything(session: Session) -> list[str]:
    """Close what can be closed, children before their parents, until nothing more can be; return what is left."""
    while True:
        session.expire_all()
        waiting = session.exec(select(Bead).where(Bead.status != BeadStatus.CLOSED.value)).all()
        children = [
            bead.id
            for bead in waiting
            if not bead.is_blocked
            and all(child.status == BeadStatus.CLOSED for child in beads.list_children(session, bead.id))
        ]
        if not children:
            return [bead.id for bead in waiting]
        closing = beads.close(session, children, actor=PERSON, reason=REASON)
        assert not closing.refused


def edges_of(session: Session) -> list[tuple[str, str, str]]:
    return [(edge.issue_id, edge.depends_on_id, edge.type) for edge in session.exec(select(Dependency))]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(STEPS, min_size=4, max_size=25))
def test_every_bead_can_be_closed_whatever_was_accepted(shared_engine: Engine, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            names = [make_bead(session, str(number)).id for number in range(BEADS)]
            for step in steps:
                try:
                    with session.begin_nested():
                        act(session, names, step)
                except GastownError:
                    continue
            assert beads.find_circles(session) == []
            one_way = [edge for edge in edges_of(session) if edge[2] in ("duplicates", "supersedes")]
            assert circles(one_way) == []
            assert close_everything(session) == [], edges_of(session)
        transaction.rollback()


@pytest.mark.usefixtures("session")
def test_closing_everything_sees_a_deadlock(session: Session) -> None:
    top = make_bead(session)
    child = make_bead(session, parent=top.id)
    session.add(Dependency(issue_id=child.id, depends_on_id=top.id, type="blocks", meta=""))
    session.flush()
    from gastown.beads.readiness import recompute_all

    recompute_all(session)
    assert sorted(close_everything(session)) == [top.id, child.id]
    assert beads.find_circles(session) == [[top.id, child.id]]


def link(session: Session, bead: str, target: str, kind: str = "blocks") -> None:
    beads.add_dependency(session, bead, target, actor=PERSON, type=kind)


def test_a_gate_over_ones_own_family_is_refused(session: Session) -> None:
    top = make_bead(session, "top")
    middle = make_bead(session, parent=top.id)
    child = make_bead(session, parent=middle.id)
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        link(session, child.id, top.id, "waits-for")


def test_a_child_is_refused_where_its_parent_waits_for_its_children(session: Session) -> None:
    top, other = make_bead(session, "top"), make_bead(session, "other")
    link(session, top.id, other.id)
    link(session, other.id, top.id, "waits-for")  # no children yet, so nothing waits
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        make_bead(session, parent=top.id)
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        beads.set_parent(session, make_bead(session).id, top.id, actor=PERSON)


@pytest.mark.parametrize("kind", ["duplicates", "supersedes"])
def test_chains_of_duplicates_end_somewhere(session: Session, kind: str) -> None:
    one, two, three = (make_bead(session).id for _ in range(3))
    link(session, one, two, kind)
    link(session, two, three, kind)
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        link(session, three, one, kind)


def test_the_refusal_names_the_beads_of_the_circle(session: Session) -> None:
    one, two, three = (make_bead(session, name).id for name in "abc")
    link(session, two, one)
    link(session, three, two)
    with pytest.raises(DependencyRefused) as refused:
        link(session, one, three)
    assert refused.value.hint == f"None of these could ever be closed: {one} -> {three} -> {two} -> {one}."


def test_edges_of_deleted_beads_refuse_nothing(session: Session) -> None:
    one, two, gone = make_bead(session).id, make_bead(session).id, make_bead(session)
    link(session, two, gone.id)
    link(session, gone.id, one)
    gone.status = BeadStatus.TOMBSTONE.value  # as files bring them, with their edges
    session.add(gone)
    link(session, one, two)


def test_beads_of_two_rigs_block_each_other(session: Session) -> None:
    far = make_bead(session, "far", prefix="web")
    near = make_bead(session, "near", deps=(far.id,))
    assert near.is_blocked
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        link(session, far.id, near.id)
    beads.close(session, [far.id], actor=PERSON)
    session.refresh(near)
    assert not near.is_blocked


def test_a_refused_parent_leaves_the_old_one(session: Session) -> None:
    old, bead = make_bead(session).id, None
    bead = make_bead(session, parent=old).id
    child = make_bead(session, parent=bead).id
    with pytest.raises(DependencyRefused):
        beads.set_parent(session, bead, child, actor=PERSON)
    assert beads.load_relations(session, [bead]).parent_of(bead) == old


def test_many_edges_are_added_or_none(session: Session) -> None:
    names = [make_bead(session).id for _ in range(3)]
    good = [NewEdge(names[0], names[1]), NewEdge(names[1], names[2])]
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        beads.add_dependencies(session, [*good, NewEdge(names[2], names[0])], actor=PERSON)
    assert edges_of(session) == []
    assert len(beads.add_dependencies(session, good, actor=PERSON)) == 2
    assert session.get_one(Bead, names[0], populate_existing=True).is_blocked


def test_a_bead_of_another_store_may_be_named(session: Session) -> None:
    bead = make_bead(session)
    link(session, bead.id, "elsewhere-a1b2")
    assert not session.get_one(Bead, bead.id, populate_existing=True).is_blocked


@pytest.mark.parametrize("metadata", ["[]", "{", '{"gate": "some-children"}', "{\x00}"])
def test_metadata_that_means_nothing_is_refused(session: Session, metadata: str) -> None:
    one, two = make_bead(session).id, make_bead(session).id
    with pytest.raises(beads.BadField):
        beads.add_dependency(session, one, two, actor=PERSON, type="waits-for", metadata=metadata)


def fill(session: Session, edges: Sequence[tuple[str, str]]) -> None:
    """Beads and blocks-edges without checks, as a file brings them."""
    sample = make_bead(session).model_dump()
    names = sorted({name for edge in edges for name in edge})
    session.execute(insert(Bead), [{**sample, "id": name} for name in names])
    session.execute(
        insert(Dependency),
        [{"issue_id": one, "depends_on_id": two, "type": "blocks", "meta": "", "extra": {}} for one, two in edges],
    )


def test_a_long_chain_is_checked_fast(session: Session) -> None:
    fill(session, [(f"app-{n:05}", f"app-{n + 1:05}") for n in range(5000)])
    began = time.perf_counter()
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        link(session, "app-05000", "app-00000")
    refused = time.perf_counter() - began
    began = time.perf_counter()
    link(session, "app-00000", "app-05000")
    assert refused < 5, "the walk is not linear"
    assert time.perf_counter() - began < 5


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"), KINDS), max_size=12),
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"), KINDS), max_size=12),
)
def test_what_is_left_after_dropping_holds_no_circle(
    old: list[tuple[str, str, str]], new: list[tuple[str, str, str]]
) -> None:
    old, new = ([edge for edge in edges if edge[2] != "related"] for edges in (old, new))
    old = [edge for edge in old if edge not in choose_dropped([], old)]
    dropped = choose_dropped(old, new)
    assert circles([*old, *(edge for edge in new if edge not in dropped)]) == []
