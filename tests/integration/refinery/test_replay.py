"""A past of hundreds of merges, sent to the target again: what lands and what conflicts is what git says."""

from pathlib import Path

import pytest

from gastown import git
from gastown.refinery.candidate import TOWN
from tests.support.pasts import Merge, make_past
from tests.support.replay import WHEN, WorkTree, replay_as_it_stood, replay_in_trains

MERGES = 320


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Merge]]:
    folder = tmp_path_factory.mktemp("past") / "land.git"
    return folder, make_past(folder, merges=MERGES, seed=20)


def test_a_past_in_trains_lands_as_git_merges_it_and_has_its_conflicts(past, tmp_path: Path) -> None:
    land, merges = past
    account = replay_in_trains(land, WorkTree(tmp_path / "tree", land), merges, riders=8)
    assert account.differing == []
    assert account.landed + account.conflicts == MERGES
    assert account.landed >= MERGES // 5, account
    assert account.conflicts >= MERGES // 10, account


def test_each_branch_on_what_it_was_merged_into_then_is_as_git_merges_it(past, tmp_path: Path) -> None:
    land, merges = past
    account = replay_as_it_stood(land, WorkTree(tmp_path / "tree", land), merges)
    assert account.differing == []
    assert account.landed >= MERGES // 5, account
    assert len(account.kinds) >= 4, account


def test_one_that_stays_and_commands_of_their_own_make_the_same(past) -> None:
    land, merges = past
    with git.Merger(land) as merger:
        for merge in merges[::8]:
            made = merger.merge(merge.onto, merge.head)
            assert made == git.merge_trees(land, merge.onto, merge.head)
            if isinstance(made, git.Merged):
                draft = git.Draft(made.tree, (merge.onto, merge.head), "Some, ünïcode\n\n", TOWN, TOWN, WHEN)
                assert merger.write(draft) == git.commit_tree(land, draft)
