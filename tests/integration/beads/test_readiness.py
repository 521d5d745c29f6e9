import pytest
from sqlmodel import Session

from gastown import beads, clock
from gastown.rigs import Rig
from tests.support.factories_beads import PERSON, make_bead, make_closed


def link(session: Session, bead: str, target: str, kind: str = "blocks", metadata: str = "") -> None:
    beads.add_dependency(session, bead, target, actor=PERSON, type=kind, metadata=metadata)


def close(session: Session, bead: str, reason: str = "done") -> None:
    assert beads.close(session, [bead], actor=PERSON, reason=reason, force=True).refused == []


def ready(session: Session) -> set[str]:
    session.flush()
    session.expire_all()
    return {bead.id for bead in beads.list_ready(session)}


def test_only_the_end_of_a_chain_is_ready(session: Session) -> None:
    c = make_bead(session, "c").id
    b = make_bead(session, "b", deps=(c,)).id
    a = make_bead(session, "a", deps=(b,)).id
    assert ready(session) == {c}
    close(session, c)
    assert ready(session) == {b}
    close(session, b)
    assert ready(session) == {a}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_diamond_opens_when_both_sides_are_closed(session: Session, order: tuple[int, int]) -> None:
    sides = [make_bead(session, name).id for name in ("left", "right")]
    top = make_bead(session, "top", deps=tuple(sides)).id
    close(session, sides[order[0]])
    assert top not in ready(session)
    close(session, sides[order[1]])
    assert ready(session) == {top}


def test_a_blocked_parent_blocks_everything_below_it(session: Session) -> None:
    blocker = make_bead(session, "blocker").id
    parent = make_bead(session, "parent", deps=(blocker,)).id
    child = make_bead(session, "child", parent=parent).id
    grandchild = make_bead(session, "grandchild", parent=child).id
    assert ready(session) == {blocker}
    assert dict((bead.id, by) for bead, by in beads.list_blocked(session)) == {
        parent: [blocker],
        child: [parent],
        grandchild: [child],
    }
    close(session, blocker)
    assert ready(session) == {parent, child, grandchild}
    beads.reopen(session, blocker, actor=PERSON)
    assert ready(session) == {blocker}


def test_an_open_parent_does_not_block(session: Session) -> None:
    parent = make_bead(session, "parent", issue_type="epic").id
    child = make_bead(session, "child", parent=parent).id
    assert ready(session) == {child}
    close(session, child)
    assert ready(session) == {parent}


def test_an_association_never_blocks(session: Session) -> None:
    a, b = make_bead(session).id, make_bead(session).id
    for kind in ("related", "discovered-from"):
        link(session, make_bead(session).id, a, kind)
    assert {a, b} < ready(session)


def test_a_conditional_dependant_starts_only_when_its_target_failed(session: Session) -> None:
    target, other = make_bead(session).id, make_bead(session).id
    on_failure, needless = make_bead(session).id, make_bead(session).id
    link(session, on_failure, target, "conditional-blocks")
    link(session, needless, other, "conditional-blocks")
    close(session, target, "Rejected by review")
    close(session, other, "done")
    assert ready(session) == {on_failure}
    assert beads.blockers_of(session, needless) == [other]


def test_a_merge_dependant_starts_only_when_its_target_landed(session: Session) -> None:
    landed, dropped = make_bead(session).id, make_bead(session).id
    a, b = make_bead(session).id, make_bead(session).id
    link(session, a, landed, "merge-blocks")
    link(session, b, dropped, "merge-blocks")
    close(session, landed, "Merged in 0123456789ab")
    close(session, dropped, "done")
    assert ready(session) == {a}


def test_waiting_for_all_children_and_for_any(session: Session) -> None:
    spawner = make_bead(session, "spawner").id
    everyone, anyone = make_bead(session, "all").id, make_bead(session, "any").id
    link(session, everyone, spawner, "waits-for")
    link(session, anyone, spawner, "waits-for", '{"gate": "any-children"}')
    assert {everyone, anyone} < ready(session)
    children = [make_bead(session, parent=spawner).id for _ in range(2)]
    assert not {everyone, anyone} & ready(session)
    assert beads.blockers_of(session, everyone) == children
    close(session, children[0])
    assert anyone in ready(session)
    assert everyone not in ready(session)
    beads.set_parent(session, children[1], "", actor=PERSON)
    assert everyone in ready(session)


