import pytest
from sqlmodel import Session

from gastown import beads, events
from gastown.beads import BadField, BeadNotFound, DependencyRefused, Walk
from tests.support.factories_beads import PERSON, make_bead


def link(session: Session, bead: str, target: str, kind: str = "blocks", metadata: str = "") -> None:
    beads.add_dependency(session, bead, target, actor=PERSON, type=kind, metadata=metadata)


def test_an_edge_is_added_once_and_recorded(session: Session) -> None:
    first, second = make_bead(session), make_bead(session, prefix="web")
    link(session, first.id, second.id)
    link(session, first.id, second.id)
    found = [event for event in events.for_bead(session, first.id) if event.kind.value == "dependency.added"]
    assert [(event.payload["depends_on_id"], event.payload["type"]) for event in found] == [(second.id, "blocks")]


def test_another_type_between_the_same_two_is_refused(session: Session) -> None:
    first, second = make_bead(session), make_bead(session)
    link(session, first.id, second.id)
    with pytest.raises(DependencyRefused, match="already exists with type blocks; remove it first"):
        link(session, first.id, second.id, "related")


def test_a_bead_cannot_depend_on_itself(session: Session) -> None:
    bead = make_bead(session)
    with pytest.raises(DependencyRefused, match="cannot depend on itself"):
        link(session, bead.id, bead.id)


@pytest.mark.parametrize("kind", ["blocks", "conditional-blocks", "merge-blocks"])
def test_a_circle_is_refused_across_all_blocking_types(session: Session, kind: str) -> None:
    a, b, c = (make_bead(session, name).id for name in "abc")
    link(session, a, b)
    link(session, b, c, "conditional-blocks")
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        link(session, c, a, kind)
    link(session, c, a, "related")


def test_a_child_cannot_wait_for_what_must_wait_for_it(session: Session) -> None:
    top = make_bead(session, "top")
    middle = make_bead(session, "middle", parent=top.id)
    child = make_bead(session, "child", parent=middle.id)
    for bead, target in ((child, top), (top, child), (middle, child)):
        with pytest.raises(DependencyRefused, match="would create a cycle"):
            link(session, bead.id, target.id)


def test_siblings_may_wait_for_each_other_in_one_direction(session: Session) -> None:
    top = make_bead(session, "top")
    one, two = make_bead(session, parent=top.id), make_bead(session, parent=top.id)
    link(session, two.id, one.id)
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        link(session, one.id, two.id)


def test_a_waits_for_what_waits_for_the_parent_of_a_is_a_circle(session: Session) -> None:
    top, other = make_bead(session, "top"), make_bead(session, "other")
    child = make_bead(session, "child", parent=top.id)
    link(session, top.id, other.id)
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        link(session, other.id, child.id)


def test_parents_in_a_circle_are_refused(session: Session) -> None:
    top = make_bead(session, "top")
    child = make_bead(session, "child", parent=top.id)
    with pytest.raises(DependencyRefused, match="would create a cycle"):
        beads.set_parent(session, top.id, child.id, actor=PERSON)


def test_a_bead_moves_to_another_parent(session: Session) -> None:
    one, two = make_bead(session, "one"), make_bead(session, "two")
    child = make_bead(session, "child", parent=one.id)
    beads.set_parent(session, child.id, two.id, actor=PERSON)
    assert beads.load_relations(session, [child.id]).parent_of(child.id) == two.id
    beads.set_parent(session, child.id, "", actor=PERSON)
    assert beads.load_relations(session, [child.id]).edges == {}


def test_epics_and_tasks_do_not_block_each_other(session: Session) -> None:
    epic, task = make_bead(session, issue_type="epic"), make_bead(session)
    with pytest.raises(DependencyRefused, match="epics can only block other epics, not tasks"):
        link(session, task.id, epic.id)
    with pytest.raises(DependencyRefused, match="tasks can only block other tasks, not epics"):
        link(session, epic.id, task.id)


def test_ends_that_do_not_exist_are_refused(session: Session) -> None:
    bead = make_bead(session)
    with pytest.raises(BeadNotFound, match="no issue found"):
        link(session, bead.id, "app-none")
    with pytest.raises(BeadNotFound):
        link(session, "app-none", bead.id)
    for target in ("external:", "external:a", "external:a:", "external:a:b:c"):
        with pytest.raises(BadField, match="external"):
            link(session, bead.id, target)
    with pytest.raises(BadField, match="invalid dependency type"):
        link(session, bead.id, make_bead(session).id, "x" * 51)


def test_removing_an_edge_frees_the_bead_and_tells_when_there_was_none(session: Session) -> None:
    blocker = make_bead(session)
    bead = make_bead(session, deps=(blocker.id,))
    assert beads.remove_dependency(session, bead.id, blocker.id, actor=PERSON)
    assert not beads.remove_dependency(session, bead.id, blocker.id, actor=PERSON)
    session.refresh(bead)
    assert not bead.is_blocked


def test_the_tree_opens_shared_beads_once_and_cuts_circles(session: Session) -> None:
    base = make_bead(session, "base")
    left, right = make_bead(session, "left", deps=(base.id,)), make_bead(session, "right", deps=(base.id,))
    top = make_bead(session, "top", deps=(left.id, right.id, "external:other:thing"))
    link(session, base.id, top.id, "related")
    nodes = beads.walk(session, top.id)
    assert [(node.depth, node.bead.title if node.bead else node.id) for node in nodes].count((2, "base")) == 2
    assert [node.truncated for node in nodes if node.id == base.id] == [False, True]
    assert [node.truncated for node in nodes if node.id == top.id] == [False, True]
    assert (1, None) in [(node.depth, node.bead) for node in nodes]
    upwards = beads.walk(session, base.id, Walk(max_depth=1), upwards=True)
    assert {node.id for node in upwards} == {base.id, left.id, right.id}
