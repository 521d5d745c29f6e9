from hypothesis import given
from hypothesis import strategies as st

from gastown.beads.exchange import circles
from gastown.beads.graphs import deadlocks
from gastown.beads.graphs.deadlocks import TypedEdge

NAMES = st.sampled_from([f"gt-{letter}" for letter in "abcdefg"])
KINDS = st.sampled_from(["blocks", "parent-child", "waits-for", "conditional-blocks", "duplicates", "supersedes"])
EDGES = st.lists(st.tuples(NAMES, NAMES, KINDS), unique=True, max_size=14)


def sound(edges: list[TypedEdge]) -> list[TypedEdge]:
    """`edges` without those that close a circle with the ones before them."""
    kept: list[TypedEdge] = []
    for edge in edges:
        if not deadlocks.circles([*kept, edge]):
            kept.append(edge)
    return kept


@given(old=EDGES, new=EDGES)
def test_what_is_left_has_no_circle_and_nothing_is_left_out_in_vain(old: list[TypedEdge], new: list[TypedEdge]) -> None:
    old = sound(old)
    new = [edge for edge in new if edge not in old]
    dropped = circles.choose_dropped(old, new)
    kept = [*old, *(edge for edge in new if edge not in dropped)]
    assert deadlocks.circles(kept) == []
    for edge in dropped:
        assert deadlocks.circles([*kept, edge]) != [], edge
    # A second time the same edges stay out: importing a file again changes nothing.
    assert circles.choose_dropped(kept, dropped) == dropped


def test_old_circles_are_nobodys_fault() -> None:
    old = [("gt-a", "gt-b", "blocks"), ("gt-b", "gt-a", "blocks")]
    assert circles.choose_dropped(old, [("gt-c", "gt-a", "blocks")]) == []


def test_a_knot_of_many_edges_is_untied_without_looking_at_each_of_them() -> None:
    names = [f"gt-{number}" for number in range(2000)]
    new = [(one, names[number * 7 % 2000], "blocks") for number, one in enumerate(names)]
    new += [(one, names[number * 11 % 2000], "parent-child") for number, one in enumerate(names)]
    dropped = set(circles.choose_dropped([], new))
    assert deadlocks.circles([edge for edge in new if edge not in dropped]) == []
