"""Two refineries forced onto one rig, the lease stolen while a push is in flight.

Either may win, the loser changes nothing, and SQL agrees with git after every round. A thousand rounds:
`python -m tests.benchmarks.two_refineries 1000`.
"""

from pathlib import Path

import pytest

from tests.support.two_refineries import Remote, make_duel

ROUNDS = 5


@pytest.mark.parametrize("remote", Remote)
def test_one_of_two_refineries_wins_and_the_other_changes_nothing_whatever_the_remote_takes(
    remote: Remote, database_url: str, tmp_path: Path
) -> None:
    duel = make_duel(tmp_path / "here", database_url, remote, seed=ROUNDS)
    duel.rounds(ROUNDS)
    assert duel.counts["rounds"] == ROUNDS
    assert duel.counts["first lost its lease"] > 0