def test_an_external_capability_blocks_until_its_project_ships_it(session: Session) -> None:
    session.add(Rig(name="parser", prefix="pp", remote_url="x", branch="main", created_at=clock.now()))
    session.flush()
    bead = make_bead(session).id
    link(session, bead, "external:parser:streaming")
    shipped = make_closed(session, prefix="pp").id
    other = make_closed(session, prefix="web").id
    assert bead not in ready(session)
    beads.add_label(session, other, "provides:streaming", actor=PERSON)
    assert bead not in ready(session)
    beads.add_label(session, shipped, "provides:streaming", actor=PERSON)
    assert bead in ready(session)
    beads.reopen(session, shipped, actor=PERSON)
    assert bead not in ready(session)
    close(session, shipped)
    assert bead in ready(session)
    beads.remove_label(session, shipped, "provides:streaming", actor=PERSON)
    assert bead not in ready(session)


def test_dependencies_between_rigs_really_block(session: Session) -> None:
    blocker = make_bead(session, prefix="web").id
    bead = make_bead(session, prefix="app", deps=(blocker,)).id
    assert ready(session) == {blocker}
    close(session, blocker)
    assert ready(session) == {bead}


@pytest.mark.parametrize(
    ("said", "status"),
    [({"issue_type": "gate"}, None), ({"issue_type": "agent"}, None), ({"ephemeral": True}, None), ({}, "blocked")],
)
def test_some_beads_are_never_offered(session: Session, said: dict[str, object], status: str | None) -> None:
    bead = make_bead(session, **said)
    if status:
        beads.update(session, bead.id, {"status": status}, actor=PERSON)
    assert ready(session) == set()


def test_a_pinned_target_holds_nobody_up(session: Session) -> None:
    target = make_bead(session).id
    bead = make_bead(session, deps=(target,)).id
    beads.update(session, target, {"status": "pinned"}, actor=PERSON)
    assert ready(session) == {bead}
    beads.update(session, target, {"status": "open"}, actor=PERSON)
    assert ready(session) == {target}


def test_an_edge_to_nowhere_blocks_from_the_moment_its_target_is_imported(session: Session) -> None:
    line = (
        '{"id":"app-1111","title":"t","created_at":"2026-01-01T00:00:00Z",'
        '"dependencies":[{"issue_id":"app-1111","depends_on_id":"app-2222","type":"blocks"}]}'
    )
    beads.import_lines(session, line.encode(), actor=PERSON)
    assert ready(session) == {"app-1111"}
    make_bead(session, id="app-2222")
    assert ready(session) == {"app-2222"}


def test_parents_in_an_imported_circle_do_not_keep_each_other_blocked(session: Session) -> None:
    line = '{{"id":"app-{0}","title":"t","created_at":"2026-01-01T00:00:00Z","dependencies":[{1}]}}'
    edge = '{{"issue_id":"app-{0}","depends_on_id":"app-{1}","type":"{2}"}}'
    text = "\n".join(
        [
            line.format("1111", edge.format("1111", "2222", "parent-child")),
            line.format(
                "2222", edge.format("2222", "1111", "parent-child") + "," + edge.format("2222", "3333", "blocks")
            ),
            line.format("3333", ""),
        ]
    )
    assert beads.import_lines(session, text.encode(), actor=PERSON).refused == []
    assert ready(session) == {"app-3333"}
    close(session, "app-3333")
    assert ready(session) == {"app-1111", "app-2222"}


def test_the_order_is_priority_then_newest(session: Session) -> None:
    low, old, new = make_bead(session, priority=3).id, make_bead(session).id, make_bead(session).id
    assert [bead.id for bead in beads.list_ready(session)] == [new, old, low]
    oldest = beads.list_ready(session, beads.Filters(sort=beads.Sort.OLDEST, limit=2))
    assert [bead.id for bead in oldest] == [low, old]
