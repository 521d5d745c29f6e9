"""Similar pairs, against a comparison of every bead with every other."""

from datetime import UTC, datetime
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from gastown.beads import Bead
from gastown.beads.upkeep.duplicates import _bag, _similarity, find_pairs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), max_size=6).map(" ".join)


def bead(number: int, title: str, text: str) -> Bead:
    return Bead(id=f"x-{number:02}", prefix="x", title=title, description=text, created_at=NOW, updated_at=NOW)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=10), st.floats(0.1, 1))
def test_no_similar_pair_is_missed_and_none_is_made_up(texts: list[tuple[str, str]], threshold: float) -> None:
    beads = [bead(number, *each) for number, each in enumerate(texts)]
    wanted = {
        (one.id, other.id) for one, other in combinations(beads, 2) if _similarity(_bag(one), _bag(other)) >= threshold
    }
    assert {(pair.one.id, pair.other.id) for pair in find_pairs(beads, threshold=threshold)} == wanted


def test_the_same_words_in_another_order_are_alike() -> None:
    (pair,) = find_pairs([bead(1, "fix the login", ""), bead(2, "Login: fix the!", "")], threshold=1)
    assert pair.similarity == 1
