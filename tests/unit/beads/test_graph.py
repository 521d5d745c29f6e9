from hypothesis import given
from hypothesis import strategies as st

from gastown.beads.graphs import graph

NODES = st.sampled_from("abcdefg")
EDGES = st.lists(st.tuples(NODES, NODES), max_size=25)


def test_one_cycle_is_found_when_beads_wait_for_each_other() -> None:
    assert graph.cycles([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]) == [["a", "b", "c"]]


def test_no_cycle_is_found_when_two_paths_meet() -> None:
    assert graph.cycles([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]) == []


def test_a_bead_that_waits_for_itself_is_a_cycle() -> None:
    assert graph.cycles([("a", "a"), ("a", "b")]) == [["a"]]


def test_a_chain_of_thousands_needs_no_recursion() -> None:
    chain = [(str(n), str(n + 1)) for n in range(20_000)]
    assert graph.cycles(chain) == []
    assert len(graph.cycles([*chain, ("20000", "0")])[0]) == 20_001


def test_waves_follow_the_dependencies() -> None:
    assert graph.waves("abcd", [("b", "a"), ("c", "a"), ("d", "b"), ("d", "c")]) == [["a"], ["b", "c"], ["d"]]


def test_what_hangs_on_a_cycle_is_in_no_wave() -> None:
    assert graph.waves("abc", [("a", "b"), ("b", "a"), ("c", "a")]) == []


@given(EDGES)
def test_cycles_are_real_and_none_is_missed(edges: list[tuple[str, str]]) -> None:
    found = graph.cycles(edges)
    for way in found:
        assert all(step in edges for step in zip(way, [*way[1:], way[0]], strict=True))
    following = graph.adjacency(edges)
    for node, target in edges:
        if graph.reaches(following, target, node):
            assert any(node in group for group in graph.components(edges))
